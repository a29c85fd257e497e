"""How good generated jets are for a budget of training, in truth floors; one line of JSON.

``python -m benchmarks.quality --types t,g,q --cpu-seconds 120 --seed 1`` simulates 20,000 training
and 10,000 test jets of each type with that seed (kept in ``--data``), trains a model of each within
the budget, generates 10,000 jets and compares them with the test jets as `benchmarks.floors` does:
``[floors, error]`` of each metric, the AUC as ``[value, error]``. The budget is the CPU time of the
process that prepares and trains, all threads and all stages together, imports not counted;
``cpu_seconds`` says what was taken. With ``--models FOLDER`` of trained models ({type}/) nothing is
trained, and with ``--pretrained``, whose weights saw none of these jets, all are test jets that as
many generated ones are compared with: ``--shards 10`` makes it 50,000 on each side.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from benchmarks.budget import fit
from benchmarks.floors import SHARD, TRAINING_SHARDS, scores
from benchmarks.recipe import RECIPE
from benchmarks.simulation import simulate
from hypervae.config import resolve_section
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets, concatenate
from hypervae.formats.shard import ShardReader
from hypervae.model.pretrained import pretrained_folder
from hypervae.seeds import derive_seed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--types", default="t,g,q", help="jet types, with commas between")
    parser.add_argument("--cpu-seconds", type=float, default=120.0, help="of training, a type")
    parser.add_argument("--seed", type=int, default=1, help="of the jets and of the training")
    parser.add_argument("--evaluations", type=int, default=10, help="of the network, a jet")
    parser.add_argument("--pretrained", action="store_true", help="the weights that are shipped")
    parser.add_argument("--models", type=Path, help="folder of trained models, {type}/")
    parser.add_argument("--data", type=Path, help="folder that keeps the simulated jets")
    parser.add_argument(
        "--recipe", type=Path, default=RECIPE, help="YAML with sections model and train"
    )
    parser.add_argument(
        "--shards", type=int, default=6, help="shards of 5,000 jets a type, of which 4 train"
    )
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    types = options.types.split(",")
    if options.shards <= len(TRAINING_SHARDS):
        parser.error(
            f"--shards: found {options.shards}, expected {len(TRAINING_SHARDS) + 1} at least"
        )
    wrong = [jet_type for jet_type in types if jet_type not in JET_TYPES]
    if wrong:
        parser.error(f"--types: found {wrong[0]!r}, expected some of {', '.join(JET_TYPES)}")
    recipe = yaml.safe_load(options.recipe.read_text())
    models = options.models
    if options.pretrained:
        models = pretrained_folder(types[0]).parent
    with tempfile.TemporaryDirectory() as name:
        data = (options.data or Path(name)) / str(options.seed)
        simulated(types, data, options.seed, options.cores, options.shards)
        line: dict[str, Any] = {}
        parameters, made, seconds = 0, 0, 0.0
        for jet_type in types:
            work = Path(name) / jet_type
            work.mkdir()
            line[jet_type], about = measure(jet_type, data, work, models, recipe, options)
            parameters = max(parameters, about["parameters"])
            made, seconds = made + about["generated"], seconds + about["seconds"]
    print(
        json.dumps(
            line
            | {
                "parameters": parameters,
                "evaluations": options.evaluations,
                "jets_per_s": round(made / seconds, 1),
            }
        )
    )


def simulated(types: list[str], data: Path, seed: int, cores: int, shards: int = 6) -> None:
    """Simulate the shards that are not there yet."""
    config = json.dumps({"seed": derive_seed(seed, "quality")})
    missing = []
    for jet_type in types:
        (data / jet_type).mkdir(parents=True, exist_ok=True)
        for shard in range(shards):
            if not (data / jet_type / f"{shard}.h5").exists():
                missing.append((jet_type, shard))
    with ThreadPoolExecutor(cores) as pool:
        tasks = [
            pool.submit(simulate, jet_type, shard, SHARD, data / jet_type, config, f"{shard}.h5")
            for jet_type, shard in missing
        ]
        for task in tasks:
            task.result()


def measure(
    jet_type: str,
    data: Path,
    work: Path,
    models: Path | None,
    recipe: Mapping[str, Any],
    options: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train, generate and score one type; its part of the line, and what it took.

    Parameters
    ----------
    jet_type : str
    data, work : path
        Folder of the simulated shards, and one for all that is written.
    models : path, optional
        Folder of trained models; without, one is trained.
    recipe : mapping
        Sections ``model`` and ``train``.
    options : namespace
        ``pretrained`` says that the models saw none of the shards.

    Returns
    -------
    found, about : dict
        ``parameters`` of the model, ``generated`` jets, and their ``seconds``.
    """
    import torch

    from hypervae.generation.generate import generate_jets
    from hypervae.model.hypervae import HyperVAE

    shards, tests = (
        [data / jet_type / f"{shard}.h5" for shard in some]
        for some in (TRAINING_SHARDS, range(len(TRAINING_SHARDS), options.shards))
    )
    if options.pretrained:
        shards, tests = [], shards + tests
    generated = len(tests) * SHARD
    cpu, seen = 0.0, 0
    if models is None:
        torch.set_num_threads(options.cores)
        cpu, seen = fit(shards, work, recipe, options.cpu_seconds, options.seed)
        folder = work / "model"
    else:
        folder = models / jet_type
    settings = resolve_section(
        "generate",
        {
            "jets": generated,
            "seed": derive_seed(options.seed, "generate", jet_type),
            "flow_evaluations": options.evaluations,
        },
    )
    start = time.perf_counter()
    generate_jets(folder, work / "generated.h5", settings, jet_type=jet_type)
    seconds = time.perf_counter() - start
    model = HyperVAE.load(folder)
    found = scores(
        [read(path) for path in shards],
        [read(path) for path in tests],
        read(work / "generated.h5"),
        seed=options.seed,
    )
    found |= {"cpu_seconds": round(cpu, 1), "jets_seen": seen}
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return found, {"parameters": parameters, "generated": generated, "seconds": seconds}


def read(path: Path) -> Jets:
    """The jets of a shard."""
    with ShardReader(path) as reader:
        return concatenate(list(reader.chunks()))


if __name__ == "__main__":
    main()

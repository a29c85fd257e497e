"""How good generated jets are for a budget of training, in truth floors; one line of JSON.

``python -m benchmarks.quality --types t,g,q --cpu-seconds 120 --seed 1`` simulates 20,000 training
and 10,000 test jets of each type with that seed (kept in ``--data``), trains a model of each within
the budget, generates 10,000 jets and compares them with the test jets as `benchmarks.floors` does:
``[floors, error]`` of each metric, the AUC as ``[value, error]``. The budget is the CPU time of the
process that prepares and trains, all threads and all stages together, imports not counted;
``cpu_seconds`` says what was taken. With ``--models FOLDER`` of trained models ({type}/) nothing is
trained, and with ``--pretrained``, whose weights saw none of these jets, all are test jets that as
many generated ones are compared with: ``--shards 10`` makes it 50,000 on each side. ``--joint``
trains one model of all types, with as much time as theirs together, ``--particles 150`` takes
JetNet150's number.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.arguments import OnceParser
from benchmarks.budget import fit
from benchmarks.floors import SHARD, TRAINING_SHARDS, scores
from benchmarks.recipe import RECIPE
from benchmarks.simulation import PARTICLES, simulate
from hypervae.config import resolve_section
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets, concatenate
from hypervae.formats.shard import ShardReader
from hypervae.model.pretrained import pretrained_folder
from hypervae.seeds import derive_seed


def main() -> None:
    """Measure and print."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--types", default="t,g,q", help="jet types, with commas between")
    parser.add_argument("--cpu-seconds", type=float, default=120.0, help="of training, a type")
    parser.add_argument("--seed", type=int, default=1, help="of the jets and of the training")
    parser.add_argument("--evaluations", type=int, default=10, help="of the network, a jet")
    parser.add_argument("--joint", action="store_true", help="one model of all types")
    parser.add_argument("--particles", type=int, default=PARTICLES, help="of a jet, at most")
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
    with tempfile.TemporaryDirectory() as name:
        folder = data_folder(options, Path(name))
        simulated(types, folder, options)
        line: dict[str, Any] = {}
        parameters, made, seconds = 0, 0, 0.0
        for jet_type, model in trained(types, folder, Path(name), options).items():
            found, about = measure(jet_type, folder, model.folder, options)
            line[jet_type] = found | {
                "cpu_seconds": round(model.cpu_seconds, 1),
                "jets_seen": model.jets_seen,
            }
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


@dataclass
class Trained:
    """A model, and what its training took, which is 0 where it was not trained here."""

    folder: Path
    cpu_seconds: float = 0.0
    jets_seen: int = 0


def trained(
    types: Sequence[str], data: Path, work: Path, options: argparse.Namespace
) -> dict[str, Trained]:
    """The models of the types, trained where none are given.

    Parameters
    ----------
    types : sequence of str
    data, work : path
        Folder of the simulated shards, and one for all that is written.
    options : namespace

    Returns
    -------
    dict of Trained
        By jet type. A joint model is that of each; what its training took is divided among them.
    """
    if options.pretrained:
        return {jet_type: Trained(pretrained_folder(jet_type)) for jet_type in types}
    if options.models:
        return {jet_type: Trained(options.models / jet_type) for jet_type in types}
    import torch

    torch.set_num_threads(options.cores)
    recipe = yaml.safe_load(options.recipe.read_text())
    found: dict[str, Trained] = {}
    for group in [list(types)] if options.joint else [[jet_type] for jet_type in types]:
        own = work / "-".join(group)
        own.mkdir()
        # one shard of each type after the other: the first ones measure what a step costs
        shards = [data / name / f"{shard}.h5" for shard in TRAINING_SHARDS for name in group]
        budget = options.cpu_seconds * len(group)
        cpu, seen = fit(shards, own, recipe, budget, options.seed, types=len(group))
        for jet_type in group:
            found[jet_type] = Trained(own / "model", cpu / len(group), seen // len(group))
    return found


def data_folder(options: argparse.Namespace, otherwise: Path) -> Path:
    """Folder of the simulated jets of a seed and a number of particles."""
    name = str(options.seed)
    if options.particles != PARTICLES:
        name += f"-{options.particles}"
    folder: Path = (options.data or otherwise) / name
    return folder


def simulated(types: Sequence[str], data: Path, options: argparse.Namespace) -> None:
    """Simulate the shards that are not there yet."""
    config = json.dumps({"seed": derive_seed(options.seed, "quality")})
    missing = []
    for jet_type in types:
        (data / jet_type).mkdir(parents=True, exist_ok=True)
        for shard in range(options.shards):
            if not (data / jet_type / f"{shard}.h5").exists():
                missing.append((jet_type, shard))
    with ThreadPoolExecutor(options.cores) as pool:
        tasks = [
            pool.submit(
                simulate,
                *(jet_type, shard, SHARD, data / jet_type, config, f"{shard}.h5"),
                particles=options.particles,
            )
            for jet_type, shard in missing
        ]
        for task in tasks:
            task.result()


def measure(
    jet_type: str, data: Path, model: Path, options: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Generate and score jets of one type.

    Parameters
    ----------
    jet_type : str
    data, model : path
        Folders of the simulated shards and of the model.
    options : namespace
        ``pretrained`` says that the model saw none of the shards.

    Returns
    -------
    scores, about : dict
        ``parameters`` of the model, ``generated`` jets, and their ``seconds``.
    """
    from hypervae.generation.generate import generate_jets
    from hypervae.model.hypervae import HyperVAE

    shards, tests = (
        [data / jet_type / f"{shard}.h5" for shard in some]
        for some in (TRAINING_SHARDS, range(len(TRAINING_SHARDS), options.shards))
    )
    if options.pretrained:
        shards, tests = [], shards + tests
    generated = len(tests) * SHARD
    settings = resolve_section(
        "generate",
        {
            "jets": generated,
            "seed": derive_seed(options.seed, "generate", jet_type),
            "flow_evaluations": options.evaluations,
        },
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "generated.h5"
        start = time.perf_counter()
        generate_jets(model, path, settings, jet_type=jet_type)
        seconds = time.perf_counter() - start
        found = scores(
            [read(path) for path in shards],
            [read(path) for path in tests],
            read(path),
            seed=options.seed,
        )
    parameters = sum(parameter.numel() for parameter in HyperVAE.load(model).parameters())
    return found, {"parameters": parameters, "generated": generated, "seconds": seconds}


def read(path: Path) -> Jets:
    """The jets of a shard."""
    with ShardReader(path) as reader:
        return concatenate(list(reader.chunks()))


if __name__ == "__main__":
    main()

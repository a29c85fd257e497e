"""What weights that come along are worth to a small sample of other jets; one line of JSON.

``python -m benchmarks.fine_tuning --type t --jets 500,2000 --cpu-seconds 60`` simulates jets whose
hard process has another pT (1.2 TeV where the weights know 1.0 TeV; kept in ``--data``), and trains
on the first of them, for each size within the same budget: from the start (``scratch``), and from
the weights (``tuned``). Their jets, and those of the weights as they are (``as_they_are``), are
compared with 10,000 other ones as in `benchmarks.floors`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.arguments import OnceParser
from benchmarks.budget import fit
from benchmarks.floors import SHARD, scores
from benchmarks.quality import read
from benchmarks.recipe import RECIPE
from benchmarks.simulation import simulate
from hypervae.config import resolve_section
from hypervae.formats.shard_writer import write_shard
from hypervae.generation.generate import generate_jets
from hypervae.model.pretrained import pretrained_folder
from hypervae.seeds import derive_seed

#: pT of the hard process [GeV].
PT_HAT = (1200.0, 1210.0)
#: The first shard has the jets that are learned from; two are a floor's other side, two the test.
FLOORS, TEST = (0, 1), (2, 3)
GENERATED = 10_000


def main() -> None:
    """Measure and print."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--type", default="t", help="jet type, of which there are weights")
    parser.add_argument("--jets", default="500,2000", help="sizes of the sample, commas between")
    parser.add_argument("--cpu-seconds", type=float, default=60.0, help="of each training")
    parser.add_argument("--seed", type=int, default=1, help="of the jets and of the trainings")
    parser.add_argument("--evaluations", type=int, default=10, help="of the network, a jet")
    parser.add_argument("--data", type=Path, help="folder that keeps the simulated jets")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        data = (options.data or Path(name)) / str(options.seed) / options.type
        shards = simulated(options.type, data, options.seed)
        weights = pretrained_folder(options.type)
        found: dict[str, Any] = {"type": options.type, "pt_hat": PT_HAT}
        found["as_they_are"] = measure(weights, shards, Path(name), options)
        for jets in map(int, options.jets.split(",")):
            sample = Path(name) / f"{jets}.h5"
            write_shard(sample, read(shards[0])[:jets], source=shards[0].name)
            found[str(jets)] = {}
            for start, initial in (("scratch", None), ("tuned", weights)):
                work = Path(name) / f"{start}-{jets}"
                work.mkdir()
                budget = options.cpu_seconds
                fit([sample], work, recipe, budget, options.seed, init_from=initial)
                found[str(jets)][start] = measure(work / "model", shards, work, options)
    print(json.dumps(found))


def simulated(jet_type: str, data: Path, seed: int) -> list[Path]:
    """Simulate the shards that are not there yet."""
    data.mkdir(parents=True, exist_ok=True)
    config = {"seed": derive_seed(seed, "fine tuning"), "pt_hat": {jet_type: PT_HAT}}
    paths = [data / f"{shard}.h5" for shard in (*FLOORS, *TEST)]
    for shard, path in zip((*FLOORS, *TEST), paths, strict=True):
        if not path.exists():
            simulate(jet_type, shard, SHARD, data, json.dumps(config), path.name)
    return paths


def measure(
    model: Path, shards: list[Path], work: Path, options: argparse.Namespace
) -> dict[str, list[float]]:
    """The scores of a model's jets."""
    settings = {
        "jets": GENERATED,
        "seed": derive_seed(options.seed, "generate"),
        "flow_evaluations": options.evaluations,
    }
    path = work / "generated.h5"
    generate_jets(model, path, resolve_section("generate", settings), jet_type=options.type)
    return scores(
        [read(shards[shard]) for shard in FLOORS],
        [read(shards[shard]) for shard in TEST],
        read(path),
        seed=options.seed,
    )


if __name__ == "__main__":
    main()

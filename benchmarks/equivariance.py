"""Equivariance of the trained default model, measured on held-out jets; one line of JSON.

``python -m benchmarks.equivariance`` simulates two shards of top jets, computes correlators and
their normalization, trains the default model for a few epochs and measures it as `hypervae
equivariance` does. ``--model DIR --shards LIST`` takes a trained model and its shards instead.
`hypervae.equivariance.model.measure_model` says what the figures are. The status is 1, with a
message, if a bound is broken or if not even rotations about the beam are left to be tested.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.arguments import OnceParser
from hypervae.config import resolve_section
from hypervae.equivariance.measure import measure_equivariance
from hypervae.io import read_list, write_list
from hypervae.model.references import TRIVIAL_GROUP

SHARDS = 2


def trained(folder: Path, jet_type: str, jets: int, epochs: int) -> tuple[Path, Path]:
    """Simulate shards and train the default model; its folder, and the list of shards."""
    from hypervae.correlators.compute import compute_correlators
    from hypervae.data.simulate import silence_fastjet, simulate_shard
    from hypervae.normalization.merge import merge_normalization
    from hypervae.training.run import TrainingFiles, train

    silence_fastjet()
    shards = [folder / f"{index}.h5" for index in range(SHARDS)]
    correlators = [folder / f"correlators-{index}.h5" for index in range(SHARDS)]
    simulation = resolve_section("simulate", {})
    for index, (shard, computed) in enumerate(zip(shards, correlators, strict=True)):
        simulate_shard(shard, jet_type, index, jets // SHARDS, 30, simulation)
        compute_correlators(shard, computed, resolve_section("correlators", {}))
    merge_normalization(correlators, folder / "n.h5", resolve_section("normalize", {}))
    config = resolve_section("train", {"epochs": epochs, "execution": {"device": "cpu"}})
    files = TrainingFiles(shards, correlators, folder / "n.h5")
    train(files, folder / "model", folder / "checkpoints", config)
    write_list(folder / "shards.txt", shards)
    return folder / "model", folder / "shards.txt"


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a trained model")
    parser.add_argument("--shards", type=Path, help="list file of its shards")
    parser.add_argument("--jet-type", default="t", help="what to simulate")
    parser.add_argument("--jets", type=int, default=2400, help="jets to simulate")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--measured", type=int, default=32, help="held-out jets to transform")
    parser.add_argument("--transformations", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if (options.model is None) != (options.shards is None):
        parser.error("--model and --shards go together")
    torch.set_num_threads(1)
    names = {"jets": options.measured, "transformations": options.transformations}
    config = resolve_section("equivariance", {**names, "seed": options.seed})
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(sys.stderr):
        folder = Path(name)
        model, shards = options.model, options.shards
        if model is None:
            size = (options.jet_type, options.jets, options.epochs)
            model, shards = trained(folder, *size)
        found = measure_equivariance(model, read_list(shards), config, folder / "out.json")
    print(json.dumps(found["figures"]))
    broken_bounds = found["broken_bounds"]
    if found["figures"]["residual_group"] == TRIVIAL_GROUP:
        broken_bounds.append("the encoder's references and features leave no symmetry to be tested")
    if broken_bounds:
        raise SystemExit("\n".join(broken_bounds))


if __name__ == "__main__":
    main()

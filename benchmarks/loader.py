"""Jets read per second and core, as PyG graphs and as batches; prints one line of JSON.

``python -m benchmarks.loader``. Each rate is measured in a new process from freshly opened files,
with 30-particle gluon jets and every set of 3 and 4 particles (31,465 hyperedges) materialized as
float32 [K, 3]; imports and compilation are not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.arguments import OnceParser
from benchmarks.jets import gluon_jets
from hypervae.config import NormalizationConfig, resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.normalization.merge import merge_normalization


def prepare(folder: Path) -> None:
    """Write a shard, its correlators and their normalization."""
    write_shard(folder / "shard.h5", gluon_jets(), source="benchmark")
    config = resolve_section("correlators", {"split": {"fractions": [1.0, 0.0, 0.0]}})
    compute_correlators(folder / "shard.h5", folder / "correlators.h5", config)
    merge_normalization([folder / "correlators.h5"], folder / "n.h5", NormalizationConfig())


def measure(reader: str, folder: Path, jets: int, batch_size: int) -> float:
    """Jets per second of one way of reading, in this process."""
    import torch

    torch.set_num_threads(1)
    files = [folder / "shard.h5"], [folder / "correlators.h5"]
    if reader == "pyg":
        from hypervae.hypergraph import HypergraphDataset

        HypergraphDataset(*files, folder / "n.h5")[0]  # compilation
        start = time.perf_counter()
        dataset = HypergraphDataset(*files, folder / "n.h5")
        for index in range(jets):
            dataset[index]
        return jets / (time.perf_counter() - start)
    from hypervae.model import ModelConfig
    from hypervae.normalization.sources import find_sources
    from hypervae.training.loader import JetLoader
    from hypervae.training.stream import JetStream

    def batches():
        merged = read_normalization(folder / "n.h5")
        sources = find_sources(*files, merged, folder / "n.h5")
        split = merged.settings.split
        stream = JetStream(sources, ["g"], "train", split, seed=1)
        model = ModelConfig.of({"hyperedge_encoder": "mlp", "hyperedge_decoder": "binned"})
        return JetLoader(stream, merged, model).batches(0, batch_size=batch_size)

    next(batches())  # compilation
    start = time.perf_counter()
    seen = 0
    for batch in batches():
        seen += len(batch)
    return seen / (time.perf_counter() - start)


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=1000, help="graphs read")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", choices=("pyg", "batch"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measure(options.measure, options.folder, options.jets, options.batch_size))
        return
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        rates = {}
        for reader in ("pyg", "batch"):
            command = [sys.executable, "-m", "benchmarks.loader", "--measure", reader]
            command += ["--folder", name, "--jets", str(options.jets)]
            command += ["--batch-size", str(options.batch_size)]
            found = [
                float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                for _ in range(options.repeats)
            ]
            rates[f"{reader}_jets_per_s"] = round(max(found))
    print(json.dumps(rates))


if __name__ == "__main__":
    main()

"""Jets per second of training from end to end, and its memory; prints one line of JSON.

``python -m benchmarks.training``, on gluon jets of the reference file and the default config.

``jets_per_s``: all training jets of two epochs over the time of the whole fit: loading, steps,
validation, sample of generated jets, TensorBoard and checkpoints. ``loading_share``: the share of
the steps' time in which they wait for batches. ``peak_rss_mb_20k`` and ``peak_rss_mb_1m``: resident
memory of the process and its loader workers together, at its highest during 50 steps and one pass
of the loaders through all jets; the 1,000,000 jets (``loader_jets_1m``) are links to the files of
the 20,000. ``cuda``: with a GPU, its name, jets per second in 32 and bf16, and peak GPU memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.arguments import OnceParser
from benchmarks.jets import gluon_jets
from hypervae.config import NormalizationConfig, resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.formats.shard_writer import write_shard
from hypervae.io import read_list, write_list
from hypervae.logs import show_on_terminal
from hypervae.normalization.merge import merge_normalization
from hypervae.training import run
from hypervae.training.loader import JetLoader, Step
from hypervae.training.observers.interface import EpochReport, Observer, Position, StepReport
from hypervae.training.trainer import Trainer

SHARD = 1000
STEPS = 50
SPLIT = {"fractions": [0.9, 0.1, 0.0]}


def prepare(folder: Path, jets: int, many: int) -> None:
    """Write shards with all that training needs, and the lists ``few`` and ``many`` of them."""
    everything = gluon_jets(copies=-(-jets // 5000))[:jets]
    settings = resolve_section("correlators", {"split": SPLIT})
    files: tuple[list[Path], list[Path]] = [], []
    for place in range(0, jets, SHARD):
        shard, correlators = folder / f"s{place}.h5", folder / f"c{place}.h5"
        write_shard(shard, everything[slice(place, place + SHARD)], source="benchmark")
        compute_correlators(shard, correlators, settings)
        files[0].append(shard)
        files[1].append(correlators)
    merge_normalization(files[1], folder / "n.h5", NormalizationConfig())
    for content, paths in zip(("shards", "correlators"), files, strict=True):
        write_list(folder / f"few.{content}.txt", paths)
        links = []
        for copy in range(many // jets):
            for path in paths:
                links.append(path.with_name(f"l{copy}-{path.name}"))
                links[-1].symlink_to(path)
        write_list(folder / f"many.{content}.txt", links)


def fit(folder: Path, which: str, section: dict[str, Any], observer: Observer) -> None:
    """Train as `hypervae train` does."""
    show_on_terminal()
    run.train(
        run.TrainingFiles(
            read_list(folder / f"{which}.shards.txt"),
            read_list(folder / f"{which}.correlators.txt"),
            folder / "n.h5",
        ),
        folder / "model",
        folder / f"checkpoints-{time.time_ns()}",
        resolve_section("train", {**section, "split": SPLIT}),
        observers=[observer],
    )


class Clock(Observer):
    """The time of the whole fit, the jets of it, and the peaks of GPU memory."""

    def __init__(self) -> None:
        self.start = self.seconds = self.jets = 0.0
        self.peaks = [0.0]

    def on_start(self, position: Position) -> None:
        """Start."""
        self.start = time.perf_counter()
        self.jets = position.epochs * position.jets_per_epoch

    def on_epoch(self, report: EpochReport) -> None:
        """Note the peak."""
        self.peaks.append(report.row["peak_gpu_memory_mb"] or 0.0)

    def close(self) -> None:
        """Stop."""
        self.seconds = time.perf_counter() - self.start


def measure_speed(folder: Path, section: dict[str, Any]) -> dict[str, float]:
    """Jets per second from end to end, and the share of waiting, in this process."""
    spent = {"waiting": 0.0, "steps": 0.0}
    all_steps = JetLoader.steps

    def timed(self: JetLoader, epoch: int, **options: Any) -> Iterator[Step]:
        steps = all_steps(self, epoch, **options)
        if not options.get("shuffle", True):  # validation
            yield from steps
            return
        begin = time.perf_counter()
        while True:
            start = time.perf_counter()
            step = next(steps, None)
            spent["waiting"] += time.perf_counter() - start
            if step is None:
                spent["steps"] += time.perf_counter() - begin
                return
            yield step

    JetLoader.steps = timed
    clock = Clock()
    fit(folder, "few", section, clock)
    found = {
        "jets_per_s": clock.jets / clock.seconds,
        "loading_share": spent["waiting"] / spent["steps"],
    }
    if torch.cuda.is_available():
        # torch's own peak is that since the steps of the last epoch, where the trainer resets it
        found["peak_gpu_mb"] = max(*clock.peaks, torch.cuda.max_memory_allocated() / 1e6)
    return found


class _Stop(Exception):
    """Enough steps were taken."""


class Pass(Observer):
    """After 50 steps a pass of the loaders through all jets, and the end."""

    def __init__(self, trainers: list[Trainer]):
        self.trainers, self.jets = trainers, 0

    def on_step(self, report: StepReport) -> None:
        """Take the pass when it is time."""
        if report.step < STEPS:
            return
        (trainer,) = self.trainers
        for loader in (trainer.training, trainer.validation):
            for batch in loader.batches(0, batch_size=trainer.config.batch_size):
                self.jets += len(batch)
        raise _Stop


def measure_memory(folder: Path, which: str, section: dict[str, Any]) -> dict[str, float]:
    """Peak resident memory of this process and its children, over 50 steps and a pass."""
    peak = [0]
    done = threading.Event()

    def watch() -> None:
        process = psutil.Process()
        while not done.wait(0.2):
            total = process.memory_info().rss
            for child in process.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak[0] = max(peak[0], total)

    trainers: list[Trainer] = []
    fit_all = Trainer.fit

    def noted(self: Trainer) -> None:
        trainers.append(self)
        fit_all(self)

    Trainer.fit = noted
    through = Pass(trainers)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        fit(folder, which, section, through)
    except _Stop:
        pass
    finally:
        done.set()
        watcher.join()
    return {"peak_rss_mb": peak[0] / 1e6, "jets": through.jets}


def in_new_process(*arguments: object) -> dict[str, float]:
    """Run a measurement of this module by itself."""
    command = [sys.executable, "-m", "benchmarks.training", "--measure", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def on_gpu(folder: Path) -> dict[str, Any]:
    """The same speeds on the GPU, in 32 and in bf16."""
    found: dict[str, Any] = {"name": torch.cuda.get_device_name()}
    for name, precision in (("fp32", "32"), ("bf16", "bf16-mixed")):
        section = {"epochs": 2, "precision": precision, "execution": {"device": "cuda"}}
        measured = in_new_process("speed", folder, json.dumps(section))
        found[f"jets_per_s_{name}"] = round(measured["jets_per_s"], 1)
        found[f"peak_memory_mb_{name}"] = round(measured["peak_gpu_mb"])
    return found


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=20_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--speed-jets", type=int, default=3_000)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--measure", nargs=3, metavar=("FIGURE", "FOLDER", "SECTION"))
    options = parser.parse_args()
    if options.measure:
        figure, folder, text = options.measure
        section = json.loads(text)
        if figure == "speed":
            found = measure_speed(Path(folder), section)
        else:
            found = measure_memory(Path(folder), figure, section)
        print(json.dumps(found))
        return
    on_cpu = {"device": "cpu", "workers": options.workers}
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "speed"
        folder.mkdir()
        prepare(folder, options.speed_jets, options.speed_jets)
        speed = in_new_process("speed", folder, json.dumps({"epochs": 2, "execution": on_cpu}))
        result["jets_per_s"] = round(speed["jets_per_s"], 1)
        result["loading_share"] = round(speed["loading_share"], 4)
        cuda = on_gpu(folder) if torch.cuda.is_available() else None
        folder = Path(name) / "memory"
        folder.mkdir()
        prepare(folder, options.jets, options.many)
        for which, label in (("few", "20k"), ("many", "1m")):
            found = in_new_process(which, folder, json.dumps({"epochs": 1, "execution": on_cpu}))
            result[f"peak_rss_mb_{label}"] = round(found["peak_rss_mb"])
            result[f"loader_jets_{label}"] = round(found["jets"])
        del result["loader_jets_20k"]
        result["cuda"] = cuda
    print(json.dumps(result))


if __name__ == "__main__":
    main()

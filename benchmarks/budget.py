"""Training through the library within a budget of CPU time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypervae.config import resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.normalization.merge import merge_normalization
from hypervae.training.observers.interface import Observer, Position, StepReport
from hypervae.training.run import TrainingFiles, train

#: The training jets are cut into those that train and those that choose the best epoch.
SPLIT = {"fractions": [0.95, 0.05, 0.0]}
#: Steps that warm up, and steps that are timed.
WARM, TIMED = 5, 20
#: Share of the budget that validation, the prior's fit and the writing may take.
RESERVE = 0.1


class _Timed(Exception):
    """The rate is known."""


class Rate(Observer):
    """Measures the CPU time of a step, then ends the training."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._start = 0.0

    def on_step(self, report: StepReport) -> None:
        """Start the clock after the warm-up and stop it after the timed steps."""
        if report.step == WARM:
            self._start = time.process_time()
        if report.step == WARM + TIMED:
            self.seconds = (time.process_time() - self._start) / TIMED
            raise _Timed


class Seen(Observer):
    """Counts the jets that were trained on."""

    def __init__(self) -> None:
        self.jets = 0

    def on_start(self, position: Position) -> None:
        """Nothing was seen."""
        self.jets = 0

    def on_step(self, report: StepReport) -> None:
        """Add a step's jets."""
        self.jets += report.jets


def fit(
    shards: Sequence[Path],
    work: Path,
    recipe: Mapping[str, Any],
    cpu_seconds: float,
    seed: int,
) -> tuple[float, int]:
    """Train on shards, correlators and normalization included, and write ``work/model``.

    The number of steps follows from the CPU time that a step takes, measured in the first ones of a
    run that is then thrown away; what that took counts.

    Parameters
    ----------
    shards : sequence of path
        Of one jet type.
    work : path
        Folder for all that is written.
    recipe : mapping
        Sections ``model`` and ``train``.
    cpu_seconds : float
        Budget of this process.
    seed : int

    Returns
    -------
    cpu : float
        CPU seconds taken.
    jets : int
        Jets of all steps, repeated ones as often as they came.
    """
    start = time.process_time()
    settings = resolve_section("correlators", {"split": SPLIT})
    correlators = [work / f"correlators-{shard.name}" for shard in shards]
    for shard, path in zip(shards, correlators, strict=True):
        compute_correlators(shard, path, settings)
    normalization = work / "normalization.h5"
    merge_normalization(correlators, normalization, resolve_section("normalize", {}))
    files = TrainingFiles(shards, correlators, normalization)

    def run(folder: str, steps: int, *observers: Observer) -> None:
        section = {
            **recipe.get("train", {}),
            "seed": seed,
            "steps": steps,
            "model": recipe.get("model", {}),
            "split": SPLIT,
        }
        config = resolve_section("train", section)
        train(files, work / folder, work / f"checkpoints-{folder}", config, observers=observers)

    rate = Rate()
    with suppress(_Timed):
        run("rate", WARM + TIMED + 1, rate)
    left = cpu_seconds * (1 - RESERVE) - (time.process_time() - start)
    seen = Seen()
    run("model", max(int(left / rate.seconds), 1), seen)
    return time.process_time() - start, seen.jets

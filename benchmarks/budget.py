"""Training through the library within a budget of CPU time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypervae.config import resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.formats.shard import ShardReader
from hypervae.model.autoregressive import AutoregressivePrior
from hypervae.normalization.merge import merge_normalization
from hypervae.training.observers.interface import Observer, Position, StepReport
from hypervae.training.run import TrainingFiles, train

#: The training jets are cut into those that train and those that choose the best epoch.
SPLIT = {"fractions": [0.95, 0.05, 0.0]}
#: Steps that warm up, and steps that are timed, of the training and of the prior's fit.
WARM, TIMED = 10, 30
#: Share of the budget that validation, encoding and writing may take.
RESERVE = 0.05
#: Share of the rest that a fitted prior gets, and how often each of its networks sees a training
#: jet: fitted for longer, a network learns them by heart, where a further network helps.
OF_PRIOR, PASSES = 0.42, 30
#: Networks of a prior, at most.
MOST_NETWORKS = 8
#: CPU time of all draws of an acceptance over that of those before its first step; measured: those
#: by which its odds are tilted take .54 (t) and .56 (q) of these.
DRAWN = 1.55
#: Share of a prior's time that its acceptance may take: for less, its networks take fewer steps.
OF_ACCEPTANCE = 0.5


class Rates(Observer):
    """Measures the CPU time of a step, of the training, of the prior's fit and of its acceptance.

    Attributes
    ----------
    training, prior, acceptance : float
        Of one step [s]; of the fits, of one network.
    drawing : float
        Of what the acceptance is fitted on, before its first step [s].
    """

    def __init__(self) -> None:
        self.training = self.prior = self.acceptance = self.drawing = 0.0
        self._start = self._end = 0.0

    def on_step(self, report: StepReport) -> None:
        """Start the clock after the warm-up and stop it after the timed steps."""
        self.training = self._clock(report.step, self.training)

    def on_prior_step(self, step: int, steps: int) -> None:
        """As `on_step`, of the prior's fit."""
        self.prior = self._clock(step, self.prior)
        self._end = time.process_time()

    def on_acceptance_step(self, step: int, steps: int) -> None:
        """As `on_step`, of the prior's acceptance."""
        self.acceptance = self._clock(step, self.acceptance)
        if step == 1 and self._end:
            self.drawing = time.process_time() - self._end

    def of_acceptance(self, steps: int, networks: int, larger: float) -> float:
        """What the whole acceptance takes [s].

        Parameters
        ----------
        steps, networks : int
            Of its fit: of each network, and how many.
        larger : float
            How many times as long the drawing takes as it did.

        Returns
        -------
        float
        """
        return networks * steps * self.acceptance + DRAWN * self.drawing * larger

    def _clock(self, step: int, known: float) -> float:
        if step == WARM:
            self._start = time.process_time()
        if step == WARM + TIMED:
            return (time.process_time() - self._start) / TIMED
        return known


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
    init_from: Path | None = None,
    types: int = 1,
) -> tuple[float, int]:
    """Train on shards, correlators and normalization included, and write ``work/model``.

    The numbers of steps, and of networks of an autoregressive prior, follow from the CPU time that
    a step takes, measured in a short run on the first shards that is then thrown away; what that
    took counts.

    Parameters
    ----------
    shards : sequence of path
        Of one jet type, or of each of several in turn.
    work : path
        Folder for all that is written.
    recipe : mapping
        Sections ``model`` and ``train``.
    cpu_seconds : float
        Budget of this process.
    seed : int
    init_from : path, optional
        A trained model to start from.
    types : int
        Jet types of the shards.

    Returns
    -------
    cpu : float
        CPU seconds taken.
    jets : int
        Jets of all steps, repeated ones as often as they came.
    """
    start = time.process_time()
    few, files = _prepared(shards, work, types, init_from)

    def run(
        files: TrainingFiles,
        folder: str,
        steps: int,
        prior: int,
        observer: Observer,
        of_model: Mapping[str, Any],
        **more: Any,
    ) -> None:
        section = {
            **recipe.get("train", {}),
            **more,
            "seed": seed,
            "steps": steps,
            "prior_steps": prior,
            "model": {**model, **of_model},
            "split": SPLIT,
        }
        config = resolve_section("train", section)
        train(files, work / folder, work / f"checkpoints-{folder}", config, observers=[observer])

    model = recipe.get("model", {})
    settings = resolve_section("train", {**recipe.get("train", {}), "model": dict(model)})
    rates, enough = Rates(), WARM + TIMED
    short: dict[str, Any] = {"monitor": "total", "monitor_every": 0, "acceptance_steps": enough}
    single = {"prior_networks": 1, "prior_acceptance": min(settings.model.prior_acceptance, 1)}
    run(few, "rates", enough, enough, rates, single, **short)
    left = cpu_seconds * (1 - RESERVE) - (time.process_time() - start)
    of_prior = OF_PRIOR * left if rates.prior else 0.0
    steps = max(int((left - of_prior) / rates.training), 1)
    seen = Seen()
    networks = 1

    def steps_of_prior(networks: int) -> tuple[int, int]:
        """Of one network, and of each of an acceptance of draws from so many."""
        larger = networks * len(shards) / types
        return shared(
            of_prior, rates, settings.acceptance_steps, settings.model.prior_acceptance, larger
        )

    if init_from is None and model.get("prior") == "autoregressive":
        networks = networks_for(steps_of_prior(1)[0], shards)
    prior, acceptance = steps_of_prior(networks)
    more: dict[str, Any] = {"acceptance_steps": acceptance}
    if settings.monitor == "total":  # jets that are generated amid it decide nothing
        more["monitor_every"] = 0
    run(
        files, "model", steps, max(prior // networks, 1), seen, {"prior_networks": networks}, **more
    )
    return time.process_time() - start, seen.jets


def _prepared(
    shards: Sequence[Path], work: Path, types: int, init_from: Path | None
) -> tuple[TrainingFiles, TrainingFiles]:
    """Correlators and normalization: of the first shard of each type, and of all."""
    settings = resolve_section("correlators", {"split": SPLIT})
    correlators = [work / f"correlators-{shard.parent.name}-{shard.name}" for shard in shards]
    for shard, path in zip(shards, correlators, strict=True):
        compute_correlators(shard, path, settings)
    found = [
        TrainingFiles(shards[:count], correlators[:count], work / name, init_from)
        for count, name in ((types, "few.h5"), (len(shards), "normalization.h5"))
    ]
    for files in found:
        settings = resolve_section("normalize", {})
        merge_normalization(files.correlators, files.normalization, settings)
    return found[0], found[1]


def shared(
    seconds: float, rates: Rates, steps: int, networks: int, larger: float
) -> tuple[int, int]:
    """Steps of a prior's fit and of each network of its acceptance, within their time.

    A machine may be so slow, or so busy, that the acceptance alone would take all of it, and a
    prior that was not fitted is not mended by keeping some of its draws.

    Parameters
    ----------
    seconds : float
        Of both.
    rates : Rates
    steps, networks : int
        Of the acceptance, as the recipe has it.
    larger : float
        As `Rates.of_acceptance` takes it.

    Returns
    -------
    prior, acceptance : int
        1 at least; no more than ``steps`` of the acceptance.
    """
    most = OF_ACCEPTANCE * seconds - rates.of_acceptance(0, networks, larger)
    a_step = networks * rates.acceptance
    if a_step:
        steps = min(max(int(most / a_step), 1), steps)
    taken = rates.of_acceptance(steps, networks, larger)
    return max(int((seconds - taken) / (rates.prior or 1.0)), 1), steps


def networks_for(steps: int, shards: Sequence[Path]) -> int:
    """Networks of an autoregressive prior, of the steps that one network could take.

    Parameters
    ----------
    steps : int
    shards : sequence of path

    Returns
    -------
    int
    """
    jets = 0
    for shard in shards:
        with ShardReader(shard) as reader:
            jets += reader.n_jets
    passes = steps * AutoregressivePrior.fit_batch / (jets * SPLIT["fractions"][0])
    return min(max(round(passes / PASSES), 1), MOST_NETWORKS)

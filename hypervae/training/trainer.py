"""The training loop, on Lightning Fabric (precision, devices, clipping)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import torch
from lightning.fabric import Fabric

from hypervae.config import TrainConfig
from hypervae.errors import HyperVAEError
from hypervae.model import HyperVAE
from hypervae.training.checkpoint import Checkpoints
from hypervae.training.interrupt import Interrupted, SignalWatch
from hypervae.training.loader import JetLoader, Step
from hypervae.training.memory import OutOfMemory, advice, is_out_of_memory
from hypervae.training.monitors import MONITORS
from hypervae.training.observers.interface import EpochReport, Observers, Position, StepReport
from hypervae.training.processes import check_alive, peak_memory_mb, sum_over_processes
from hypervae.training.state import BestEpoch, RunState
from hypervae.training.step import Optimization, StepOutcome
from hypervae.training.validation import ValidationResult, validate
from hypervae.training.workers import WorkerLost


@dataclass(frozen=True)
class Loaders:
    """The jets of a training."""

    training: JetLoader
    validation: JetLoader


class Trainer:
    """Trains a model; can be stopped and resumed at any optimizer step.

    Parameters
    ----------
    fabric : Fabric
        Launched.
    model : HyperVAE
    loaders : Loaders
    config : TrainConfig
    checkpoints : Checkpoints
    observers : Observers

    Attributes
    ----------
    optimization : Optimization
    state : RunState
    jets_per_step, steps_per_epoch, total_steps, epochs : int
    """

    def __init__(
        self,
        fabric: Fabric,
        model: HyperVAE,
        loaders: Loaders,
        config: TrainConfig,
        checkpoints: Checkpoints,
        observers: Observers,
    ):
        self.fabric, self.config, self.checkpoints = fabric, config, checkpoints
        self.training, self.validation = loaders.training, loaders.validation
        self.observers = observers
        self.optimization = Optimization(fabric, model, config)
        self.state = RunState()
        self.signals = SignalWatch()
        self.jets_per_step: int = config.batch_size * config.accumulate
        self.steps_per_epoch = math.ceil(self.training.n_jets / self.jets_per_step)
        # a run of so many steps ends within an epoch, which is then validated as it is
        self.total_steps: int = config.steps or self.steps_per_epoch * config.epochs
        self.epochs = math.ceil(self.total_steps / self.steps_per_epoch)

    @property
    def step(self) -> int:
        """Optimizer steps so far."""
        return self.state.epoch * self.steps_per_epoch + self.state.step_in_epoch

    @property
    def position(self) -> Position:
        """Where the training is."""
        state, jets = self.state, self.training.n_jets
        # an epoch that ended, but was not validated, has points of its last step still to come
        pending = state.step_in_epoch > 0 and (
            state.step_in_epoch == self.steps_per_epoch or self.step >= self.total_steps
        )
        return Position(
            epoch=state.epoch,
            step_in_epoch=state.step_in_epoch,
            step=self.step,
            jets=state.epoch * jets + min(state.step_in_epoch * self.jets_per_step, jets),
            written=self.step - pending,
            epochs=self.epochs,
            jets_per_epoch=jets,
        )

    def checkpoint(self) -> dict[str, Any]:
        """Everything that a later attempt needs.

        Returns
        -------
        dict
        """
        return {
            **self.optimization.state(),
            **self.state.content(),
            "rng": torch.get_rng_state(),
            "jets_per_step": self.jets_per_step,
        }

    def restore(self, checkpoint: Mapping[str, Any]) -> None:
        """Resume where `checkpoint` was taken.

        A checkpoint with other jets per step, resumed by hand, goes on with the first step that
        holds a jet which that epoch has not seen.

        Parameters
        ----------
        checkpoint : mapping
            As `checkpoint` gives it.
        """
        self.optimization.restore(checkpoint)
        torch.set_rng_state(checkpoint["rng"])
        self.state = RunState.of(checkpoint)
        # the last step of an epoch may have been short
        step = self.state.step_in_epoch * checkpoint["jets_per_step"] // self.jets_per_step
        self.state.step_in_epoch = min(step, self.steps_per_epoch)
        self.observers.on_resume(self.position)

    def save(self, *names: str) -> None:
        """Write a checkpoint, from the first process; `names` as `Checkpoints.save`.

        Parameters
        ----------
        *names : str
        """
        if self.fabric.is_global_zero:
            self.checkpoints.save(self.checkpoint(), *names)

    def fit(self) -> None:
        """Train to the end; then the model holds the averaged weights of the best epoch.

        Raises
        ------
        Interrupted
            On SIGTERM, SIGINT, SIGUSR1, SIGHUP or SIGXCPU, after a checkpoint.
        OutOfMemory
            With advice; after a checkpoint where it was the gradient of a step that did not fit.
        HyperVAEError
            If the loss stays non-finite.
        """
        with self.signals, self.observers, self._out_of_memory():
            self.observers.on_start(self.position)
            while self.state.epoch < self.epochs and not self._out_of_patience():
                self._train_epoch()
                self._end_epoch()
                if self._asked_to_stop():
                    self._stop()
        self._take_best()

    def _train_epoch(self) -> None:
        """Take the steps that are left of an epoch, and save now and then."""
        self.optimization.model.train()
        peak_memory_mb(self.fabric.device)
        steps = self.training.steps(
            self.state.epoch,
            jets_per_step=self.jets_per_step,
            batch_size=self.config.batch_size,
            first_step=self.state.step_in_epoch,
            rank=self.fabric.global_rank,
            world=self.fabric.world_size,
        )
        saved = start = time.monotonic()
        before = self.state.seconds
        for step in islice(self._unless_asked_to_stop(steps), self.total_steps - self.step):
            outcome = self.optimization.step(
                step,
                epoch=self.state.epoch,
                progress=self.step / self.total_steps,
                stop=self.signals.received is not None,
            )
            self.state.count(outcome)
            self.state.seconds = before + time.monotonic() - start
            self._report(outcome)
            self._check_divergence()
            # several processes learn of a signal with the next step's losses
            alone = self.fabric.world_size == 1
            if outcome.stop or (alone and self.signals.received):
                self._stop()
            minutes = (time.monotonic() - saved) / 60
            if minutes >= self.config.execution.checkpoint_minutes:
                self.save()
                saved = time.monotonic()

    def _unless_asked_to_stop(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The steps; where workers were lost to the signal that reached this process, too, stop."""
        try:
            yield from steps
        except WorkerLost:
            if self.signals.received is None:
                raise
            self._stop(together=False)

    def _report(self, outcome: StepOutcome) -> None:
        """Tell the observers of a step."""
        report = StepReport(
            step=self.step,
            epoch=self.state.epoch,
            jets=outcome.jets,
            terms=outcome.terms,
            gradient_norm=outcome.gradient_norm,
            learning_rate=self.optimization.learning_rate,
            skipped=outcome.skipped,
        )
        self.observers.on_step(report)
        if outcome.skipped:
            self.observers.on_skip(report)

    def _check_divergence(self) -> None:
        """Raise if too many steps in a row were skipped."""
        skipped = self.state.skipped_in_a_row
        if skipped and skipped >= self.config.max_skipped:
            raise HyperVAEError(
                f"training: the loss or its gradient was not finite for {skipped} steps in a row; "
                "lower train.learning_rate or train.clip"
            )

    def _end_epoch(self) -> None:
        """Validate, let the observers measure, keep the weights if they are the best, save."""
        memory = peak_memory_mb(self.fabric.device)
        averaged = self.optimization.averaged
        validated = validate(
            averaged,
            self.validation,
            self.optimization.loss_terms,
            self.config,
            self.fabric,
            batch_size=self.optimization.batch_size,
            stop=self._asked_to_stop,
        )
        if validated is None:
            self._stop()
        report = EpochReport(
            row=self._row(validated, memory),
            epochs=self.epochs,
            step=self.step,
            model=averaged,
            kl_per_dimension=validated.latent.kl_per_dimension(),
            history=self.state.history,
        )
        self.observers.on_epoch(report)
        names = []
        keep_every = self.config.keep_every
        if keep_every and (self.state.epoch + 1) % keep_every == 0:
            names.append(f"epoch-{self.state.epoch + 1:04d}")
        if self._improved(report.row):
            names.append("best")
        self.state.end_epoch(report.row)
        self.save(*names)

    def _row(self, validated: ValidationResult, memory: float | None) -> dict[str, Any]:
        """The epoch's line in the history, with the same columns for every epoch.

        Empty where there is nothing to say; NaN for means of an epoch whose steps were all skipped.
        """
        means = self.state.running.means()
        return {
            "epoch": self.state.epoch + 1,
            "step": self.step,
            "learning_rate": self.optimization.learning_rate,
            **{
                f"train_{name}": means.get(name, math.nan)
                for name in (*self.optimization.loss_terms.names, "total")
            },
            **{f"val_{name}": value for name, value in validated.terms.items()},
            "val_w1m": None,
            "val_floors": None,
            "gradient_norm": means.get("gradient_norm", math.nan),
            "skipped": self.state.skipped,
            "active_units": validated.latent.active_units(),
            "peak_gpu_memory_mb": memory,
            "jets_per_s": min(self.state.step_in_epoch * self.jets_per_step, self.training.n_jets)
            / max(self.state.seconds, 1e-9),
        }

    def _improved(self, row: Mapping[str, Any]) -> bool:
        """Whether this epoch is the best so far; then its weights are kept."""
        value = row[MONITORS[self.config.monitor].column]
        if value is None or not value < self.state.best.value:
            return False
        weights = {
            name: tensor.detach().cpu().clone()
            for name, tensor in self.optimization.ema.module.state_dict().items()
        }
        self.state.best = BestEpoch(value, row["val_total"], self.state.epoch, weights)
        return True

    def _take_best(self) -> None:
        """Give the model the weights of the best epoch."""
        best = self.state.best
        if not best.weights:
            what = MONITORS[self.config.monitor].summary
            raise HyperVAEError(
                f"training: the {what} was never finite; lower train.learning_rate or train.clip"
            )
        self.optimization.model.load_state_dict(best.weights)

    def _out_of_patience(self) -> bool:
        """Whether to stop early; asked before an epoch, so that a resumed run stops there too."""
        patience = self.config.patience
        # the epochs without a better one; before the first epoch, best is -1 too
        stop = bool(patience) and self.state.epoch - 1 - self.state.best.epoch >= patience
        if stop:
            what = f"no better {self.config.monitor} for {patience} epochs"
            self.observers.on_stop(self.position, what)
        return stop

    def _asked_to_stop(self) -> bool:
        """Whether any process was asked to stop; the same in all."""
        asked = self.signals.received is not None
        flag = torch.tensor(float(asked), device=self.fabric.device)
        return bool(sum_over_processes(self.fabric, flag) > 0)

    def _stop(self, together: bool = True) -> NoReturn:
        """Save and leave, all processes at the same step."""
        self.save()
        if together:
            self.fabric.barrier()  # the first process must not be gone before the others know
        reason = self.signals.reason or "another process"
        self.observers.on_stop(self.position, reason)
        raise Interrupted(
            f"training stopped by {reason} after epoch {self.state.epoch}, step "
            f"{self.state.step_in_epoch}; a checkpoint is saved, from which the next attempt "
            "resumes"
        )

    @contextmanager
    def _out_of_memory(self) -> Iterator[None]:
        """Turn errors of the allocator into advice; save where nothing of the step was done."""
        try:
            yield
        except OutOfMemory:
            self.save()
            raise
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                check_alive(error)
                raise
            jets = self.optimization.batch_size
            raise OutOfMemory(
                f"training: {advice(jets, self.config, self.fabric.device)}"
            ) from error

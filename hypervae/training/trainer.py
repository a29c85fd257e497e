"""The training loop, on Lightning Fabric (precision, devices, clipping)."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import torch
from lightning.fabric import Fabric

from hypervae.errors import HyperVAEError
from hypervae.model import HyperVAE
from hypervae.model.losses import TERMS
from hypervae.training.board import Board
from hypervae.training.checkpoint import Checkpoints
from hypervae.training.history import MeanOfTerms
from hypervae.training.interrupt import Interrupted, SignalWatch
from hypervae.training.loader import JetLoader, Step
from hypervae.training.memory import OutOfMemory, advice, is_out_of_memory
from hypervae.training.processes import peak_memory_mb
from hypervae.training.progress import TrainingProgress
from hypervae.training.samples import SampleCheck
from hypervae.training.step import Optimization, Outcome
from hypervae.training.validation import Validated, validate
from hypervae.training.workers import WorkerLost

TENSORBOARD = "tensorboard"
# TensorBoard gets each so many-th step.
_BOARD_EVERY = 5


class Trainer:
    """Trains a model; can be stopped and taken up at any optimizer step.

    Parameters
    ----------
    fabric : Fabric
        Launched.
    model : HyperVAE
    training, validation : JetLoader
    config : mapping
        The resolved ``train`` section.
    checkpoints : Checkpoints
    log : callable
        Takes each line of the run's log.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: HyperVAE,
        training: JetLoader,
        validation: JetLoader,
        config: Mapping[str, Any],
        checkpoints: Checkpoints,
        log: Callable[[str], None],
    ):
        self.fabric, self.config, self.checkpoints, self.log = fabric, config, checkpoints, log
        self.training, self.validation = training, validation
        self.optimization = Optimization(fabric, model, config)
        self.jets_per_step = config["batch_size"] * config["accumulate"]
        self.steps_per_epoch = math.ceil(training.n_jets / self.jets_per_step)
        self.total_steps = self.steps_per_epoch * config["epochs"]
        self.epoch = self.step_in_epoch = 0
        self.skipped_in_a_row = self.skipped = 0
        self.seconds = 0.0
        self.resumed_from: str | None = None
        self.best: dict[str, Any] = {
            "value": math.inf,
            "loss": math.inf,
            "epoch": -1,
            "weights": {},
        }
        self.history: list[dict[str, Any]] = []
        self.running = MeanOfTerms()
        self._progress: TrainingProgress | None = None

    @property
    def step(self) -> int:
        """Optimizer steps so far."""
        return self.epoch * self.steps_per_epoch + self.step_in_epoch

    @property
    def jets_done(self) -> int:
        """Jets taken so far, over all epochs."""
        in_epoch = min(self.step_in_epoch * self.jets_per_step, self.training.n_jets)
        return self.epoch * self.training.n_jets + in_epoch

    def state(self) -> dict[str, Any]:
        """Everything that a later attempt needs."""
        return {
            **self.optimization.state(),
            "rng": torch.get_rng_state(),
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "jets_per_step": self.jets_per_step,
            "skipped": self.skipped,
            "skipped_in_a_row": self.skipped_in_a_row,
            "seconds": self.seconds,
            "running": self.running.state(),
            "history": self.history,
            "best": self.best,
            "resumed_from": self.resumed_from,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken.

        A checkpoint with other jets per step, taken up by hand, goes on with the first step that
        holds a jet which that epoch has not seen.
        """
        self.optimization.restore(state)
        torch.set_rng_state(state["rng"])
        self.epoch = state["epoch"]
        # the last step of an epoch may have been short
        step = state["step_in_epoch"] * state["jets_per_step"] // self.jets_per_step
        self.step_in_epoch = min(step, self.steps_per_epoch)
        self.skipped, self.skipped_in_a_row = state["skipped"], state["skipped_in_a_row"]
        self.seconds = state["seconds"]
        self.running = MeanOfTerms(state["running"])
        self.history, self.best = list(state["history"]), dict(state["best"])
        self.resumed_from = state["resumed_from"]

    def fit(self) -> None:
        """Train to the end; then the model holds the averaged weights of the best epoch.

        Raises
        ------
        Interrupted
            On SIGTERM, SIGINT or SIGUSR1, after a checkpoint.
        OutOfMemory
            With advice; after a checkpoint where it was the gradient of a step that did not fit.
        HyperVAEError
            If the loss stays non-finite.
        """
        first = self.fabric.is_global_zero
        # an epoch that ended, but was not validated, has points of its last step still to come
        written = self.step - (self.step_in_epoch == self.steps_per_epoch)
        board = Board(self.checkpoints.directory / TENSORBOARD, written, enabled=first)
        self._progress = TrainingProgress(
            self.config["epochs"],
            self.training.n_jets,
            self.jets_done,
            self.log,
            epoch=self.epoch,
            enabled=first,
        )
        samples = self._samples()
        with SignalWatch() as self._watch, board as self._board, self._progress:
            try:
                while self.epoch < self.config["epochs"] and not self._out_of_patience():
                    self._run_epoch()
                    self._finish_epoch(samples)
                    if self._asked_to_stop():
                        self._stop()
            except OutOfMemory:
                self.save()  # nothing of the step was done
                raise
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                jets = self.optimization.batch_size
                raise OutOfMemory(
                    f"training: {advice(jets, self.config, self.fabric.device)}"
                ) from error
        if not self.best["weights"]:
            what = "validation loss" if self.config["monitor"] == "total" else "W1M"
            raise HyperVAEError(
                f"training: the {what} was never finite; lower train.learning_rate or train.clip"
            )
        self.optimization.model.load_state_dict(self.best["weights"])

    def save(self, *names: str) -> None:
        """Write a checkpoint, from the first process; `names` as `Checkpoints.save`."""
        if self.fabric.is_global_zero:
            self.checkpoints.save(self.state(), *names)

    def say(self, text: str) -> None:
        """Print a line and log it, from the first process."""
        if not self.fabric.is_global_zero:
            return
        if self._progress is not None:
            self._progress.say(text)
        else:
            print(text, file=sys.stderr, flush=True)
            self.log(text)

    def _samples(self) -> SampleCheck | None:
        """What generated jets are compared with, where that is asked for."""
        if not self.config["monitor_every"] or not self.fabric.is_global_zero:
            return None
        most = self.config["monitor_jets"]
        jets = self.validation.jets(most)
        return SampleCheck(jets, max(most // len(jets), 1), self.config["seed"])

    def _out_of_patience(self) -> bool:
        """Whether to stop early; asked before an epoch, so that a resumed run stops there too."""
        patience = self.config["patience"]
        # the epochs without a better one; before the first epoch, best is -1 too
        stop = bool(patience) and self.epoch - 1 - self.best["epoch"] >= patience
        if stop:
            self.say(f"no better {self.config['monitor']} for {patience} epochs: stopping early")
        return stop

    def _run_epoch(self) -> None:
        self.optimization.model.train()
        peak_memory_mb(self.fabric.device)
        steps = self.training.steps(
            self.epoch,
            jets_per_step=self.jets_per_step,
            batch_size=self.config["batch_size"],
            first_step=self.step_in_epoch,
            rank=self.fabric.global_rank,
            world=self.fabric.world_size,
        )
        try:
            self._take_all(steps)
        except WorkerLost:
            if self._watch.received is None:
                raise
            self._stop(together=False)  # the signal reached the workers, too

    def _take_all(self, steps: Iterable[Step]) -> None:
        """Take the steps of an epoch, and save now and then."""
        saved = start = time.monotonic()
        before = self.seconds
        for step in steps:
            outcome = self.optimization.step(
                step,
                epoch=self.epoch,
                progress=self.step / self.total_steps,
                stop=self._watch.received is not None,
            )
            self.step_in_epoch += 1
            self.seconds = before + time.monotonic() - start
            self._count(outcome)
            self._progress.update(outcome.jets, self.epoch, outcome.terms)
            # several processes learn of a signal with the next step's losses
            alone = self.fabric.world_size == 1
            if outcome.stop or (alone and self._watch.received):
                self._stop()
            minutes = (time.monotonic() - saved) / 60
            if minutes >= self.config["execution"]["checkpoint_minutes"]:
                self.save()
                saved = time.monotonic()

    def _count(self, outcome: Outcome) -> None:
        """Add a step to the means of the epoch, and stop a run that has diverged."""
        if not outcome.skipped:
            self.skipped_in_a_row = 0
            values = {**outcome.terms, "gradient_norm": outcome.gradient_norm}
            self.running.add(values, outcome.jets)
            if self.step % _BOARD_EVERY == 0:
                rate = self.optimization.optimizer.param_groups[0]["lr"]
                self._board.step(
                    self.step,
                    outcome.terms,
                    learning_rate=rate,
                    gradient_norm=outcome.gradient_norm,
                )
            return
        self.skipped += 1
        self.skipped_in_a_row += 1
        self.say(f"step {self.step}: the loss or its gradient is not finite; step skipped")
        if self.skipped_in_a_row >= self.config["max_skipped"]:
            raise HyperVAEError(
                f"training: the loss or its gradient was not finite for {self.skipped_in_a_row} "
                "steps in a row; lower train.learning_rate or train.clip"
            )

    def _finish_epoch(self, samples: SampleCheck | None) -> None:
        """Validate, note the epoch in the history, keep its weights if it is the best, save."""
        memory = peak_memory_mb(self.fabric.device)
        validated = validate(
            self.optimization.ema.module,
            self.validation,
            self.optimization.loss_terms,
            self.config,
            self.fabric,
            batch_size=self.optimization.batch_size,
            stop=self._asked_to_stop,
        )
        if validated is None:
            self._stop()
        done = self.epoch + 1
        last = done == self.config["epochs"]
        w1m = None
        if self._every("monitor_every") or (self.config["monitor_every"] and last):
            w1m = self._sample(samples, done)
        row = self._row(validated, memory, w1m)
        self.history.append(row)
        self._board.epoch(self.step, row, validated.latent.kl_per_dimension())
        names = [f"epoch-{done:04d}"] if self._every("keep_every") else []
        value = row["val_total"] if self.config["monitor"] == "total" else w1m
        if value is not None and value < self.best["value"]:
            names.append("best")
            weights = {
                name: tensor.detach().cpu().clone()
                for name, tensor in self.optimization.ema.module.state_dict().items()
            }
            loss = row["val_total"]
            self.best = {"value": value, "loss": loss, "epoch": self.epoch, "weights": weights}
        self.say(_summary(row, self.config["epochs"]))
        self.epoch, self.step_in_epoch, self.running = done, 0, MeanOfTerms()
        self.skipped, self.seconds = 0, 0.0
        self.save(*names)

    def _every(self, key: str) -> bool:
        """Whether the epoch that ends now is one of every so many."""
        every = self.config[key]
        return bool(every) and (self.epoch + 1) % every == 0

    def _sample(self, samples: SampleCheck | None, epoch: int) -> float:
        """W1M of generated jets, which the first process makes and draws."""
        w1m = math.inf
        if samples is not None:
            sampled = samples.measure(self.optimization.ema.module)
            self._board.figure("samples", samples.figure(sampled, f"epoch {epoch}"), self.step)
            w1m = sampled.w1m
        return w1m if self.fabric.world_size == 1 else self.fabric.broadcast(w1m)

    def _row(self, validated: Validated, memory: float | None, w1m: float | None) -> dict[str, Any]:
        """The epoch's line in the history, with the same columns for every epoch.

        Empty where there is nothing to say; NaN for means of an epoch whose steps were all skipped.
        """
        means = self.running.means()
        return {
            "epoch": self.epoch + 1,
            "step": self.step,
            "learning_rate": float(self.optimization.optimizer.param_groups[0]["lr"]),
            **{f"train_{name}": means.get(name, math.nan) for name in (*TERMS, "total")},
            **{f"val_{name}": value for name, value in validated.terms.items()},
            "val_w1m": w1m,
            "gradient_norm": means.get("gradient_norm", math.nan),
            "skipped": self.skipped,
            "active_units": validated.latent.active_units(),
            "peak_gpu_memory_mb": memory,
            "jets_per_s": self.training.n_jets / max(self.seconds, 1e-9),
        }

    def _asked_to_stop(self) -> bool:
        """Whether any process was asked to stop; the same in all."""
        asked = self._watch.received is not None
        if self.fabric.world_size == 1:
            return asked
        flag = torch.tensor(float(asked), device=self.fabric.device)
        return bool(self.fabric.all_reduce(flag, reduce_op="sum") > 0)

    def _stop(self, together: bool = True) -> NoReturn:
        """Save and leave, all processes at the same step."""
        self.save()
        if together:
            self.fabric.barrier()  # the first process must not be gone before the others know
        reason = self._watch.received.name if self._watch.received else "another process"
        raise Interrupted(
            f"training stopped by {reason} after epoch {self.epoch}, step {self.step_in_epoch}; a "
            "checkpoint is saved and the next attempt goes on from it"
        )


def _summary(row: Mapping[str, Any], epochs: int) -> str:
    """An epoch in one line."""
    text = (
        f"epoch {row['epoch']}/{epochs}: loss {row['train_total']:.4f}, "
        f"validation {row['val_total']:.4f} (particles {row['val_particle']:.3f}, "
        f"KL {row['val_kl']:.2f}, {row['active_units']} active units), "
    )
    if row["val_w1m"] is not None:
        text += f"W1M {row['val_w1m']:.4f}, "
    return text + f"{row['jets_per_s']:.0f} jets/s"

"""The training loop, on Lightning Fabric (precision, devices, clipping)."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments import LightningEnvironment
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from hypervae.device import choose_device, choose_precision
from hypervae.errors import HyperVAEError
from hypervae.model import HyperVAE, JetBatch, noise
from hypervae.model.losses import LossTerms, total_loss
from hypervae.seeds import derive_seed
from hypervae.training.checkpoint import Checkpoints
from hypervae.training.history import MeanOfTerms
from hypervae.training.interrupt import Interrupted, SignalWatch
from hypervae.training.loader import JetLoader
from hypervae.training.schedules import kl_factor, learning_rate_factor, temperature

# So many steps in a row without a finite loss: the run has diverged.
_MOST_SKIPPED = 20


def groups(batches: Iterable[JetBatch], size: int) -> Iterator[list[JetBatch]]:
    """The batches of each optimizer step."""
    source = iter(batches)
    while group := list(islice(source, size)):
        yield group


class Trainer:
    """Trains a model; can be stopped and taken up at any optimizer step.

    Noise belongs to the jets (`hypervae.model.noise`): it is decided by the seed, the epoch and the
    jet, whatever batch that is in, so that the position in the epoch is all the state that
    randomness has.

    Parameters
    ----------
    model : HyperVAE
    training, validation : JetLoader
    config : mapping
        The resolved ``train`` section.
    checkpoints : Checkpoints
    """

    def __init__(
        self,
        model: HyperVAE,
        training: JetLoader,
        validation: JetLoader,
        config: Mapping[str, Any],
        checkpoints: Checkpoints,
    ):
        self.config, self.checkpoints = config, checkpoints
        self.training, self.validation = training, validation
        execution = config["execution"]
        device = choose_device(execution["device"])
        precision = choose_precision(config["precision"], device)
        if device == "cuda" and execution["max_memory_gb"]:
            total = torch.cuda.get_device_properties(0).total_memory
            share = execution["max_memory_gb"] * 2**30 / total
            torch.cuda.set_per_process_memory_fraction(min(share, 1.0))
        # The plain environment: under Slurm, Lightning would requeue jobs by itself, which is
        # Snakemake's part.
        self.fabric = Fabric(
            accelerator=device, devices=1, precision=precision, plugins=[LightningEnvironment()]
        )
        self._scales_loss = precision == "16-mixed"
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config["learning_rate"],
            weight_decay=config["weight_decay"],
            fused=True,
        )
        self.model, self.optimizer = self.fabric.setup(model, optimizer)
        average = get_ema_multi_avg_fn(config["ema"])
        self.ema = AveragedModel(self.model.module, multi_avg_fn=average)
        clustered = model.config.hyperedge_decoder == "clustered"
        self.loss_terms = LossTerms(model.normalization, config, clustered).to(self.fabric.device)
        self.steps_per_epoch = math.ceil(len(training) / config["accumulate"])
        self.total_steps = self.steps_per_epoch * config["epochs"]
        self.epoch = self.step_in_epoch = self.skipped = 0
        self.best = {"loss": math.inf, "epoch": -1, "weights": {}}
        self.history: list[dict[str, Any]] = []
        self.running = MeanOfTerms()

    @property
    def step(self) -> int:
        """Optimizer steps so far."""
        return self.epoch * self.steps_per_epoch + self.step_in_epoch

    def state(self) -> dict[str, Any]:
        """Everything that a later attempt needs."""
        return {
            "model": self.model.module.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "running": self.running.state(),
            "history": self.history,
            "best": self.best,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.model.module.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.epoch, self.step_in_epoch = state["epoch"], state["step_in_epoch"]
        self.running = MeanOfTerms(state["running"])
        self.history, self.best = list(state["history"]), dict(state["best"])

    def fit(self) -> None:
        """Train to the end; then the model holds the best averaged weights.

        Raises
        ------
        Interrupted
            On SIGTERM, SIGINT or SIGUSR1, after a checkpoint.
        HyperVAEError
            If the loss stays non-finite.
        """
        with SignalWatch() as watch:
            while self.epoch < self.config["epochs"] and not self._out_of_patience():
                self._run_epoch(watch)
                self._finish_epoch()
                self.checkpoints.save(self.state())
                self._obey(watch)
        if not self.best["weights"]:
            raise HyperVAEError(
                "training: the validation loss was never finite; lower train.learning_rate or "
                "train.clip"
            )
        self.model.module.load_state_dict(self.best["weights"])

    def _out_of_patience(self) -> bool:
        """Whether to stop early; asked before an epoch, so that a resumed run stops there too."""
        patience = self.config["patience"]
        # the epochs without a better loss; before the first epoch, best is -1 too
        stop = bool(patience) and self.epoch - 1 - self.best["epoch"] >= patience
        if stop:
            self.say(f"no better validation loss for {patience} epochs: stopping early")
        return stop

    def _run_epoch(self, watch: SignalWatch) -> None:
        self.model.train()
        accumulate = self.config["accumulate"]
        batches = self.training.epoch(self.epoch, first_batch=self.step_in_epoch * accumulate)
        saved = self._started = time.monotonic()
        self._jets_before = self.running.jets
        with tqdm(
            total=self.steps_per_epoch,
            initial=self.step_in_epoch,
            desc=f"epoch {self.epoch + 1}/{self.config['epochs']}",
            unit="step",
            leave=False,
            disable=not sys.stderr.isatty(),
        ) as bar:
            for group in groups(batches, accumulate):
                terms = self.optimizer_step(group)
                self.step_in_epoch += 1
                bar.set_postfix(loss=f"{terms.get('total', math.nan):.3f}", refresh=False)
                bar.update()
                minutes = (time.monotonic() - saved) / 60
                due = minutes >= self.config["execution"]["checkpoint_minutes"]
                if due or watch.received:
                    self.checkpoints.save(self.state())
                    saved = time.monotonic()
                    self._obey(watch)

    def optimizer_step(self, group: list[JetBatch]) -> dict[str, float]:
        """Take one optimizer step with a group of batches; returns the mean of each term."""
        config, progress = self.config, self.step / self.total_steps
        factor = learning_rate_factor(progress, config["warmup"])
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = config["learning_rate"] * factor
        kl = kl_factor(progress, config["kl_warmup"], config["kl_schedule"], config["kl_cycles"])
        heat = temperature(progress, *config["gumbel_temperature"])
        jets = sum(len(batch) for batch in group)
        mean = MeanOfTerms()
        finite = True
        for place, batch in enumerate(group):
            batch = batch.to(self.fabric.device)
            # the same draws for each batch: the jets' own keys tell them apart
            torch.manual_seed(derive_seed(config["seed"], "noise", self.epoch))
            last = place == len(group) - 1
            with (
                self.fabric.no_backward_sync(self.model, enabled=not last),
                noise.of_jets(batch.key),
            ):
                decoded, mu, log_variance = self.model(batch, heat)
                terms = self.loss_terms(decoded, batch, mu, log_variance)
                loss = total_loss(terms, config["loss_weights"], kl)
                finite = finite and bool(torch.isfinite(loss))
                if not finite:
                    break
                self.fabric.backward(loss * (len(batch) / jets))
            values = {name: float(value.detach()) for name, value in terms.items()}
            mean.add({**values, "total": float(loss.detach())}, len(batch))
        if finite:
            norm = self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=config["clip"], error_if_nonfinite=False
            )
            # fp16's loss scaler skips such steps itself, and lowers its scale
            finite = self._scales_loss or bool(torch.isfinite(norm))
        if finite:
            self.optimizer.step()
            self.ema.update_parameters(self.model.module)
            self.running.add(mean.means(), jets)
            self.skipped = 0
        else:
            self._skip()
        self.optimizer.zero_grad(set_to_none=True)
        return mean.means()

    def _skip(self) -> None:
        self.skipped += 1
        self.say(f"step {self.step}: the loss or its gradient is not finite; step skipped")
        if self.skipped >= _MOST_SKIPPED:
            raise HyperVAEError(
                f"training: the loss or its gradient was not finite for {_MOST_SKIPPED} steps in a "
                "row; lower train.learning_rate or train.clip"
            )

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Terms on the validation split, with averaged weights, full KL weight and fixed noise."""
        model = self.ema.module.eval()
        mean = MeanOfTerms()
        for batch in self.validation.epoch(0, shuffle=False):
            batch = batch.to(self.fabric.device)
            torch.manual_seed(derive_seed(self.config["seed"], "validation"))
            with noise.of_jets(batch.key):
                decoded, mu, log_variance = model(batch)
                terms = self.loss_terms(decoded, batch, mu, log_variance)
            total = total_loss(terms, self.config["loss_weights"], 1.0)
            values = {name: float(value) for name, value in terms.items()}
            mean.add({**values, "total": float(total)}, len(batch))
        return mean.means()

    def _finish_epoch(self) -> None:
        seconds = time.monotonic() - self._started
        train, validation = self.running.means(), self.validate()
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "step": self.step,
                "learning_rate": float(self.optimizer.param_groups[0]["lr"]),
                **{f"train_{name}": value for name, value in train.items()},
                **{f"val_{name}": value for name, value in validation.items()},
                "jets_per_s": (self.running.jets - self._jets_before) / max(seconds, 1e-9),
            }
        )
        if validation["total"] < self.best["loss"]:
            weights = {
                name: value.detach().cpu().clone()
                for name, value in self.ema.module.state_dict().items()
            }
            self.best = {"loss": validation["total"], "epoch": self.epoch, "weights": weights}
        self.say(
            f"epoch {self.epoch + 1}/{self.config['epochs']}: "
            f"loss {train.get('total', math.nan):.4f}, validation {validation['total']:.4f} "
            f"(particles {validation['particle']:.3f}, KL {validation['kl']:.2f}), "
            f"{self.history[-1]['jets_per_s']:.0f} jets/s"
        )
        self.epoch, self.step_in_epoch, self.running = self.epoch + 1, 0, MeanOfTerms()

    def _obey(self, watch: SignalWatch) -> None:
        if watch.received:
            raise Interrupted(
                f"training stopped by {watch.received.name} after epoch {self.epoch}, step "
                f"{self.step_in_epoch}; a checkpoint is saved and the next attempt goes on from it"
            )

    @staticmethod
    def say(text: str) -> None:
        """Print a line to the log."""
        print(text, file=sys.stderr, flush=True)

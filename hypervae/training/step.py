"""One optimizer step: micro-batches, their noise, and the gradient over all processes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning.fabric import Fabric
from torch import Tensor

from hypervae.config import TrainConfig
from hypervae.model import HyperVAE, JetBatch
from hypervae.model.losses.terms import LossTerms, total_loss
from hypervae.model.noise import JetNoise, seed_generators
from hypervae.seeds import derive_seed
from hypervae.training.average import MovingAverage
from hypervae.training.loader import Step
from hypervae.training.memory import OutOfMemory, advice, is_out_of_memory
from hypervae.training.optimizers.registry import make_optimizer
from hypervae.training.processes import sum_over_processes
from hypervae.training.schedules import kl_factor, learning_rate_factor, temperature


@dataclass(frozen=True)
class StepOutcome:
    """What one optimizer step did; the same in every process.

    Attributes
    ----------
    terms : dict of str to float
        Means over the jets of the step, with ``total``.
    jets : int
    gradient_norm : float
        Before clipping.
    skipped : bool
        Whether the loss or the gradient was not finite, and nothing was changed.
    stop : bool
        Whether any process was asked to stop.
    """

    terms: dict[str, float]
    jets: int
    gradient_norm: float
    skipped: bool
    stop: bool


class Optimization:
    """Model, optimizer and moving average, and how a step changes them.

    Noise belongs to the jets (`hypervae.model.noise`): it is decided by the seed, the epoch and the
    jet, whatever batch and process that is in. With losses that are means over jets, a step
    therefore has the same gradient however its jets are cut into batches.

    Parameters
    ----------
    fabric : Fabric
        Launched.
    model : HyperVAE
    config : TrainConfig
    """

    def __init__(self, fabric: Fabric, model: HyperVAE, config: TrainConfig):
        self.fabric, self.config = fabric, config
        self.scaler = getattr(fabric.strategy.precision, "scaler", None)
        optimizer = make_optimizer(model, config, scales_loss=self.scaler is not None)
        #: Peak learning rates of the groups, by this run's config: a checkpoint may have others.
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.wrapped, self.optimizer = fabric.setup(model, optimizer)
        self.model: HyperVAE = self.wrapped.module
        self.ema = MovingAverage(self.model, config.ema)
        self.loss_terms = LossTerms(model.normalization, model.config, config).to(fabric.device)
        #: Jets in memory at once; halved when they do not fit.
        self.batch_size: int = config.batch_size

    @property
    def learning_rate(self) -> float:
        """That of the last step, of the first group of parameters."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def averaged(self) -> HyperVAE:
        """The model with the moving average of its weights."""
        return cast(HyperVAE, self.ema.module)

    def state(self) -> dict[str, Any]:
        """Everything that a later attempt needs.

        Returns
        -------
        dict
        """
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume where `state` was taken.

        Parameters
        ----------
        state : mapping
            As `state` gives it.
        """
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])

    def step(self, step: Step, *, epoch: int, progress: float, stop: bool = False) -> StepOutcome:
        """Take one optimizer step.

        Parameters
        ----------
        step : Step
        epoch : int
        progress : float
            Share of the training that is done, in [0, 1].
        stop : bool
            Whether this process was asked to stop: the others are told along with the losses.

        Returns
        -------
        StepOutcome

        Raises
        ------
        OutOfMemory
            If the jets do not fit, and halving the batches is not allowed or does not help. Nothing
            was changed then.
        """
        config = self.config
        factor = learning_rate_factor(progress, config.warmup, config.schedule)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        mine = self._gradient(step, epoch, progress)
        mine = torch.cat([mine, mine.new_tensor([float(stop)])])
        *sums, asked = sum_over_processes(self.fabric, mine).tolist()
        clipped = self.fabric.clip_gradients(
            self.wrapped, self.optimizer, max_norm=config.clip, error_if_nonfinite=False
        )
        norm = math.nan if clipped is None else float(clipped)
        finite = math.isfinite(norm) and math.isfinite(sums[-1])
        # fp16's scaler must see a gradient that overflowed: it skips the step and lowers its scale
        if finite or (self.scaler is not None and not math.isfinite(norm)):
            self.optimizer.step()
        elif self.scaler is not None:
            self.scaler.update()  # it waits for one after each gradient
        if finite:
            self.ema.update_parameters(self.model)
        self.optimizer.zero_grad(set_to_none=True)
        terms = {
            name: value / step.jets
            for name, value in zip((*self.loss_terms.names, "total"), sums, strict=True)
        }
        return StepOutcome(terms, step.jets, norm, not finite, asked > 0)

    def _gradient(self, step: Step, epoch: int, progress: float) -> Tensor:
        """Sum up gradients; returns this process's sums of the terms over jets, the total last."""
        while True:
            try:
                return self._accumulate(step, epoch, progress)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = error.with_traceback(None)  # whose frames would keep the tensors
            self.optimizer.zero_grad(set_to_none=True)
            if self.fabric.device.type == "cuda":
                torch.cuda.empty_cache()
            jets = min(self.batch_size, max(len(batch) for batch in step.batches))
            # with several processes the others already wait for this one's gradient
            may_halve = self.config.execution.on_oom == "halve"
            if jets == 1 or not may_halve or self.fabric.world_size > 1:
                raise OutOfMemory(
                    f"training: {advice(jets, self.config, self.fabric.device)}"
                ) from reason
            self.batch_size = (jets + 1) // 2

    def _accumulate(self, step: Step, epoch: int, progress: float) -> Tensor:
        config = self.config
        gumbel_temperature = temperature(progress, *config.gumbel_temperature)
        kl = kl_factor(progress, config.kl_warmup, config.kl_schedule, config.kl_cycles)
        sums = torch.zeros(
            len(self.loss_terms.names) + 1, dtype=torch.float64, device=self.fabric.device
        )
        parts = [
            (part, min(weight, len(part)))
            for batch, weight in zip(step.batches, step.weights, strict=True)
            for part in batch.split(self.batch_size)
        ]
        for place, (batch, weight) in enumerate(parts):
            last = place == len(parts) - 1
            with self.fabric.no_backward_sync(self.wrapped, enabled=not last):
                sums += weight * self._backward(
                    batch, weight / step.jets, epoch, gumbel_temperature, kl
                )
        return sums

    def _backward(
        self, batch: JetBatch, share: float, epoch: int, gumbel_temperature: float, kl: float
    ) -> Tensor:
        """Add the gradient of a batch that is a `share` of the step; returns its mean terms."""
        batch = batch.to(self.fabric.device)
        # the same draws for each batch: the jets' own keys tell them apart
        seed_generators(derive_seed(self.config.seed, "noise", epoch), batch.key.device)
        noise = JetNoise(batch.key)
        reconstructed, mean, log_variance = self.wrapped(
            batch, noise, gumbel_temperature, self.loss_terms.hypergraph
        )
        terms = self.loss_terms(reconstructed, batch, mean, log_variance, noise)
        loss = total_loss(terms, self.loss_terms.weights, kl)
        # DistributedDataParallel takes the mean over processes
        self.fabric.backward(loss * (share * self.fabric.world_size))
        return torch.stack([*terms.values(), loss]).detach().double()

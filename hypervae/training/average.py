"""Moving average of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """Exponential moving average of a model's parameters, as `AveragedModel` takes it.

    The parameters are looked up once: walking through all modules at each step takes longer than
    the average itself.

    Parameters
    ----------
    model : Module
        Copied; its parameters stay the same objects for good.
    decay : float
        Of the average, in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float):
        super().__init__(model)
        self.decay = decay
        self._averaged: tuple[list[Tensor], list[Tensor]] | None = None
        self._copied: tuple[list[Tensor], list[Tensor]] = ([], [])

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take a model's parameters into the average, the first ones whole; buffers are copied.

        Parameters
        ----------
        model : Module
            The same one each time.
        """
        if self._averaged is None:
            self._averaged = list(self.module.parameters()), list(model.parameters())
            self._copied = list(self.module.buffers()), list(model.buffers())
        if self.n_averaged == 0:
            torch._foreach_copy_(*self._averaged)
        else:
            torch._foreach_lerp_(*self._averaged, 1 - self.decay)
        for own, value in zip(*self._copied, strict=True):
            own.copy_(value)
        self.n_averaged += 1

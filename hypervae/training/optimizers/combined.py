"""Several optimizers as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


class CombinedOptimizer(Optimizer):
    """Several optimizers, each with parameters of its own, behind the interface of one.

    They share the groups of parameters and the state with it. So schedules, clipping, the scaler of
    fp16 and checkpoints see one optimizer, and a step that the scaler skips is skipped by all.

    Parameters
    ----------
    parts : sequence of Optimizer
        At least one.
    """

    def __init__(self, parts: Sequence[Optimizer]):
        self.parts = tuple(parts)
        self._sizes = [len(part.param_groups) for part in self.parts]
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step of each.

        Parameters
        ----------
        closure : callable, optional
            As `torch.optim.Optimizer.step` takes it.

        Returns
        -------
        object
            What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave.

        Parameters
        ----------
        state_dict : dict
            As `state_dict` gives it.
        """
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Give each part its groups and the one state: loading replaces both by new objects."""
        start = 0
        for part, size in zip(self.parts, self._sizes, strict=True):
            part.param_groups = self.param_groups[start : start + size]
            part.state = self.state
            start += size

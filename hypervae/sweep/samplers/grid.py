"""Every combination of lists and steps, in an order drawn by the seed."""

from __future__ import annotations

from typing import Any

import optuna

from hypervae.sweep.samplers.interface import Sampler
from hypervae.sweep.space import Space


class _Grid(optuna.samplers.GridSampler):
    """Optuna's, which stops a loop of its own after the last point: here is none."""

    def after_trial(self, *args: Any) -> None:
        pass


def _make(space: Space, seed: int, trial: int) -> optuna.samplers.BaseSampler:
    return _Grid(space.grid(), seed=seed)


SAMPLER = Sampler(_make, independent=True)

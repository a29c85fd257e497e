"""Independent draws."""

from __future__ import annotations

import optuna

from hypervae.sweep.samplers.interface import Sampler
from hypervae.sweep.space import Space


def _make(space: Space, seed: int, trial: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=space.seed_of(seed, trial))


SAMPLER = Sampler(_make, independent=True)

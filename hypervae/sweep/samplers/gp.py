"""Bayesian optimization with a Gaussian process."""

from __future__ import annotations

import optuna

from hypervae.sweep.samplers.interface import Sampler
from hypervae.sweep.space import Space

#: Trials that are drawn at random before the process is fitted.
FIRST = 10


def _make(space: Space, seed: int, trial: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.GPSampler(seed=space.seed_of(seed, trial), n_startup_trials=FIRST)


SAMPLER = Sampler(_make, independent=False)

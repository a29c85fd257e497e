"""Covariance matrix adaptation (Hansen, arXiv:1604.00772); lists are drawn at random."""

from __future__ import annotations

import optuna

from hypervae.sweep.samplers.interface import Sampler
from hypervae.sweep.space import Space


def _make(space: Space, seed: int, trial: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.CmaEsSampler(
        seed=space.seed_of(seed, trial), warn_independent_sampling=False
    )


SAMPLER = Sampler(_make, independent=False)

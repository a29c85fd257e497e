"""A Sobol' sequence, whose place Optuna keeps in the study; lists are drawn at random."""

from __future__ import annotations

import warnings

import optuna

from hypervae.sweep.samplers.interface import Sampler
from hypervae.sweep.space import Space


def _make(space: Space, seed: int, trial: int) -> optuna.samplers.BaseSampler:
    drawn = space.seed_of(seed, trial)
    with warnings.catch_warnings():  # Optuna calls its interface experimental since 3.0
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.QMCSampler(
            scramble=True,
            seed=seed,
            independent_sampler=optuna.samplers.RandomSampler(seed=drawn),
            warn_independent_sampling=False,
        )


SAMPLER = Sampler(_make, independent=True)

"""Genetic algorithm (Deb et al., IEEE Trans. Evol. Comput. 6, 2002), for one objective."""

from __future__ import annotations

import optuna

from hypervae.sweep.samplers.interface import Sampler
from hypervae.sweep.space import Space

#: Trials of a generation; Optuna's 50 would be a whole sweep.
POPULATION = 10


def _make(space: Space, seed: int, trial: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(
        seed=space.seed_of(seed, trial), population_size=POPULATION
    )


SAMPLER = Sampler(_make, independent=False)

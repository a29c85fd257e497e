"""Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011)."""

from __future__ import annotations

import optuna

from hypervae.sweep.samplers.interface import Sampler
from hypervae.sweep.space import Space

#: Trials that are drawn at random before the estimator begins.
FIRST = 10


def _make(space: Space, seed: int, trial: int) -> optuna.samplers.BaseSampler:
    # Trials that still run count as bad ones: the next are not drawn beside them.
    return optuna.samplers.TPESampler(
        seed=space.seed_of(seed, trial), n_startup_trials=FIRST, constant_liar=True
    )


SAMPLER = Sampler(_make, independent=False)

"""What a sampler is to a sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import optuna

from hypervae.sweep.space import Space


@dataclass(frozen=True)
class Sampler:
    """One of Optuna's samplers, made anew for each trial.

    So the values do not depend on how often a sweep was stopped; what a sampler remembers, Optuna
    keeps in the study.

    Attributes
    ----------
    make : callable
        From the space, the sweep's seed and the number of the trial.
    independent : bool
        Whether it needs no results: then all its trials may be one Slurm array.
    """

    make: Callable[[Space, int, int], optuna.samplers.BaseSampler]
    independent: bool

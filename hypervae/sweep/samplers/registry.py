"""The samplers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.sweep.samplers.interface import Sampler

SAMPLERS: Registry[Sampler] = Registry(
    "sampler",
    {
        "grid": ("hypervae.sweep.samplers.grid:SAMPLER", "every combination of lists and steps"),
        "random": ("hypervae.sweep.samplers.random:SAMPLER", "independent draws"),
        "qmc": (
            "hypervae.sweep.samplers.qmc:SAMPLER",
            "draws that leave no gaps (Sobol')",
        ),
        "tpe": ("hypervae.sweep.samplers.tpe:SAMPLER", "tree-structured Parzen estimator"),
        "gp": ("hypervae.sweep.samplers.gp:SAMPLER", "Gaussian process: for few and long trials"),
        "cmaes": ("hypervae.sweep.samplers.cmaes:SAMPLER", "CMA-ES: for many trials of numbers"),
        "nsga2": ("hypervae.sweep.samplers.nsga2:SAMPLER", "a genetic algorithm"),
    },
)

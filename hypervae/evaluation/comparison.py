"""Two samples that are compared, and what is computed of each once for all metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.evaluation import efp
from hypervae.evaluation.correlators import CorrelatorSums, correlator_sums
from hypervae.evaluation.observables import ObservableSample
from hypervae.seeds import derive_seed, rng


class Side:
    """One sample of a comparison.

    Parameters
    ----------
    jets : Jets
    observables : ObservableSample
        Of the same jets.
    efps : [n, 36], optional
        Of the same jets, where they are at hand.
    """

    def __init__(
        self, jets: Jets, observables: ObservableSample, efps: NDArray[np.float64] | None = None
    ):
        self.jets, self.observables = jets, observables
        if efps is not None:
            self.efps = efps

    def __len__(self) -> int:
        return len(self.jets)

    def first(self, n: int) -> Side:
        """The first `n` jets."""
        known = self.__dict__.get("efps")
        cut = None if known is None else known[:n]
        return Side(self.jets[:n], self.observables.first(n), cut)

    @cached_property
    def efps(self) -> NDArray[np.float64]:
        """[n, 36] Energy Flow Polynomials."""
        return efp.efps(self.jets)

    @cached_property
    def correlators(self) -> CorrelatorSums:
        """Energy correlators."""
        return correlator_sums(self.jets)


@dataclass(frozen=True)
class Comparison:
    """A sample and the held-out jets that it is compared with, equally many.

    Parameters
    ----------
    sample, reference : Side
    label : str
        ``generated`` or, for the truth floor, ``train``: each has its own random numbers.
    edges : dict of str to [bins + 1]
        Bins of the observables' histograms.
    config : mapping
        The section ``evaluate``.
    """

    sample: Side
    reference: Side
    label: str
    edges: Mapping[str, NDArray[np.float64]]
    config: Mapping[str, Any]

    @property
    def jets(self) -> int:
        """Jets at hand on each side."""
        return min(len(self.sample), len(self.reference))

    def seed(self, purpose: str) -> int:
        """A seed for one purpose."""
        return derive_seed(self.config["seed"], purpose, self.label)

    def rng(self, *purpose: str) -> np.random.Generator:
        """A generator for one purpose."""
        return rng(self.config["seed"], purpose[0], self.label, *purpose[1:])

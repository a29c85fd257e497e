"""Two samples that are compared, and what is computed of each once for all metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hypervae.config import EvaluateConfig
from hypervae.data.jets import Jets
from hypervae.evaluation.correlators import CorrelatorSums, correlator_sums
from hypervae.observables import OBSERVABLES, JetSample, ObservableValues, compute_observables
from hypervae.seeds import derive_seed, rng


class ComparedSample(JetSample):
    """A sample of a comparison.

    Parameters
    ----------
    jets : Jets
    names : iterable of str
        The observables that are compared.
    """

    def __init__(self, jets: Jets, names: Iterable[str] = OBSERVABLES):
        super().__init__(jets)
        self.names = tuple(names)

    @cached_property
    def observables(self) -> ObservableValues:
        """The observables `names`."""
        return compute_observables(self, self.names)

    @cached_property
    def correlators(self) -> CorrelatorSums:
        """Energy correlators."""
        return correlator_sums(self.jets)

    def part(self, start: int, stop: int) -> ComparedSample:
        """The jets from `start` up to `stop`, with what is known of them.

        Parameters
        ----------
        start, stop : int
            Rows.

        Returns
        -------
        ComparedSample
        """
        part = ComparedSample(self.jets[start:stop], self.names)
        part.__dict__["observables"] = self.observables.part(start, stop)
        if "efps" in self.__dict__:
            part.__dict__["efps"] = self.efps[start:stop]
        return part

    def parts(self, size: int) -> list[ComparedSample]:
        """As many parts of `size` jets as there are, without a jet in common.

        Parameters
        ----------
        size : int
            Jets of a part.

        Returns
        -------
        list of ComparedSample
        """
        starts = range(0, len(self) - size + 1, size)
        return [self.part(start, start + size) for start in starts]


@dataclass(frozen=True)
class Comparison:
    """A sample and the held-out jets that it is compared with, equally many.

    Parameters
    ----------
    sample, reference : ComparedSample
    label : str
        ``generated`` or, for the truth floor, ``train`` and the number of the pair: each has its
        own random numbers.
    edges : dict of str to [bins + 1]
        Bins of the observables' histograms.
    config : EvaluateConfig
    training : ComparedSample, optional
        Training jets, as many, of which none is in `sample`.
    """

    sample: ComparedSample
    reference: ComparedSample
    label: str
    edges: Mapping[str, NDArray[np.float64]]
    config: EvaluateConfig
    training: ComparedSample | None = None

    @property
    def jets(self) -> int:
        """Jets at hand on each side."""
        return min(len(self.sample), len(self.reference))

    def seed(self, purpose: str) -> int:
        """A seed for one purpose.

        Parameters
        ----------
        purpose : str
            Seeds of different purposes are independent.

        Returns
        -------
        int
        """
        return derive_seed(self.config.seed, purpose, self.label)

    def rng(self, *purpose: str) -> np.random.Generator:
        """A generator for one purpose.

        Parameters
        ----------
        *purpose : str
            Words that name it; generators of different purposes are independent.

        Returns
        -------
        numpy.random.Generator
        """
        return rng(self.config.seed, purpose[0], self.label, *purpose[1:])

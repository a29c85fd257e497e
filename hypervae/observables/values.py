"""The values of observables of a sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.observables.sample import JetSample
from hypervae.observables.table import OBSERVABLES


@dataclass
class ObservableValues:
    """The values of observables of n jets.

    Parameters
    ----------
    values : dict of str to [n] or [particles] float64
        By the names of `OBSERVABLES`; values per particle stand in the order of the jets.
    multiplicity : [n] int64
        Particles of each jet: which values belong to which jet.
    """

    values: dict[str, NDArray[np.float64]]
    multiplicity: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.multiplicity)

    def jet_of(self, name: str) -> NDArray[np.int64]:
        """Index of the jet that each value of an observable belongs to.

        Parameters
        ----------
        name : str
            Of the observable.

        Returns
        -------
        [n] or [particles] int64
        """
        jets = np.arange(len(self))
        return np.repeat(jets, self.multiplicity) if OBSERVABLES[name].per_particle else jets

    def summed(self, name: str) -> NDArray[np.float64]:
        """Sum over each jet's particles.

        Parameters
        ----------
        name : str
            Of an observable of particles.

        Returns
        -------
        [n] float64
        """
        found = np.zeros(len(self))
        np.add.at(found, self.jet_of(name), self.values[name])
        return found

    def part(self, start: int, stop: int) -> ObservableValues:
        """The jets from `start` up to `stop`.

        Parameters
        ----------
        start, stop : int
            Rows.

        Returns
        -------
        ObservableValues
        """
        first, last = (int(self.multiplicity[:n].sum()) for n in (start, stop))
        cut = {
            name: values[first:last] if OBSERVABLES[name].per_particle else values[start:stop]
            for name, values in self.values.items()
        }
        return ObservableValues(cut, self.multiplicity[start:stop])


def compute_observables(sample: JetSample, names: Iterable[str] = OBSERVABLES) -> ObservableValues:
    """Compute observables of a sample.

    Parameters
    ----------
    sample : JetSample
    names : iterable of str
        All, if left out.

    Returns
    -------
    ObservableValues
    """
    values = {name: OBSERVABLES[name].compute(sample) for name in names}
    return ObservableValues(values, sample.jets.multiplicity)

"""Observables of a sample of jets, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.kinematics import relative_mass


@dataclass(frozen=True)
class Observable:
    """What an observable is.

    Parameters
    ----------
    description : str
    unit : str
        ``"1"`` if it has none.
    per_particle : bool
        One value a particle, not one a jet.
    """

    description: str
    unit: str
    per_particle: bool = False


OBSERVABLES: Mapping[str, Observable] = {
    "mass": Observable("mass of the kept particles over the pT of the full jet", "1"),
    "multiplicity": Observable("number of kept particles", "1"),
    "ptrel": Observable("particle pT over the pT of the full jet", "1", True),
    "etarel": Observable("particle eta minus jet eta", "1", True),
    "phirel": Observable("particle phi minus jet phi", "rad", True),
    "jet_pt": Observable("pT of the full jet (generated: of the jet head)", "GeV"),
}


@dataclass
class ObservableSample:
    """The observables of a sample.

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
        """Index of the jet that each value of an observable belongs to."""
        jets = np.arange(len(self))
        return np.repeat(jets, self.multiplicity) if OBSERVABLES[name].per_particle else jets

    def first(self, n: int) -> ObservableSample:
        """The first `n` jets."""
        particles = int(self.multiplicity[:n].sum())
        cut = {
            name: values[: particles if OBSERVABLES[name].per_particle else n]
            for name, values in self.values.items()
        }
        return ObservableSample(cut, self.multiplicity[:n])


def observables(jets: Jets) -> ObservableSample:
    """Compute every observable of `OBSERVABLES`."""
    mask = jets.mask
    particles = jets.particle_features[mask].astype(np.float64)
    multiplicity = jets.multiplicity
    values = {
        "mass": relative_mass(jets.particle_features),
        "multiplicity": multiplicity.astype(np.float64),
        "ptrel": particles[:, 2],
        "etarel": particles[:, 0],
        "phirel": particles[:, 1],
        "jet_pt": jets.jet_features[:, 0].astype(np.float64),
    }
    return ObservableSample(values, multiplicity)

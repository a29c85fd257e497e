"""A sample of jets, with what several observables and metrics need of it computed once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets


class JetSample:
    """A sample of jets.

    Parameters
    ----------
    jets : Jets
    """

    def __init__(self, jets: Jets):
        self.jets = jets

    def __len__(self) -> int:
        return len(self.jets)

    @cached_property
    def particles(self) -> NDArray[np.float64]:
        """[particles, 3] (etarel, phirel, ptrel) of the kept particles, jet by jet."""
        return self.jets.particle_features[self.jets.mask].astype(np.float64)

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """[n, 4] (pt [GeV], eta, mass [GeV], num_particles) of the full jets."""
        return self.jets.jet_features.astype(np.float64)

    def of_each_particle(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """[particles] the value of the jet that each particle belongs to.

        Parameters
        ----------
        values : [n]

        Returns
        -------
        [particles]
        """
        return np.repeat(values, self.jets.multiplicity)

    @cached_property
    def efps(self) -> NDArray[np.float64]:
        """[n, 36] Energy Flow Polynomials."""
        from hypervae.observables.efp import efps  # compiled; figures need labels alone

        return efps(self.jets)

    @cached_property
    def subjettiness(self) -> dict[str, NDArray[np.float64]]:
        """[n] N-subjettiness and its ratios, by name."""
        from hypervae.observables.substructure import n_subjettiness

        return n_subjettiness(self.jets)

"""A model's normalization: scales of all features and the correlator tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.config import CorrelatorsStageConfig
from hypervae.correlators.binning import Binning
from hypervae.normalization.scaler import Scaler


@dataclass(frozen=True)
class Normalization:
    """What turns features into network inputs and back.

    Attributes
    ----------
    edge, hyperedge, jet, particle : Scaler
        Of the features `EDGE_FEATURES`, `hyperedge_features`, `JET_TARGETS` and of the coordinates
        (etarel, phirel, ln ptrel), which only losses use.
    momentum_scale : float
        [GeV] The one scale of all components of all four-momenta: a scale per component would break
        Lorentz symmetry.
    ln_e2c : [bins + 2]
    ln_ratio : [hyperedge orders, bins + 2]
    multiplicity : [P + 1]
        Training jets per number of particles.
    settings : CorrelatorsStageConfig
        The correlators config of the shards.
    digest : str
        Identifies the jets that went in.
    contents : frozenset of str
        Digests of the shards' jets.
    """

    edge: Scaler
    hyperedge: Scaler
    jet: Scaler
    particle: Scaler
    momentum_scale: float
    ln_e2c: NDArray[np.float64]
    ln_ratio: NDArray[np.float64]
    multiplicity: NDArray[np.int64]
    max_particles: int
    jet_types: tuple[str, ...]
    n_jets: int
    method: str
    settings: CorrelatorsStageConfig
    digest: str
    contents: frozenset[str]

    @property
    def binning(self) -> Binning:
        """The R_L bins."""
        return Binning.of(self.settings)

    @property
    def hyperedge_orders(self) -> list[int]:
        """Sizes of the sets."""
        return list(self.settings.hyperedges.orders)

    @property
    def hyperedge_particles(self) -> int:
        """How many of the hardest particles of a jet form hyperedges, at most."""
        return min(self.max_particles, self.settings.hyperedges.max_particles)

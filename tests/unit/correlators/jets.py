"""Small jets drawn by Hypothesis, with float64 coordinates, and their correlators."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from hypervae.correlators import geometry, kernel
from hypervae.correlators.binning import Binning
from hypervae.data.jets import Jets

BINNING = Binning(40, 1e-3, 2.0)

# Angles on a coarse grid make coincident particles and equal distances, which floats alone do not.
_ANGLES = st.one_of(st.floats(-0.6, 0.6), st.sampled_from([-0.25, 0.0, 0.125, 0.25]))


def particles(smallest: int = 1, largest: int = 7) -> st.SearchStrategy[np.ndarray]:
    """[n, 3] (etarel, phirel, ptrel)."""
    one = st.tuples(_ANGLES, _ANGLES, st.floats(1e-3, 1.0))
    return st.lists(one, min_size=smallest, max_size=largest).map(np.array)


def jet_of(rows: np.ndarray, slots: int | None = None, eta: float = 0.4) -> Jets:
    """One jet of these particles, in the order given, in `slots` slots."""
    rows = np.asarray(rows, dtype=np.float64).reshape(-1, 3)
    features = np.zeros((1, slots or len(rows), 4))
    features[0, : len(rows), :3] = rows
    features[0, : len(rows), 3] = 1
    return Jets(features, np.array([[1000.0, eta, 80.0, len(rows)]]), jet_type="g")


def correlators(
    jets: Jets,
    orders: list[int],
    binning: Binning = BINNING,
    kind: str = "pt",
    exponent: float = 1.0,
) -> np.ndarray:
    """[orders, bins + 2] sums over the jets."""
    weight = geometry.weights(jets, kind, exponent)
    pair_bins = geometry.pair_bins(jets, binning)
    return kernel.correlate(weight, jets.multiplicity, pair_bins, orders, binning.size)[0][0]

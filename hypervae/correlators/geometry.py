"""Pairs of particles: numbering, angular distance, R_L bin, weights."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.binning import Binning
from hypervae.data.jets import Jets
from hypervae.kinematics import wrap_phi

_TWO_PI = 2 * math.pi


def pair_count(particles: int) -> int:
    """Number of pairs of `particles` particles."""
    return particles * (particles - 1) // 2


def pair_indices(particles: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two members i < j of each pair, in the order in which pairs are stored.

    Pair (i, j) has the number j (j - 1) / 2 + i, so that the pairs of the hardest m particles are
    the first m (m - 1) / 2, whatever the number of slots.

    Returns
    -------
    i, j : [particles (particles - 1) / 2] int64
    """
    j, i = np.tril_indices(particles, -1)
    return i, j


def weights(jets: Jets, kind: str = "pt", exponent: float = 1.0) -> NDArray[np.float64]:
    """Weights of the particles: fractions of the kept particles' pT (or energy) to a power.

    Parameters
    ----------
    jets : Jets
    kind : {"pt", "energy"}
    exponent : float
        The power kappa.

    Returns
    -------
    [n, P] float64
        Zero where no particle is. For exponent 1 each jet's weights sum to 1.
    """
    particles = jets.particle_features.astype(np.float64)
    size = particles[..., 2] * jets.mask
    if kind == "energy":
        size = size * np.cosh(particles[..., 0] + jets.jet_features[:, None, 1])
    fraction = size / size.sum(axis=1, keepdims=True)
    return np.where(jets.mask, fraction, 0.0) ** exponent * jets.mask


def delta_squared(jets: Jets) -> NDArray[np.float64]:
    """Squared distances (d eta)^2 + (d phi)^2 of all pairs; d phi is taken across +-pi.

    Returns
    -------
    [n, P (P - 1) / 2] float64
        Meaningless for pairs with an absent particle.
    """
    i, j = pair_indices(jets.particle_features.shape[1])
    eta = jets.particle_features[..., 0].astype(np.float64)
    phi = jets.particle_features[..., 1].astype(np.float64)
    return (eta[:, i] - eta[:, j]) ** 2 + wrap_phi(phi[:, i] - phi[:, j]) ** 2


@numba.njit(cache=True, nogil=True)
def _bin_pairs(eta, phi, counts, edges_squared, scale, out):  # pragma: no cover - compiled
    """Bin each pair: guess from the logarithm, then settle by comparing with the edges."""
    bins = edges_squared.size - 1
    low, high = edges_squared[0], edges_squared[bins]
    log_low = math.log(low)
    for jet in range(eta.shape[0]):
        pair = 0
        for j in range(1, counts[jet]):
            for i in range(j):
                d_eta = eta[jet, i] - eta[jet, j]
                d_phi = abs(phi[jet, i] - phi[jet, j])
                if d_phi > math.pi:
                    d_phi = abs(d_phi - _TWO_PI * round(d_phi / _TWO_PI))
                squared = d_eta * d_eta + d_phi * d_phi
                if squared < low:
                    code = 0
                elif squared >= high:
                    code = bins + 1
                else:
                    code = int((math.log(squared) - log_low) * scale)
                    code = min(max(code, 0), bins - 1)
                    if squared < edges_squared[code]:
                        code -= 1
                    elif squared >= edges_squared[code + 1]:
                        code += 1
                    code += 1
                out[jet, pair] = code
                pair += 1


def pair_bins(jets: Jets, binning: Binning) -> NDArray[np.unsignedinteger]:
    """The R_L bin of each pair: 0 underflow, 1 to `bins`, `bins` + 1 overflow.

    Returns
    -------
    [n, P (P - 1) / 2] uint8 or uint16
        In the order of `pair_indices`; 0 for pairs with an absent particle.
    """
    slots = jets.particle_features.shape[1]
    out = np.zeros((len(jets), pair_count(slots)), dtype=binning.dtype)
    edges_squared = binning.edges**2
    scale = binning.bins / math.log(edges_squared[-1] / edges_squared[0])
    _bin_pairs(
        jets.particle_features[..., 0].astype(np.float64),
        jets.particle_features[..., 1].astype(np.float64),
        jets.multiplicity,
        edges_squared,
        scale,
        out,
    )
    return out

"""Features of pairs (edges) and of jets, un-normalized."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import angle_between, pair_count
from hypervae.data.jets import Jets

#: Features of an edge. The first is looked up in the merged E2C table at the pair's R_L bin.
EDGE_FEATURES = ("ln_e2c", "ln_delta", "ln_kt", "ln_z", "ln_m2")
#: Those of them that the pair itself decides.
PAIR_FEATURES = EDGE_FEATURES[1:]
#: Features of a jet.
JET_TARGETS = ("ln_pt", "eta", "ln_mass")
#: Coordinates of a particle, which only losses use.
PARTICLE_COORDINATES = ("etarel", "phirel", "ln_ptrel")

# Logarithms need floors, for coincident particles and for jets of one massless particle. They lie
# below what a calorimeter or a float32 coordinate resolves.
DELTA_FLOOR = 1e-5
MASS_SQUARED_FLOOR = 1e-8  # GeV^2
MASS_FLOOR = 1.0  # GeV


def hyperedge_features(orders: list[int]) -> tuple[str, ...]:
    """Names of the features of a hyperedge: ln(ENC/E2C) at its R_L for each order, then ln w.

    Parameters
    ----------
    orders : list of int

    Returns
    -------
    tuple of str
    """
    return (*(f"ln_e{order}c_over_e2c" for order in orders), "ln_w")


def moment_names(orders: Iterable[int]) -> tuple[str, ...]:
    """Names of the features of which correlator files hold moments.

    Parameters
    ----------
    orders : iterable of int
        Of the hyperedges.

    Returns
    -------
    tuple of str
    """
    weights = (f"ln_w{order}" for order in orders)
    return (*PAIR_FEATURES, *weights, *JET_TARGETS, *PARTICLE_COORDINATES, "pt")


@numba.njit(cache=True, nogil=True)
def _pair_features(
    pt: NDArray[Any],
    eta: NDArray[Any],
    phi: NDArray[Any],
    multiplicity: NDArray[Any],
    out: NDArray[Any],
) -> None:  # pragma: no cover - compiled
    slots = pt.shape[1]
    log_pt, grow, shrink = np.zeros(slots), np.zeros(slots), np.zeros(slots)
    cosine, sine = np.zeros(slots), np.zeros(slots)
    lowest = DELTA_FLOOR * DELTA_FLOOR
    for jet in range(pt.shape[0]):
        for k in range(multiplicity[jet]):
            log_pt[k] = math.log(pt[jet, k])
            grow[k] = math.exp(eta[jet, k] / 2)
            shrink[k] = 1 / grow[k]
            cosine[k], sine[k] = math.cos(phi[jet, k]), math.sin(phi[jet, k])
        pair = 0
        for j in range(1, multiplicity[jet]):
            for i in range(j):
                d_eta = eta[jet, i] - eta[jet, j]
                d_phi = angle_between(phi[jet, i], phi[jet, j])
                log_delta = 0.5 * math.log(max(d_eta * d_eta + d_phi * d_phi, lowest))
                log_min = min(log_pt[i], log_pt[j])
                # 2 cosh a - 2 cos b = (2 sinh(a/2))^2 + (2 sin(b/2))^2, from differences of what
                # each particle has: no function to call, and no cancellation of squares
                along = grow[i] * shrink[j] - grow[j] * shrink[i]
                x, y = cosine[i] - cosine[j], sine[i] - sine[j]
                m2 = pt[jet, i] * pt[jet, j] * (along * along + x * x + y * y)
                out[jet, pair, 0] = log_delta
                out[jet, pair, 1] = log_min + log_delta
                out[jet, pair, 2] = log_min - math.log(pt[jet, i] + pt[jet, j])
                out[jet, pair, 3] = math.log(max(m2, MASS_SQUARED_FLOOR))
                pair += 1


def pair_features(jets: Jets, dtype: type[np.floating] = np.float64) -> NDArray[np.floating]:
    """Give ln Delta, ln kT, ln z and ln m^2 of every pair.

    kT = min(pt) Delta [GeV], z = min(pt) / (pt_i + pt_j), m^2 = 2 pt_i pt_j (cosh d eta -
    cos d phi) [GeV^2]; Delta and m^2 are floored.

    Parameters
    ----------
    jets : Jets
    dtype : floating type
        Of the result.

    Returns
    -------
    [n, P (P - 1) / 2, 4]
        In the order of `geometry.pair_indices`; zero for pairs with an absent particle.
    """
    particles = jets.particle_features.astype(np.float64)
    out = np.zeros((len(jets), pair_count(particles.shape[1]), len(PAIR_FEATURES)), dtype=dtype)
    pt = particles[..., 2] * jets.jet_features[:, None, 0]
    _pair_features(pt, particles[..., 0], particles[..., 1], jets.multiplicity, out)
    return out


def jet_targets(jets: Jets) -> NDArray[np.float64]:
    """[n, 3] (ln pt, eta, ln mass) of the jets, with the mass floored.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    [n, 3] float64
    """
    features = jets.jet_features.astype(np.float64)
    log_mass = np.log(np.maximum(features[:, 2], MASS_FLOOR))
    return np.stack([np.log(features[:, 0]), features[:, 1], log_mass], axis=1)

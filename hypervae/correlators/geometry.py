"""Pairs of particles: numbering, angular distance, R_L bin, weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.binning import Binning
from hypervae.data.jets import Jets
from hypervae.kinematics import wrap_phi

#: Pairs of particles in memory at once: 64 MB of features. No result depends on it.
PAIRS_AT_ONCE = 2_000_000
_TWO_PI = 2 * math.pi
T = TypeVar("T")


def pair_count(particles: int) -> int:
    """Number of pairs of `particles` particles.

    Parameters
    ----------
    particles : int

    Returns
    -------
    int
    """
    return particles * (particles - 1) // 2


def jets_at_once(particles: int, pairs: int = PAIRS_AT_ONCE) -> int:
    """Jets of a batch, so that its pairs fit into memory.

    Parameters
    ----------
    particles : int
        Slots of each.
    pairs : int
        Of all.

    Returns
    -------
    int
        From 1 to 10,000.
    """
    return int(np.clip(pairs // max(pair_count(particles), 1), 1, 10_000))


def pair_indices(particles: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two members i < j of each pair, in the order in which pairs are stored.

    Pair (i, j) has the number j (j - 1) / 2 + i, so that the pairs of the hardest m particles are
    the first m (m - 1) / 2, whatever the number of slots.

    Parameters
    ----------
    particles : int
        Their number, or that of the slots.

    Returns
    -------
    i, j : [particles (particles - 1) / 2] int64
    """
    j, i = np.tril_indices(particles, -1)
    return i, j


def weights(jets: Jets, weight: str = "pt", exponent: float = 1.0) -> NDArray[np.float64]:
    """Weights of the particles: fractions of the kept particles' pT (or energy) to a power.

    Parameters
    ----------
    jets : Jets
    weight : {"pt", "energy"}
    exponent : float
        The power kappa.

    Returns
    -------
    [n, P] float64
        Zero where no particle is. For exponent 1 each jet's weights sum to 1.
    """
    particles = jets.particle_features.astype(np.float64)
    size = particles[..., 2] * jets.mask
    if weight == "energy":
        size = size * np.cosh(particles[..., 0] + jets.jet_features[:, None, 1])
    fraction = size / size.sum(axis=1, keepdims=True)
    return np.where(jets.mask, fraction, 0.0) ** exponent * jets.mask


def delta_squared(jets: Jets) -> NDArray[np.float64]:
    """Squared distances (d eta)^2 + (d phi)^2 of all pairs; d phi is taken across +-pi.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    [n, P (P - 1) / 2] float64
        Meaningless for pairs with an absent particle.
    """
    i, j = pair_indices(jets.particle_features.shape[1])
    eta = jets.particle_features[..., 0].astype(np.float64)
    phi = jets.particle_features[..., 1].astype(np.float64)
    squared: NDArray[np.float64] = (eta[:, i] - eta[:, j]) ** 2
    squared += wrap_phi(phi[:, i] - phi[:, j]) ** 2
    return squared


@numba.njit(cache=True, nogil=True)
def angle_between(one: float, other: float) -> float:  # pragma: no cover - compiled
    """Distance of two azimuths, in [0, pi].

    Parameters
    ----------
    one, other : float
        Azimuths [rad].

    Returns
    -------
    float
        [rad]
    """
    difference = abs(one - other)
    if difference > math.pi:
        difference = abs(difference - _TWO_PI * round(difference / _TWO_PI))
    return difference


@numba.njit(cache=True, nogil=True)
def _bin_pairs(
    eta: NDArray[Any],
    phi: NDArray[Any],
    multiplicity: NDArray[Any],
    edges_squared: NDArray[Any],
    cells: NDArray[Any],
    shift: float,
    squared: NDArray[Any],
    bits: NDArray[Any],
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    """Bin each pair: start from the cell of the leading bits, then compare with the edges.

    ``bits`` is ``squared`` seen as integers: floating-point numbers sort as their bits do, and the
    leading ones are a logarithm for nothing.
    """
    bins = edges_squared.size - 1
    low, high = edges_squared[0], edges_squared[bins]
    for jet in range(eta.shape[0]):
        pair = 0
        for j in range(1, multiplicity[jet]):
            for i in range(j):
                d_eta = eta[jet, i] - eta[jet, j]
                d_phi = angle_between(phi[jet, i], phi[jet, j])
                squared[pair] = d_eta * d_eta + d_phi * d_phi
                pair += 1
        first = cells[0]
        for p in range(pair):
            value = squared[p]
            if value < low:
                out[jet, p] = 0
            elif value >= high:
                out[jet, p] = bins + 1
            else:
                rl_bin = cells[1 + (bits[p] >> shift) - first]
                while value >= edges_squared[rl_bin + 1]:
                    rl_bin += 1
                out[jet, p] = rl_bin + 1


def _cells(edges_squared: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """For each value of the leading bits the lowest bin that a number with them can lie in.

    Returns
    -------
    cells : [1 + n]
        The leading bits of the lowest edge, then the bins.
    shift : int
        How many bits are dropped: few enough that a cell is no wider than a bin, up to 2^16 cells
        for a factor of 2.
    """
    ratio = math.log2(edges_squared[-1] / edges_squared[0]) / (len(edges_squared) - 1)
    shift = 52 - min(max(math.ceil(-math.log2(ratio)) + 1, 0), 16)
    first, last = (int(edge.view(np.int64)) >> shift for edge in edges_squared[[0, -1]])
    starts = (np.arange(first, last + 1, dtype=np.int64) << shift).view(np.float64)
    bins = np.searchsorted(edges_squared, starts, side="right") - 1
    return np.concatenate([[first], np.maximum(bins, 0)]), shift


def pair_bins(jets: Jets, binning: Binning, threads: int = 1) -> NDArray[np.unsignedinteger]:
    """The R_L bin of each pair: 0 underflow, 1 to `bins`, `bins` + 1 overflow.

    Parameters
    ----------
    jets : Jets
    binning : Binning
    threads : int
        They share the jets.

    Returns
    -------
    [n, P (P - 1) / 2] uint8 or uint16
        In the order of `pair_indices`; 0 for pairs with an absent particle.
    """
    slots = jets.particle_features.shape[1]
    out = np.zeros((len(jets), pair_count(slots)), dtype=binning.dtype)
    edges_squared = binning.edges**2
    cells, shift = _cells(edges_squared)
    eta = jets.particle_features[..., 0].astype(np.float64)
    phi = jets.particle_features[..., 1].astype(np.float64)
    multiplicity = jets.multiplicity

    def run(part: slice) -> None:
        squared = np.zeros(max(pair_count(slots), 1))
        bits = squared.view(np.int64)
        table = (edges_squared, cells, shift)
        _bin_pairs(eta[part], phi[part], multiplicity[part], *table, squared, bits, out[part])

    in_parallel(run, len(jets), threads)
    return out


def in_parallel(run: Callable[[slice], T], items: int, threads: int) -> list[T]:
    """Call `run` on equal parts of the items, in threads if there are several.

    Parameters
    ----------
    run : callable
        Called with each part, a slice.
    items : int
        Their number.
    threads : int
        As many parts are made.

    Returns
    -------
    list
        What `run` returned, part by part.
    """
    cuts = np.linspace(0, items, threads + 1).astype(int)
    parts = [slice(a, b) for a, b in pairwise(cuts)]
    if threads == 1:
        return [run(parts[0])]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, parts))

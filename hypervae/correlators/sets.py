"""Sets of particles (hyperedges): their members, their R_L bins, moments of their weights.

Sets are ordered colexicographically, as pairs are: the sets of the hardest m particles come first.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


def set_count(particles: int, order: int) -> int:
    """Number of sets of `order` particles among `particles`.

    Parameters
    ----------
    particles : int
    order : int

    Returns
    -------
    int
    """
    return math.comb(particles, order)


@functools.lru_cache(maxsize=16)
def set_members(particles: int, order: int) -> NDArray[np.uint8]:
    """The members of every set, ascending within a set.

    Parameters
    ----------
    particles, order : int

    Returns
    -------
    [C(particles, order), order] uint8
    """
    sets = np.array(list(itertools.combinations(range(particles), order)), dtype=np.uint8)
    sets = sets.reshape(-1, order)
    return sets[np.lexsort(sets.T)]


@numba.njit(cache=True, nogil=True)
def _larger(
    values: NDArray[Any], other: float, out: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """The larger of each value and one other; a loop that the compiler vectorizes."""
    for t in range(out.size):
        value = values[t]
        out[t] = value if value > other else other


@numba.njit(cache=True, nogil=True)
def _largest(
    values: NDArray[Any], others: NDArray[Any], out: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    for t in range(out.size):
        value, other = values[t], others[t]
        out[t] = value if value > other else other


@numba.njit(cache=True, nogil=True)
def walk_bins(
    pair_bins: NDArray[Any],
    particles: int,
    order: int,
    binomials: NDArray[Any],
    bins: NDArray[Any],
    subsets: NDArray[Any],
) -> None:  # pragma: no cover - compiled
    """R_L bins of the sets of 2 to `order` particles of one jet, into the rows of ``bins``.

    In colexicographic order the sets whose last member is m are the smaller sets of the first m
    particles, each joined by m. So their bins are those of the smaller sets, or the bin of m's
    farthest partner in the set where that is larger: two arrays side by side, no index to look up.
    ``binomials[n, k]`` is the number of k-sets of n particles; ``subsets`` is scratch: in row k,
    the bin of the farthest partner over all k-sets.

    Parameters
    ----------
    pair_bins : [pairs] integers
    particles : int
        Of the jet.
    order : int
        The largest.
    binomials : [particles + 1, order + 1] integers
        As `set_counts`.
    bins : [order + 1, sets] integers
        Gets the bins.
    subsets : [order + 1, sets] integers
        Scratch.
    """
    for t in range(binomials[particles, 2]):
        bins[2, t] = pair_bins[t]
    for m in range(2, particles):
        row = pair_bins[m * (m - 1) // 2 :]
        for t in range(m):
            subsets[1, t] = row[t]
        for k in range(2, order):
            for last in range(k - 1, m):
                first = binomials[last, k]
                here = subsets[k, first : first + binomials[last, k - 1]]
                _larger(subsets[k - 1], row[last], here)
        for k in range(3, order + 1):
            first = binomials[m, k]
            here = bins[k, first : first + binomials[m, k - 1]]
            _largest(bins[k - 1], subsets[k - 1], here)


def set_counts(particles: int, order: int) -> NDArray[np.int64]:
    """[particles + 1, order + 1] number of k-sets of n particles.

    Parameters
    ----------
    particles, order : int
        The largest n and k.

    Returns
    -------
    [particles + 1, order + 1] int64
    """
    return np.array(
        [[math.comb(n, k) for k in range(order + 1)] for n in range(particles + 1)], dtype=np.int64
    )


def set_bins(pair_bins: NDArray[np.unsignedinteger], particles: int, order: int) -> NDArray[Any]:
    """The R_L bin of every set of one jet: the largest of its pairs'.

    Parameters
    ----------
    pair_bins : [pairs]
        The jet's pair bins.
    particles : int
        Sets are formed of the hardest so many.
    order : int

    Returns
    -------
    [C(particles, order)]
        Same type as `pair_bins`.
    """
    binomials = set_counts(particles, order)
    bins = np.zeros((order + 1, max(int(binomials[-1].max()), 1)), dtype=pair_bins.dtype)
    walk_bins(pair_bins, particles, order, binomials, bins, np.zeros_like(bins))
    return bins[order, : binomials[particles, order]]


def log_weight_sums(
    log_weight: NDArray[np.float64], multiplicity: NDArray[np.int64], order: int, shift: float
) -> tuple[float, float, float, float, float]:
    """Moments of ln w over all sets of the jets, in closed form.

    With L_t = ln w_t - shift / N, the sum over the C(n, N) sets of a jet is
    C(n-1, N-1) sum L and that of the squares C(n-1, N-1) sum L^2 + C(n-2, N-2) 2 sum_{s<t} L_s L_t.

    Parameters
    ----------
    log_weight : [n, P] float64
    multiplicity : [n] int64
    order : int
        N.
    shift : float
        Subtracted from each ln w, for accuracy.

    Returns
    -------
    count, sum, sum of squares, min, max
        The sums are of (ln w - shift); min and max are of ln w; infinite without a set.
    """
    present = np.arange(log_weight.shape[1]) < multiplicity[:, None]
    centred = np.where(present, log_weight - shift / order, 0.0)
    total = centred.sum(axis=1)
    squares = (centred**2).sum(axis=1)
    one = np.array([math.comb(max(n - 1, 0), order - 1) for n in multiplicity], dtype=np.float64)
    two = np.array([math.comb(max(n - 2, 0), order - 2) for n in multiplicity], dtype=np.float64)
    two[multiplicity < order] = 0.0
    sets = np.array([math.comb(n, order) for n in multiplicity], dtype=np.float64)
    enough = multiplicity >= order
    if not enough.any():
        return 0.0, 0.0, 0.0, math.inf, -math.inf
    ascending = np.sort(np.where(present, log_weight, np.inf)[enough], axis=1)
    descending = -np.sort(-np.where(present, log_weight, -np.inf)[enough], axis=1)
    return (
        float(sets.sum()),
        float((one * total).sum()),
        float((one * squares + two * (total**2 - squares)).sum()),
        float(ascending[:, :order].sum(axis=1).min()),
        float(descending[:, :order].sum(axis=1).max()),
    )

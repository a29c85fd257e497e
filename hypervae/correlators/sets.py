"""Sets of particles (hyperedges): their R_L bins, their weights, and counts of both per bin.

Sets are ordered colexicographically, as pairs are: the sets of the hardest m particles come first.
"""

from __future__ import annotations

import functools
import itertools
import math

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.bits import population_count, trailing_zeros
from hypervae.correlators.kernel import pair_members, sorted_pairs


def set_count(particles: int, order: int) -> int:
    """Number of sets of `order` particles among `particles`."""
    return math.comb(particles, order)


@functools.lru_cache(maxsize=16)
def set_members(particles: int, order: int) -> NDArray[np.uint8]:
    """The members of every set, ascending within a set.

    Returns
    -------
    [C(particles, order), order] uint8
    """
    sets = np.array(list(itertools.combinations(range(particles), order)), dtype=np.uint8)
    sets = sets.reshape(-1, order)
    return sets[np.lexsort(sets.T)]


@numba.njit(cache=True, nogil=True)
def _larger(values, other, out):  # pragma: no cover - compiled
    """The larger of each value and one other; a loop that the compiler vectorizes."""
    for t in range(out.size):
        value = values[t]
        out[t] = value if value > other else other


@numba.njit(cache=True, nogil=True)
def _largest(values, others, out):  # pragma: no cover - compiled
    for t in range(out.size):
        value, other = values[t], others[t]
        out[t] = value if value > other else other


@numba.njit(cache=True, nogil=True)
def walk_bins(codes, particles, order, counts, bins, subsets):  # pragma: no cover - compiled
    """R_L bins of the sets of 2 to `order` particles of one jet, into the rows of ``bins``.

    In colexicographic order the sets whose last member is m are the smaller sets of the first m
    particles, each joined by m. So their bins are those of the smaller sets, or the bin of m's
    farthest partner in the set where that is larger: two arrays side by side, no index to look up.
    ``counts[n, k]`` is the number of k-sets of n particles; ``subsets`` is scratch: in row k, the
    bin of the farthest partner over all k-sets.
    """
    for t in range(counts[particles, 2]):
        bins[2, t] = codes[t]
    for m in range(2, particles):
        row = codes[m * (m - 1) // 2 :]
        for t in range(m):
            subsets[1, t] = row[t]
        for k in range(2, order):
            for last in range(k - 1, m):
                first = counts[last, k]
                here = subsets[k, first : first + counts[last, k - 1]]
                _larger(subsets[k - 1], row[last], here)
        for k in range(3, order + 1):
            first = counts[m, k]
            here = bins[k, first : first + counts[m, k - 1]]
            _largest(bins[k - 1], subsets[k - 1], here)


def set_counts(particles: int, order: int) -> NDArray[np.int64]:
    """[particles + 1, order + 1] number of k-sets of n particles."""
    return np.array(
        [[math.comb(n, k) for k in range(order + 1)] for n in range(particles + 1)], dtype=np.int64
    )


def set_bins(codes: NDArray[np.unsignedinteger], particles: int, order: int) -> NDArray:
    """The R_L bin of every set of one jet: the largest of its pairs'.

    Parameters
    ----------
    codes : [pairs]
        The jet's pair bins.
    particles : int
        Sets are formed of the hardest so many.
    order : int

    Returns
    -------
    [C(particles, order)]
        Same type as `codes`.
    """
    counts = set_counts(particles, order)
    bins = np.zeros((order + 1, max(int(counts[-1].max()), 1)), dtype=codes.dtype)
    walk_bins(codes, particles, order, counts, bins, np.zeros_like(bins))
    return bins[order, : counts[particles, order]]


@numba.njit(cache=True, nogil=True)
def _clique_counts(neighbours, shared, logs, degree, count, log_sum):  # pragma: no cover - compiled
    """Number of cliques of 1 to `degree` shared neighbours, and the sum of their members' logs.

    Larger cliques are counted from the smaller: each clique of d + 1 holds d + 1 cliques of d, in
    which each member stands d times.
    """
    count[1:] = 0.0
    log_sum[1:] = 0.0
    one = shared
    while one:
        k = trailing_zeros(one)
        one &= one - np.uint64(1)
        linked = shared & neighbours[k]
        degree_k = population_count(linked)
        count[1] += 1.0
        log_sum[1] += logs[k]
        count[2] += degree_k
        log_sum[2] += degree_k * logs[k]
        if degree < 3:
            continue
        two = linked & one  # members after k, so that each pair comes once
        while two:
            m = trailing_zeros(two)
            two &= two - np.uint64(1)
            both = linked & neighbours[m]
            triangles = population_count(both)
            count[3] += triangles
            log_sum[3] += triangles * (logs[k] + logs[m])
            if degree < 4:
                continue
            three = both & two
            while three:
                o = trailing_zeros(three)
                three &= three - np.uint64(1)
                fours = population_count(both & neighbours[o])
                count[4] += fours
                log_sum[4] += fours * (logs[k] + logs[m] + logs[o])
    count[2] /= 2
    count[3] /= 3
    log_sum[3] /= 2
    count[4] /= 4
    log_sum[4] /= 3


@numba.njit(cache=True, nogil=True)
def _histograms(logs, counts, codes, orders, count_out, log_out):  # pragma: no cover - compiled
    highest = orders.max()
    slots = logs.shape[1]
    most = max(slots * (slots - 1) // 2, 1)
    starts = np.zeros(count_out.shape[2] + 1, dtype=np.int64)
    order = np.zeros(most, dtype=np.int64)
    first, second = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
    pair_members(slots, first, second)
    neighbours = np.zeros(slots, dtype=np.uint64)
    count, log_sum = np.ones(5), np.zeros(5)
    for jet in range(logs.shape[0]):
        pairs = counts[jet] * (counts[jet] - 1) // 2
        sorted_pairs(codes[jet], pairs, starts, order)
        neighbours[:] = np.uint64(0)
        for place in range(pairs):
            pair = order[place]
            i, j, code = first[pair], second[pair], codes[jet, pair]
            shared = neighbours[i] & neighbours[j]
            _clique_counts(neighbours, shared, logs[jet], highest - 2, count, log_sum)
            ends = logs[jet, i] + logs[jet, j]
            for row in range(orders.size):
                degree = orders[row] - 2
                count_out[jet, row, code] += count[degree]
                log_out[jet, row, code] += log_sum[degree] + count[degree] * ends
            neighbours[i] |= np.uint64(1) << np.uint64(j)
            neighbours[j] |= np.uint64(1) << np.uint64(i)


def set_histograms(
    log_weight: NDArray[np.float64],
    counts: NDArray[np.int64],
    codes: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How many sets each R_L bin holds, and the sum of their ln w, without listing the sets.

    The algorithm is `kernel`'s: sets are counted when their farthest pair joins a growing graph.

    Parameters
    ----------
    log_weight : [n, P] float64
        Logarithms of the particles' weights.
    counts : [n] int64
        Sets are formed of the first so many particles, at most 64.
    codes : [n, P (P - 1) / 2]
        Pair bins.
    orders : list of int
        Set sizes between 3 and 6.
    size : int
        Bins with underflow and overflow.

    Returns
    -------
    count, log_sum : [n, len(orders), size] float32
    """
    if counts.max(initial=0) > 64:  # neighbours are the bits of one word
        raise ValueError(f"sets are counted among 64 particles at most, not {counts.max()}")
    count = np.zeros((len(log_weight), len(orders), size), dtype=np.float32)
    log_sum = np.zeros_like(count)
    if orders:
        _histograms(log_weight, counts, codes, np.asarray(orders), count, log_sum)
    return count, log_sum


def log_weight_sums(
    log_weight: NDArray[np.float64], counts: NDArray[np.int64], order: int, shift: float
) -> tuple[float, float, float, float, float]:
    """Moments of ln w over all sets of the jets, in closed form.

    With L_t = ln w_t - shift / N, the sum over the C(n, N) sets of a jet is
    C(n-1, N-1) sum L and that of the squares C(n-1, N-1) sum L^2 + C(n-2, N-2) 2 sum_{s<t} L_s L_t.

    Parameters
    ----------
    log_weight : [n, P] float64
    counts : [n] int64
    order : int
        N.
    shift : float
        Subtracted from each ln w, for accuracy.

    Returns
    -------
    count, sum, sum of squares, min, max
        The sums are of (ln w - shift); min and max are of ln w; infinite without a set.
    """
    present = np.arange(log_weight.shape[1]) < counts[:, None]
    centred = np.where(present, log_weight - shift / order, 0.0)
    total = centred.sum(axis=1)
    squares = (centred**2).sum(axis=1)
    one = np.array([math.comb(max(n - 1, 0), order - 1) for n in counts], dtype=np.float64)
    two = np.array([math.comb(max(n - 2, 0), order - 2) for n in counts], dtype=np.float64)
    two[counts < order] = 0.0
    sets = np.array([math.comb(n, order) for n in counts], dtype=np.float64)
    enough = counts >= order
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

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

from hypervae.correlators.kernel import _FAST, _LANES, _row_sum, _sorted_pairs


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
def _set_bins(codes, members, out):  # pragma: no cover - compiled
    for row in range(members.shape[0]):
        farthest = 0
        for b in range(1, members.shape[1]):
            j = int(members[row, b])
            for a in range(b):
                farthest = max(farthest, int(codes[j * (j - 1) // 2 + int(members[row, a])]))
        out[row] = farthest


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
    members = set_members(particles, order)
    out = np.zeros(len(members), dtype=codes.dtype)
    _set_bins(codes, members, out)
    return out


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _clique_counts(graph, common, logs, members, size, width, degree, count, log_sum):
    # pragma: no cover - compiled
    """Number of cliques of 1..degree common neighbours, and the sum of their members' logs."""
    count[1:] = 0.0
    log_sum[1:] = 0.0
    for m in range(width):
        count[1] += common[m]
        log_sum[1] += common[m] * logs[m]
    if degree < 2:
        return
    for a in range(size):
        k = members[a]
        degree_k = _row_sum(graph[k], common, width)
        count[2] += 0.5 * degree_k
        log_sum[2] += degree_k * logs[k]
    if degree < 3:
        return
    for a in range(size):
        k = members[a]
        for b in range(a + 1, size):
            m = members[b]
            if graph[k, m] == 0.0:
                continue
            for c in range(b + 1, size):
                o = members[c]
                if graph[k, o] * graph[m, o] == 0.0:
                    continue
                three = logs[k] + logs[m] + logs[o]
                count[3] += 1.0
                log_sum[3] += three
                if degree < 4:
                    continue
                for d in range(c + 1, size):
                    p = members[d]
                    if graph[k, p] * graph[m, p] * graph[o, p] != 0.0:
                        count[4] += 1.0
                        log_sum[4] += three + logs[p]


@numba.njit(cache=True, nogil=True)
def _histograms(logs_in, counts, codes, orders, count_out, log_out):  # pragma: no cover - compiled
    highest = orders.max()
    slots = logs_in.shape[1]
    padded = (slots + _LANES - 1) // _LANES * _LANES
    starts = np.zeros(count_out.shape[2] + 1, dtype=np.int64)
    first = np.zeros(max(slots * (slots - 1) // 2, 1), dtype=np.int64)
    second = np.zeros_like(first)
    graph = np.zeros((slots, padded))
    common = np.zeros(padded)
    logs = np.zeros(padded)
    members = np.zeros(slots, dtype=np.int64)
    count = np.ones(5)
    log_sum = np.zeros(5)
    for jet in range(logs_in.shape[0]):
        n = counts[jet]
        width = (n + _LANES - 1) // _LANES * _LANES
        graph[:n, :width] = 0.0
        logs[:] = 0.0
        logs[:n] = logs_in[jet, :n]
        pairs = _sorted_pairs(codes[jet], n, starts, first, second)
        for place in range(pairs):
            i, j = first[place], second[place]
            code = codes[jet, j * (j - 1) // 2 + i]
            size = 0
            for m in range(width):
                common[m] = graph[i, m] * graph[j, m]
            for m in range(n):
                members[size] = m
                size += common[m] != 0.0
            _clique_counts(graph, common, logs, members, size, width, highest - 2, count, log_sum)
            for row in range(orders.size):
                degree = orders[row] - 2
                count_out[jet, row, code] += count[degree]
                log_out[jet, row, code] += log_sum[degree] + count[degree] * (logs[i] + logs[j])
            graph[i, j] = 1.0
            graph[j, i] = 1.0


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
        Sets are formed of the first so many particles.
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

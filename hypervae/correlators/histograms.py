"""How many sets of particles each R_L bin holds, and what their weights add up to.

No set is listed: the algorithm is `kernel`'s, in which sets are counted when their farthest pair
joins a growing graph.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.bits import population_count, trailing_zeros
from hypervae.correlators.pair_order import pair_members, sorted_pairs


@numba.njit(cache=True, nogil=True)
def _subset_sums(
    values: NDArray[Any], n: int, table: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """For each byte of a word of members, what the members in it add up to."""
    for byte in range(8):
        table[byte, 0] = 0.0
        for bit in range(8):
            value = values[8 * byte + bit] if 8 * byte + bit < n else 0.0
            here = 1 << bit
            for rest in range(here):
                table[byte, here + rest] = table[byte, rest] + value


@numba.njit(cache=True, nogil=True)
def _sum_of(
    word: np.uint64, table: NDArray[Any], size: int
) -> float:  # pragma: no cover - compiled
    """The sum of the values of a word's members, among at most 32 or at most 64."""
    low = np.uint64(255)
    total: float = (table[0, word & low] + table[1, (word >> np.uint64(8)) & low]) + (
        table[2, (word >> np.uint64(16)) & low] + table[3, (word >> np.uint64(24)) & low]
    )
    if size > 32:
        total += (
            table[4, (word >> np.uint64(32)) & low] + table[5, (word >> np.uint64(40)) & low]
        ) + (table[6, (word >> np.uint64(48)) & low] + table[7, word >> np.uint64(56)])
    return total


# Without sums of the weights there is no table, and the compiler leaves out all that reads it.
# (Functions at the module's level, since Numba finds closures over others in no cache.)


@numba.njit(cache=True, nogil=True)
def _cliques(
    neighbours: NDArray[Any],
    shared: np.uint64,
    logs: NDArray[Any],
    weights: NDArray[Any],
    table: NDArray[Any] | None,
    size: int,
    degree: int,
    count: NDArray[Any],
    log_sum: NDArray[Any],
    weight_sum: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    """Number of cliques of 1 to `degree` shared neighbours, and sums of their ln w and w.

    Larger cliques are counted from the smaller: each clique of d + 1 holds d + 1 cliques of d,
    in which each member stands d times.
    """
    count[1:] = 0.0
    log_sum[1:] = 0.0
    weight_sum[1:] = 0.0
    if table is not None:
        weight_sum[1] = _sum_of(shared, table, size)
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
        if table is not None and degree > 1:
            weight_sum[2] += weights[k] * _sum_of(linked, table, size)
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
            product = weights[k] * weights[m]
            if table is not None:
                weight_sum[3] += product * _sum_of(both, table, size)
            if degree < 4:
                continue
            three = both & two
            while three:
                o = trailing_zeros(three)
                three &= three - np.uint64(1)
                linked_to_all = both & neighbours[o]
                fours = population_count(linked_to_all)
                count[4] += fours
                log_sum[4] += fours * (logs[k] + logs[m] + logs[o])
                if table is not None:
                    weight_sum[4] += product * weights[o] * _sum_of(linked_to_all, table, size)
    count[2] /= 2
    count[3] /= 3
    log_sum[3] /= 2
    count[4] /= 4
    log_sum[4] /= 3
    weight_sum[2] /= 2
    weight_sum[3] /= 3
    weight_sum[4] /= 4


@numba.njit(cache=True, nogil=True)
def _walk(
    logs: NDArray[Any],
    weights: NDArray[Any],
    multiplicity: NDArray[Any],
    pair_bins: NDArray[Any],
    orders: NDArray[Any],
    table: NDArray[Any] | None,
    count_out: NDArray[Any],
    log_out: NDArray[Any],
    weight_out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    highest = orders.max()
    slots = logs.shape[1]
    most = max(slots * (slots - 1) // 2, 1)
    starts = np.zeros(count_out.shape[2] + 1, dtype=np.int64)
    order = np.zeros(most, dtype=np.int64)
    first, second = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
    pair_members(slots, first, second)
    neighbours = np.zeros(slots, dtype=np.uint64)
    count, log_sum, weight_sum = np.ones(5), np.zeros(5), np.ones(5)
    for jet in range(logs.shape[0]):
        n = multiplicity[jet]
        pairs = n * (n - 1) // 2
        sorted_pairs(pair_bins[jet], pairs, starts, order)
        neighbours[:] = np.uint64(0)
        if table is not None:
            _subset_sums(weights[jet], n, table)
        for place in range(pairs):
            pair = order[place]
            i, j, rl_bin = first[pair], second[pair], pair_bins[jet, pair]
            shared = neighbours[i] & neighbours[j]
            _cliques(
                neighbours,
                shared,
                logs[jet],
                weights[jet],
                table,
                n,
                highest - 2,
                count,
                log_sum,
                weight_sum,
            )
            ends = logs[jet, i] + logs[jet, j]
            for row in range(orders.size):
                degree = orders[row] - 2
                count_out[jet, row, rl_bin] += count[degree]
                log_out[jet, row, rl_bin] += log_sum[degree] + count[degree] * ends
                if table is not None:
                    product = weights[jet, i] * weights[jet, j]
                    weight_out[jet, row, rl_bin] += product * weight_sum[degree]
            neighbours[i] |= np.uint64(1) << np.uint64(j)
            neighbours[j] |= np.uint64(1) << np.uint64(i)


def _histograms(
    log_weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
    dtype: type[np.floating],
    weighted: bool,
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.float64]]:
    if multiplicity.max(initial=0) > 64:  # neighbours are the bits of one word
        raise ValueError(f"sets are counted among 64 particles at most, not {multiplicity.max()}")
    count = np.zeros((len(log_weight), len(orders), size), dtype=dtype)
    log_sum = np.zeros_like(count)
    weight_sum = np.zeros(count.shape if weighted else (0, 0, 0))
    weights = np.exp(log_weight) if weighted else log_weight
    if orders:
        rows, table = np.asarray(orders), np.zeros((8, 256)) if weighted else None
        _walk(log_weight, weights, multiplicity, pair_bins, rows, table, count, log_sum, weight_sum)
    return count, log_sum, weight_sum


def set_histograms(
    log_weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
    dtype: type[np.floating] = np.float32,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """How many sets each R_L bin holds, and the sum of their ln w.

    Parameters
    ----------
    log_weight : [n, P] float64
        Logarithms of the particles' weights.
    multiplicity : [n] int64
        Sets are formed of the first so many particles, at most 64.
    pair_bins : [n, P (P - 1) / 2]
        Pair bins.
    orders : list of int
        Set sizes between 3 and 6.
    size : int
        Bins with underflow and overflow.
    dtype : floating type
        Of the result.

    Returns
    -------
    count, log_sum : [n, len(orders), size]
    """
    return _histograms(log_weight, multiplicity, pair_bins, orders, size, dtype, False)[:2]


def weighted_histograms(
    log_weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
    dtype: type[np.floating] = np.float32,
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.float64]]:
    """How many sets each R_L bin holds, and the sums of their ln w and of w = prod_t w_t.

    Parameters
    ----------
    log_weight, multiplicity, pair_bins, orders, size, dtype
        See `set_histograms`.

    Returns
    -------
    count, log_sum : [n, len(orders), size]
    weight_sum : [n, len(orders), size] float64
        In float64 always: products of weights reach below the range of float32.
    """
    return _histograms(log_weight, multiplicity, pair_bins, orders, size, dtype, True)

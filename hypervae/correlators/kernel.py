"""Projected N-point correlators by growing a graph, without a loop over N-tuples.

A set of particles has R_L equal to the distance of its farthest pair. Add the pairs of a jet to a
graph, nearest first: the sets whose farthest pair is (i, j) are those that become cliques when this
edge is added, that is, {i, j} with a clique C of the common neighbours of i and j. Summing over all
ordered N-tuples with repeated indices turns each particle into the polynomial
p_t(x) = sum_{k >= 1} (w_t x)^k / k!, and the tuples' weight is N! times the coefficient of x^N of
p_i p_j sum_C prod_{t in C} p_t. Sums over cliques of size 0, 1, 2 are plain vector and matrix sums
over the neighbours, so that up to N = 4 no set is visited one by one.

Ties within one bin may be taken in any order: such sets share the bin.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.bits import trailing_zeros
from hypervae.correlators.geometry import in_parallel

# Reassociation lets the compiler vectorize the sums; NaN and infinity stay what they are.
_FAST = {"reassoc", "contract", "nsz"}
_LANES = 16  # rows are padded to a multiple, so that no scalar remainder loop runs
_WORD = 64  # bits of a word of neighbours


@numba.njit(cache=True, nogil=True)
def sorted_pairs(
    pair_bins: NDArray[Any], total: int, starts: NDArray[Any], order: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """Counting sort: the numbers of a jet's pairs, by rising bin.

    Parameters
    ----------
    pair_bins : [pairs] integers
    total : int
        Pairs that are there.
    starts : [bins + 1] integers
        Scratch: where each bin starts.
    order : [pairs] integers
        Gets the numbers of the pairs.
    """
    starts[:] = 0
    for pair in range(total):
        starts[pair_bins[pair] + 1] += 1
    for rl_bin in range(1, starts.size):
        starts[rl_bin] += starts[rl_bin - 1]
    for pair in range(total):
        rl_bin = pair_bins[pair]
        order[starts[rl_bin]] = pair
        starts[rl_bin] += 1


@numba.njit(cache=True, nogil=True)
def pair_members(
    slots: int, first: NDArray[Any], second: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """The members i < j of each pair.

    Parameters
    ----------
    slots : int
        Particles of a jet, at most.
    first, second : [pairs] integers
        Get the members.
    """
    pair = 0
    for j in range(1, slots):
        for i in range(j):
            first[pair] = i
            second[pair] = j
            pair += 1


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _dot(
    row: NDArray[Any], values: NDArray[Any], width: int
) -> float:  # pragma: no cover - compiled
    total = 0.0
    for m in range(width):
        total += row[m] * values[m]
    return total


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _row_product(
    one: NDArray[Any], i: int, other: NDArray[Any], j: int, width: int
) -> float:  # pragma: no cover - compiled
    total = 0.0
    for m in range(width):
        total += one[i, m] * other[j, m]
    return total


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _common_weights(
    one: NDArray[Any], other: NDArray[Any], weight: NDArray[Any], common: NDArray[Any], width: int
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Weights of the common neighbours; returns their sum and the sum of their squares."""
    s1 = s2 = 0.0
    for m in range(width):
        c = one[m] * other[m]
        common[m] = c
        s1 += c
        s2 += c * weight[m]
    return s1, s2


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _linked_pairs(
    bits: NDArray[Any], i: int, j: int, graph: NDArray[Any], common: NDArray[Any], width: int
) -> float:  # pragma: no cover - compiled
    """Sum of w_k w_l over the linked pairs of common neighbours."""
    total = 0.0
    for word in range(bits.shape[1]):
        rest = bits[i, word] & bits[j, word]
        while rest:
            k = word * _WORD + trailing_zeros(rest)
            rest &= rest - np.uint64(1)
            total += common[k] * _dot(graph[k], common, width)
    return 0.5 * total


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _row_moments(
    row: NDArray[Any], values: NDArray[Any], width: int
) -> tuple[float, float, float]:  # pragma: no cover - compiled
    """Sums of the linked values, of their squares and of their cubes."""
    r1 = r2 = r3 = 0.0
    for m in range(width):
        value = row[m] * values[m]
        r1 += value
        r2 += value * value
        r3 += value * value * value
    return r1, r2, r3


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _larger_cliques(
    bits: NDArray[Any],
    i: int,
    j: int,
    graph: NDArray[Any],
    common: NDArray[Any],
    both: NDArray[Any],
    width: int,
    degree: int,
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    """Coefficients of x^3 and x^4 of the sum over cliques of the common neighbours.

    Cliques of three are summed over their pairs, each with its common neighbours as one vector, and
    so come three times; those of four over their triples, four times.
    """
    s3 = s4 = q12 = q13 = q22 = t111 = t112 = k1111 = 0.0
    one = np.uint64(1)
    for word in range(bits.shape[1]):
        rest = bits[i, word] & bits[j, word]
        while rest:
            k = word * _WORD + trailing_zeros(rest)
            rest &= rest - one
            wk = common[k]
            s3 += wk * wk * wk
            s4 += wk * wk * wk * wk
            _, r2, r3 = _row_moments(graph[k], common, width)
            q12 += wk * r2
            q13 += wk * r3
            q22 += 0.5 * wk * wk * r2
            for second in range(word, bits.shape[1]):
                pairs = bits[i, second] & bits[j, second] & bits[k, second]
                while pairs:
                    m = second * _WORD + trailing_zeros(pairs)
                    pairs &= pairs - one
                    if m < k:
                        continue
                    t1 = t2 = 0.0
                    for o in range(width):
                        value = graph[k, o] * graph[m, o] * common[o]
                        both[o] = value
                        t1 += value
                        t2 += value * value
                    product = wk * common[m]
                    t111 += product * t1
                    t112 += product * t2
                    if degree < 4:
                        continue
                    for third in range(second, bits.shape[1]):
                        triples = bits[i, third] & bits[j, third] & bits[k, third] & bits[m, third]
                        while triples:
                            o = third * _WORD + trailing_zeros(triples)
                            triples &= triples - one
                            if o > m:
                                k1111 += product * common[o] * _dot(graph[o], both, width)
    out[0] = s3 / 6 + q12 / 2 + t111 / 3
    out[1] = s4 / 24 + q13 / 6 + q22 / 4 + t112 / 2 + k1111 / 4


def _kernel(highest: int) -> Any:
    """Compile the walk over the jets' pairs for orders up to `highest`."""

    @numba.njit(cache=True, nogil=True)
    def walk(
        w: NDArray[Any],
        multiplicity: NDArray[Any],
        pair_bins: NDArray[Any],
        rows: NDArray[Any],
        group: NDArray[Any],
        total: NDArray[Any],
        squares: NDArray[Any],
        cross: NDArray[Any],
    ) -> None:  # pragma: no cover - compiled
        slots = w.shape[1]
        width = (slots + _LANES - 1) // _LANES * _LANES
        size = total.shape[1]
        histogram = np.zeros((size, 5))
        starts = np.zeros(size + 1, dtype=np.int64)
        most = max(slots * (slots - 1) // 2, 1)
        order, first, second = (
            np.zeros(most, dtype=np.int64),
            np.zeros(most, dtype=np.int64),
            np.zeros(most, dtype=np.int64),
        )
        pair_members(slots, first, second)
        # who is a neighbour of whom: as 0 and 1, as the neighbour's weight, as bits of words
        graph = np.zeros((slots, width))
        weighted = np.zeros((slots, width))
        bits = np.zeros((slots, (slots + _WORD - 1) // _WORD), dtype=np.uint64)
        common, weight = np.zeros(width), np.zeros(width)
        both = np.zeros(width)
        large = np.zeros(2)
        for jet in range(w.shape[0]):
            n = multiplicity[jet]
            histogram[:] = 0.0
            weight[:] = 0.0
            for k in range(n):
                wk = w[jet, k]
                weight[k] = wk
                power = wk
                for row in range(highest - 1):
                    power *= wk
                    histogram[0, row] += power
            pairs = n * (n - 1) // 2
            if highest > 2:
                graph[:] = 0.0
                weighted[:] = 0.0
                bits[:] = np.uint64(0)
                sorted_pairs(pair_bins[jet], pairs, starts, order)
            for place in range(pairs):
                pair = order[place] if highest > 2 else place
                i, j = first[pair], second[pair]
                rl_bin = pair_bins[jet, pair]
                wi, wj = weight[i], weight[j]
                p2 = wi * wj
                histogram[rl_bin, 0] += 2 * p2
                if highest > 2:
                    if highest == 3:
                        s1, s2 = _row_product(graph, i, weighted, j, width), 0.0
                    else:
                        s1, s2 = _common_weights(graph[i], weighted[j], weight, common, width)
                    p3 = p2 * (wi + wj) / 2
                    histogram[rl_bin, 1] += 6 * (p3 + p2 * s1)
                    if highest > 3 and s1 > 0.0:
                        c2 = s2 / 2 + _linked_pairs(bits, i, j, graph, common, width)
                    else:
                        c2 = 0.0
                    if highest > 3:
                        p4 = p2 * ((wi * wi + wj * wj) / 6 + p2 / 4)
                        histogram[rl_bin, 2] += 24 * (p4 + p3 * s1 + p2 * c2)
                    if highest > 4:
                        large[:] = 0.0
                        if s1 > 0.0:
                            _larger_cliques(
                                bits, i, j, graph, common, both, width, highest - 2, large
                            )
                        cubes = wi * wi * wi + wj * wj * wj
                        p5 = p2 * (cubes / 24 + p2 * (wi + wj) / 12)
                        histogram[rl_bin, 3] += 120 * (p5 + p4 * s1 + p3 * c2 + p2 * large[0])
                        if highest > 5:
                            fourth = wi * wi * wi * wi + wj * wj * wj * wj
                            p6 = p2 * (fourth / 120 + p2 * (wi * wi + wj * wj) / 48 + p2 * p2 / 36)
                            histogram[rl_bin, 4] += 720 * (
                                p6 + p5 * s1 + p4 * c2 + p3 * large[0] + p2 * large[1]
                            )
                    graph[i, j] = graph[j, i] = 1.0
                    weighted[i, j] = wj
                    weighted[j, i] = wi
                    if highest > 3:
                        bits[i, j // _WORD] |= np.uint64(1) << np.uint64(j % _WORD)
                        bits[j, i // _WORD] |= np.uint64(1) << np.uint64(i % _WORD)
            here = group[jet]
            for rl_bin in range(size):
                if histogram[rl_bin, 0] == 0.0:
                    continue  # no pair in this bin, and so no larger set
                for place in range(rows.size):
                    value = histogram[rl_bin, rows[place]]
                    total[here, rl_bin, place] += value
                    squares[here, rl_bin, place] += value * value
                    cross[here, rl_bin, place] += value * histogram[rl_bin, 0]

    return walk


class Groups(NamedTuple):
    """Groups of jets.

    Attributes
    ----------
    group : [n] int64
        Of each jet, in [0, number).
    number : int
    """

    group: NDArray[np.int64]
    number: int


_WALKS = {highest: _kernel(highest) for highest in (2, 3, 4, 5, 6)}


def correlate(
    weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
    groups: Groups | None = None,
    threads: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sum the projected correlators of jets, and products of each jet's, per group.

    Parameters
    ----------
    weight : [n, P] float64
        As `geometry.weights`.
    multiplicity : [n] int64
        Particles of each jet, which come first.
    pair_bins : [n, P (P - 1) / 2]
        As `geometry.pair_bins`.
    orders : list of int
        Between 2 and 6.
    size : int
        Bins with underflow and overflow.
    groups : Groups, optional
        Jets that are summed apart; one group when left out.
    threads : int
        Threads that share the jets.

    Returns
    -------
    total, squares, cross : [groups, len(orders), size] float64
        Sums over jets of ENC, of ENC^2 and of ENC E2C (for the errors of ratios). The first bin
        holds the contact terms and pairs below the range, the last pairs above it.
    """
    walk = _WALKS[max(orders)]
    rows = np.asarray(orders, dtype=np.int64) - 2
    group, number = groups or Groups(np.zeros(len(weight), dtype=np.int64), 1)
    group, multiplicity = (
        group.astype(np.int64, copy=False),
        multiplicity.astype(np.int64, copy=False),
    )

    def run(part: slice) -> NDArray[np.float64]:
        sums = np.zeros((3, number, size, len(orders)))
        walk(weight[part], multiplicity[part], pair_bins[part], rows, group[part], *sums)
        return sums

    results = in_parallel(run, len(weight), threads)
    total, squares, cross = np.moveaxis(np.sum(results, axis=0), 3, 2)
    return total, squares, cross

"""Projected N-point correlators by growing a graph, without a loop over N-tuples.

A set of particles has R_L equal to the distance of its farthest pair. Add the pairs of a jet to a
graph, nearest first: the sets whose farthest pair is (i, j) are those that become cliques when this
edge is added, that is, {i, j} with a clique C of the common neighbours of i and j. Summing over all
ordered N-tuples with repeated indices turns each particle into the polynomial
p_t(x) = sum_{k >= 1} (w_t x)^k / k!, and the tuples' weight is N! times the coefficient of x^N of
p_i p_j sum_C prod_{t in C} p_t. Sums over cliques of size 0, 1, 2 are plain vector and matrix sums
over the neighbours, so that N = 4 costs about as much as the 3-sets do elsewhere.

Ties within one bin may be taken in any order: such sets share the bin.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

# Reassociation lets the compiler vectorize the sums; NaN and infinity stay what they are.
_FAST = {"reassoc", "contract", "nsz"}
_LANES = 16  # rows are padded to a multiple, so that no scalar remainder loop runs


@numba.njit(cache=True, nogil=True)
def _sorted_pairs(codes, particles, starts, first, second):  # pragma: no cover - compiled
    """Counting sort of a jet's pairs by bin."""
    starts[:] = 0
    total = particles * (particles - 1) // 2
    for pair in range(total):
        starts[codes[pair] + 1] += 1
    for code in range(1, starts.size):
        starts[code] += starts[code - 1]
    pair = 0
    for j in range(1, particles):
        for i in range(j):
            place = starts[codes[pair]]
            starts[codes[pair]] += 1
            first[place] = i
            second[place] = j
            pair += 1
    return total


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _row_sum(row, values, width):  # pragma: no cover - compiled
    total = 0.0
    for m in range(width):
        total += row[m] * values[m]
    return total


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _clique_sums(graph, common, w, members, size, width, degree, out):  # pragma: no cover
    """Coefficients of x^1..x^degree of the sum over non-empty cliques of the common neighbours.

    ``common`` holds the weights of the common neighbours (0 elsewhere), ``members`` their numbers.
    """
    s1 = s2 = s3 = s4 = 0.0
    for m in range(width):
        c = common[m]
        s1 += c
        s2 += c * w[m]
    out[1] = s1
    out[2] = 0.5 * s2
    if degree < 2:
        return
    q11 = 0.0
    for a in range(size):
        k = members[a]
        q11 += common[k] * _row_sum(graph[k], common, width)
    out[2] += 0.5 * q11
    if degree < 3:
        return
    q12 = q13 = q22 = t111 = t112 = k1111 = 0.0
    for a in range(size):
        k = members[a]
        wk = common[k]
        s3 += wk * wk * wk
        s4 += wk * wk * wk * wk
        for b in range(a + 1, size):
            m = members[b]
            if graph[k, m] == 0.0:
                continue
            wm = common[m]
            q12 += wk * wm * (wk + wm)
            q13 += wk * wm * (wk * wk + wm * wm)
            q22 += wk * wk * wm * wm
            for c in range(b + 1, size):
                o = members[c]
                if graph[k, o] * graph[m, o] == 0.0:
                    continue
                wo = common[o]
                t111 += wk * wm * wo
                t112 += wk * wm * wo * (wk + wm + wo)
                if degree < 4:
                    continue
                for d in range(c + 1, size):
                    p = members[d]
                    k1111 += wk * wm * wo * graph[k, p] * graph[m, p] * graph[o, p] * common[p]
    out[3] = s3 / 6 + q12 / 2 + t111
    if degree >= 4:
        out[4] = s4 / 24 + q13 / 6 + q22 / 4 + t112 / 2 + k1111


@numba.njit(cache=True, nogil=True)
def _correlate(w, counts, codes, orders, group, total, squares):  # pragma: no cover - compiled
    """Add each jet's correlators, and their squares, to those of its group."""
    highest = orders.max()
    slots = w.shape[1]
    padded = (slots + _LANES - 1) // _LANES * _LANES
    size = total.shape[2]
    histogram = np.zeros((7, size))
    starts = np.zeros(size + 1, dtype=np.int64)
    first = np.zeros(max(slots * (slots - 1) // 2, 1), dtype=np.int64)
    second = np.zeros_like(first)
    graph = np.zeros((slots, padded))
    common = np.zeros(padded)
    weight = np.zeros(padded)
    members = np.zeros(slots, dtype=np.int64)
    clique = np.zeros(5)
    clique[0] = 1.0
    factorial = np.array([1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0])
    u = np.zeros(7)
    v = np.zeros(7)
    for jet in range(w.shape[0]):
        n = counts[jet]
        width = (n + _LANES - 1) // _LANES * _LANES
        histogram[:] = 0.0
        weight[:] = 0.0
        weight[:n] = w[jet, :n]
        graph[:n, :width] = 0.0
        for k in range(n):
            power = weight[k]
            for order in range(2, highest + 1):
                power *= weight[k]
                histogram[order, 0] += power
        pairs = _sorted_pairs(codes[jet], n, starts, first, second)
        for place in range(pairs):
            i, j = first[place], second[place]
            code = codes[jet, j * (j - 1) // 2 + i]
            wi, wj = weight[i], weight[j]
            u[1], v[1] = wi, wj
            for k in range(2, highest):
                u[k] = u[k - 1] * wi / k
                v[k] = v[k - 1] * wj / k
            if highest > 2:
                neighbours = 0
                for m in range(width):
                    common[m] = graph[i, m] * graph[j, m] * weight[m]
                if highest > 3:
                    for m in range(n):
                        members[neighbours] = m
                        neighbours += common[m] != 0.0
                _clique_sums(graph, common, weight, members, neighbours, width, highest - 2, clique)
            for order in range(2, highest + 1):
                value = 0.0
                for degree in range(order - 1):
                    both = 0.0
                    for k in range(1, order - degree):
                        both += u[k] * v[order - degree - k]
                    value += both * clique[degree]
                histogram[order, code] += factorial[order] * value
            graph[i, j] = 1.0
            graph[j, i] = 1.0
        for row in range(orders.size):
            for code in range(size):
                value = histogram[orders[row], code]
                total[group[jet], row, code] += value
                squares[group[jet], row, code] += value * value


def correlate(
    weight: NDArray[np.float64],
    counts: NDArray[np.int64],
    codes: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
    group: NDArray[np.int64] | None = None,
    groups: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum the projected correlators of jets, and the squares of each jet's, per group.

    Parameters
    ----------
    weight : [n, P] float64
        As `geometry.weights`.
    counts : [n] int64
        Particles of each jet, which come first.
    codes : [n, P (P - 1) / 2]
        As `geometry.pair_bins`.
    orders : list of int
        Between 2 and 6.
    size : int
        Bins with underflow and overflow.
    group : [n] int64, optional
        In [0, groups); all 0 when left out.

    Returns
    -------
    total, squares : [groups, len(orders), size] float64
        Sums over jets of ENC and of ENC^2. The first bin holds the contact terms and pairs below
        the range, the last pairs above it.
    """
    total = np.zeros((groups, len(orders), size))
    squares = np.zeros_like(total)
    if group is None:
        group = np.zeros(len(weight), dtype=np.int64)
    _correlate(weight, counts, codes, np.asarray(orders), group.astype(np.int64), total, squares)
    return total, squares

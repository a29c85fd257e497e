"""Projected N-point correlators by growing a graph, without a loop over N-tuples.

A set of particles has R_L equal to the distance of its farthest pair. Add the pairs of a jet to a
graph, nearest first: the sets whose farthest pair is (i, j) are those that become cliques when this
edge is added, that is, {i, j} with a clique C of the common neighbours of i and j. Summing over all
ordered N-tuples with repeated indices turns each particle into the polynomial
p_t(x) = sum_{k >= 1} (w_t x)^k / k!, and the tuples' weight is N! times the coefficient of x^N of
p_i p_j sum_C prod_{t in C} p_t. Up to N = 4 that takes sums over cliques of at most two: over the
common neighbours, and over the neighbours that each of them has among them. Neighbours are bits,
and their weights are summed by tables. Higher orders are those of `hypervae.correlators.cliques`.

Ties within one bin may be taken in any order: such sets share the bin.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.bits import trailing_zeros
from hypervae.correlators.cliques import projected
from hypervae.correlators.geometry import in_parallel
from hypervae.correlators.pair_order import pair_members, sorted_pairs
from hypervae.correlators.subset_sums import SUMS, WORD, fill_sums, sum_of_word

_HIGHEST = 4  # order that the walk sums; those above go through `projected`
_JETS_AT_ONCE = 500  # of orders above: 8 kB a jet and order


@numba.njit(cache=True, nogil=True)
def _linked_pairs(
    common: NDArray[Any],
    words: int,
    bits: NDArray[Any],
    weight: NDArray[Any],
    sums: NDArray[Any],
) -> float:
    # pragma: no cover - compiled
    """Sum of w_k w_l over the linked pairs of common neighbours."""
    total = 0.0
    for word in range(words):
        rest = common[word]
        while rest:
            k: Any = word * WORD + np.int64(trailing_zeros(rest))
            rest &= rest - np.uint64(1)
            linked = sum_of_word(rest & bits[k, word], sums, word)
            for other in range(word + 1, words):
                linked += sum_of_word(common[other] & bits[k, other], sums, other)
            total += weight[k] * linked
    return total


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
        slots, size = w.shape[1], total.shape[1]
        words = (slots + WORD - 1) // WORD
        histogram = np.zeros((size, 3))
        starts = np.zeros(size + 1, dtype=np.int64)
        most = max(slots * (slots - 1) // 2, 1)
        order = np.zeros(most, dtype=np.int64)
        first, second = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
        pair_members(slots, first, second)
        bits = np.zeros((slots, words), dtype=np.uint64)  # who is a neighbour of whom
        common = np.zeros(words, dtype=np.uint64)
        weight, squared = np.zeros(words * WORD), np.zeros(words * WORD)
        sums, sums_squared = np.zeros(words * SUMS), np.zeros(words * SUMS)
        for jet in range(w.shape[0]):
            n = multiplicity[jet]
            histogram[:] = 0.0
            weight[:] = 0.0
            squared[:] = 0.0
            for k in range(n):
                wk = w[jet, k]
                weight[k], squared[k] = wk, wk * wk
                power = wk
                for row in range(highest - 1):
                    power *= wk
                    histogram[0, row] += power
            pairs = n * (n - 1) // 2
            if highest > 2:
                fill_sums(weight, n, sums)
                if highest > 3:
                    fill_sums(squared, n, sums_squared)
                bits[:] = np.uint64(0)
                sorted_pairs(pair_bins[jet], pairs, starts, order)
            used = (n + WORD - 1) // WORD
            for place in range(pairs):
                pair = order[place] if highest > 2 else place
                i, j = first[pair], second[pair]
                rl_bin = pair_bins[jet, pair]
                wi, wj = weight[i], weight[j]
                p2 = wi * wj
                histogram[rl_bin, 0] += 2 * p2
                if highest > 2:
                    s1 = s2 = 0.0
                    for word in range(used):
                        both = bits[i, word] & bits[j, word]
                        common[word] = both
                        s1 += sum_of_word(both, sums, word)
                        if highest > 3:
                            s2 += sum_of_word(both, sums_squared, word)
                    p3 = p2 * (wi + wj) / 2
                    histogram[rl_bin, 1] += 6 * (p3 + p2 * s1)
                    if highest > 3:
                        c2 = s2 / 2
                        if s1 > 0.0:
                            c2 += _linked_pairs(common, used, bits, weight, sums)
                        p4 = p2 * ((wi * wi + wj * wj) / 6 + p2 / 4)
                        histogram[rl_bin, 2] += 24 * (p4 + p3 * s1 + p2 * c2)
                    bits[i, j // WORD] |= np.uint64(1) << np.uint64(j % WORD)
                    bits[j, i // WORD] |= np.uint64(1) << np.uint64(i % WORD)
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


_WALKS = {highest: _kernel(highest) for highest in (2, 3, 4)}


def _sums_of_high_orders(
    weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
    groups: Groups,
) -> NDArray[np.float64]:
    """[3, groups, size, orders] as the walk makes them, from the correlators of each jet."""
    sums = np.zeros((3, groups.number, size, len(orders)))
    for start in range(0, len(groups.group), _JETS_AT_ONCE):
        part = slice(start, start + _JETS_AT_ONCE)
        arrays = (weight[part], multiplicity[part], pair_bins[part])
        found = projected(*arrays, [2, *orders], size)
        two, values = found[:, 0, :, None], found[:, 1:].transpose(0, 2, 1)
        for here in np.unique(groups.group[part]):
            own = groups.group[part] == here
            for kind, products in enumerate((values, values * values, values * two)):
                sums[kind, here] += products[own].sum(axis=0)
    return sums


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
        Whole, from 2.
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
    low = [order for order in orders if order <= _HIGHEST]
    high = [order for order in orders if order > _HIGHEST]
    places = [orders.index(order) for order in (*low, *high)]
    walk, rows = _WALKS[max(low, default=2)], np.asarray(low, dtype=np.int64) - 2
    group, number = groups or Groups(np.zeros(len(weight), dtype=np.int64), 1)
    group = group.astype(np.int64, copy=False)
    multiplicity = multiplicity.astype(np.int64, copy=False)

    def run(part: slice) -> NDArray[np.float64]:
        arrays = (weight[part], multiplicity[part], pair_bins[part])
        sums = np.zeros((3, number, size, len(low)))
        if low:
            walk(*arrays, rows, group[part], *sums)
        if high:
            more = _sums_of_high_orders(*arrays, high, size, Groups(group[part], number))
            sums = np.concatenate([sums, more], axis=3)
        return sums

    results = np.sum(in_parallel(run, len(weight), threads), axis=0)
    found = np.empty_like(results)
    found[..., places] = results
    total, squares, cross = np.moveaxis(found, 3, 2)
    return total, squares, cross

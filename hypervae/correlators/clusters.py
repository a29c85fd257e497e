"""Clusters of sets of particles: all sets of one order with the same two hardest members."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.sets import set_counts, walk_bins


def cluster_counts(particles: int, orders: list[int]) -> list[int]:
    """Clusters of each order: pairs that are followed by enough particles for the other members.

    Parameters
    ----------
    particles : int
        Of a jet, at most.
    orders : list of int

    Returns
    -------
    list of int
        One of each order.
    """
    return [max(particles - order + 2, 0) * max(particles - order + 1, 0) // 2 for order in orders]


@numba.njit(cache=True, nogil=True)
def _add_sets(
    bins: NDArray[Any], tables: NDArray[Any], pairs: int, ratios: NDArray[Any], count: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """Add neighbouring sets, one for each pair, to their pairs' clusters."""
    for pair in range(pairs):
        rl_bin = bins[pair]
        for column in range(tables.shape[1]):
            ratios[pair, column] += tables[rl_bin, column]
        count[pair] += 1.0


@numba.njit(cache=True, nogil=True)
def _clusters(
    pair_bins: NDArray[Any],
    logs: NDArray[Any],
    particles: NDArray[Any],
    orders: NDArray[Any],
    numbers: NDArray[Any],
    tables: NDArray[Any],
    firsts: NDArray[Any],
    out: NDArray[Any],
    count: NDArray[Any],
    weight_sum: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    highest = orders.max()
    width = tables.shape[1]
    bins = np.zeros((highest + 1, max(numbers[-1].max(), 1)), dtype=pair_bins.dtype)
    subsets = np.zeros_like(bins)
    others = np.zeros(highest, dtype=np.int64)
    for jet in range(pair_bins.shape[0]):
        n = particles[jet]
        walk_bins(pair_bins[jet], n, highest, numbers, bins, subsets)
        for row in range(orders.size):
            order = orders[row]
            if n < order:
                continue
            first, more = firsts[row], order - 2
            for place in range(more):
                others[place] = 2 + place
            start = 0
            # In colexicographic order the sets with the same other members stand side by side, one
            # for each pair of particles before the first of them.
            while True:
                pairs = numbers[others[0], 2]
                logarithm = 0.0
                for place in range(more):
                    logarithm += logs[jet, others[place]]
                last = first + pairs
                ratios = out[jet, first:last]
                _add_sets(bins[order, start:], tables, pairs, ratios, count[jet, first:last])
                product = np.exp(logarithm)
                for pair in range(pairs):
                    ratios[pair, width] += logarithm
                    weight_sum[jet, first + pair] += product
                start += pairs
                place = 0
                while place < more - 1 and others[place] + 1 == others[place + 1]:
                    others[place] = 2 + place
                    place += 1
                others[place] += 1
                if others[more - 1] == n:
                    break
            pair = first
            for j in range(1, n - more):
                for i in range(j):
                    ends = logs[jet, i] + logs[jet, j]
                    for column in range(width + 1):
                        out[jet, pair, column] /= count[jet, pair]
                    out[jet, pair, width] += ends
                    weight_sum[jet, pair] *= np.exp(ends)
                    pair += 1


def cluster_features(
    pair_bins: NDArray[np.unsignedinteger],
    multiplicity: NDArray[np.int64],
    log_weight: NDArray[np.float64],
    orders: list[int],
    tables: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean features of the sets of each cluster.

    Parameters
    ----------
    pair_bins : [n, P (P - 1) / 2]
        Pair bins.
    multiplicity : [n] int64
        Sets are formed of the first so many particles, which are sorted by falling pT.
    log_weight : [n, P] float64
        Logarithms of the particles' weights.
    orders : list of int
        Set sizes between 3 and 6.
    tables : [bins + 2, F]
        Features per R_L bin.

    Returns
    -------
    values : [n, K, F + 1] float64
        Mean of the tables' rows at the sets' bins, then mean ln w. Order by order, pairs of hardest
        members in the order of `geometry.pair_indices`, as many as the fullest jet has.
    count : [n, K] float64
        Sets of the cluster, 0 where a jet has none.
    weight_sum : [n, K] float64
        Sum of the sets' w.
    """
    most = int(multiplicity.max(initial=0))
    lengths = np.asarray(cluster_counts(most, orders), dtype=np.int64)
    shape = (len(pair_bins), int(lengths.sum()))
    values = np.zeros((*shape, tables.shape[1] + 1))
    count, weight_sum = np.zeros(shape), np.zeros(shape)
    if shape[1]:
        _clusters(
            pair_bins,
            log_weight,
            multiplicity.astype(np.int64, copy=False),
            np.asarray(orders, dtype=np.int64),
            set_counts(most, max(orders)),
            np.ascontiguousarray(tables, dtype=np.float64),
            np.cumsum(lengths) - lengths,
            values,
            count,
            weight_sum,
        )
    return values, count, weight_sum

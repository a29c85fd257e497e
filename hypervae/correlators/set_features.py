"""Features of every set of particles of a batch of jets, as one array.

Bins and logarithms of weights of the larger sets are made from those of the smaller, in long loops
over neighbouring memory; see `sets.walk_bins`.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.sets import set_counts, walk_bins


@numba.njit(cache=True, nogil=True)
def _add(
    values: NDArray[Any], other: float, out: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    for t in range(out.size):
        out[t] = values[t] + other


# The lengths of the tuples `columns` and `times` are part of their types: loops over them are
# unrolled, once for each length. (Numba finds closures over other functions in no cache.)


@numba.njit(cache=True, nogil=True)
def _fill(
    bins: NDArray[Any],
    sums: NDArray[Any],
    shift: float,
    tables: NDArray[Any],
    columns: tuple[int, ...],
    times: tuple[int, ...],
    out: NDArray[Any],
) -> None:  # pragma: no cover - compiled
    for t in range(out.shape[0]):
        rl_bin = bins[t]
        for f in range(len(columns)):
            out[t, f] = tables[rl_bin, f]
        for f in range(len(times)):
            out[t, len(columns) + f] = sums[t] + shift


@numba.njit(cache=True, nogil=True)
def _walk(
    pair_bins: NDArray[Any],
    logs: NDArray[Any],
    shift: float,
    particles: NDArray[Any],
    orders: NDArray[Any],
    binomials: NDArray[Any],
    tables: NDArray[Any],
    columns: tuple[int, ...],
    times: tuple[int, ...],
    out: NDArray[Any],
    firsts: NDArray[Any],
    ends: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    highest = orders.max()
    longest = max(binomials[-1].max(), 1)
    bins = np.zeros((highest + 1, longest), dtype=pair_bins.dtype)
    subsets = np.zeros_like(bins)
    sums = np.zeros((highest + 1, longest), dtype=logs.dtype)
    for jet in range(pair_bins.shape[0]):
        n = particles[jet]
        walk_bins(pair_bins[jet], n, highest, binomials, bins, subsets)
        sums[1, :n] = logs[jet, :n]
        for k in range(2, highest + 1):
            for m in range(k - 1, n):
                start = binomials[m, k]
                part = sums[k, start : start + binomials[m, k - 1]]
                _add(sums[k - 1], logs[jet, m], part)
        for place in range(orders.size):
            order, first = orders[place], firsts[place]
            last = first + binomials[n, order]
            here = out[jet, first:last]
            _fill(bins[order], sums[order], shift, tables, columns, times, here)
            out[jet, last : ends[place]] = 0.0


def set_features(
    pair_bins: NDArray[np.unsignedinteger],
    multiplicity: NDArray[np.int64],
    log_weight: NDArray[np.floating],
    orders: list[int],
    tables: NDArray[np.floating],
    shift: float = 0.0,
    times: int = 1,
) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Features of every set of every jet: the table's row at its R_L bin, then its ln w.

    Parameters
    ----------
    pair_bins : [n, P (P - 1) / 2]
        Pair bins.
    multiplicity : [n] int64
        Sets are formed of the first so many particles.
    log_weight : [n, P]
        Logarithms of the particles' weights; the sum over its members is the ln w of a set. Their
        type is that of the features.
    orders : list of int
        Set sizes between 3 and 6.
    tables : [bins + 2, F]
        Features per R_L bin; F is at most 4.
    shift : float
        Added to each ln w; with a scaled `log_weight`, ln w comes out normalized.
    times : int
        Columns that ln w takes, 1 or 2.

    Returns
    -------
    values : [n, K, F + times]
        Order by order, each padded with zeros to the sets of the fullest jet.
    sizes : [n, len(orders)] int64
        Sets of each jet and order.
    """
    most, dtype = int(multiplicity.max(initial=0)), log_weight.dtype
    numbers = set_counts(most, max(orders, default=2))
    lengths = numbers[most, orders]
    ends = np.cumsum(lengths)
    values = np.empty((len(pair_bins), int(lengths.sum()), tables.shape[1] + times), dtype=dtype)
    if orders and len(pair_bins):
        _walk(
            pair_bins,
            log_weight,
            dtype.type(shift),
            multiplicity.astype(np.int64, copy=False),
            np.asarray(orders),
            numbers,
            np.ascontiguousarray(tables, dtype=dtype),
            tuple(range(tables.shape[1])),
            tuple(range(times)),
            values,
            ends - lengths,
            ends,
        )
    return values, numbers[multiplicity][:, orders]

"""Features of every set of particles of a batch of jets, as one array.

Sets are walked in colexicographic order with the smallest member innermost: the bins of its pairs
with the others lie side by side in memory, so that the inner loop reads and writes straight on.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.sets import set_count, set_members


def _walk_of(width):
    """Compile the walk for tables of `width` columns, so that copying a row is unrolled."""

    @numba.njit(cache=True, nogil=True)
    def triples(codes, logs, shift, particles, tables, out, row):  # pragma: no cover - compiled
        for k in range(2, particles):
            with_k = codes[k * (k - 1) // 2 :]
            for j in range(1, k):
                with_j = codes[j * (j - 1) // 2 :]
                top = with_k[j]
                log_jk = logs[j] + logs[k] + shift
                for i in range(j):
                    code = max(top, max(with_j[i], with_k[i]))
                    for f in range(width):
                        out[row, f] = tables[code, f]
                    out[row, width] = log_jk + logs[i]
                    row += 1

    @numba.njit(cache=True, nogil=True)
    def quadruples(codes, logs, shift, particles, tables, out, row):  # pragma: no cover - compiled
        for m in range(3, particles):
            with_m = codes[m * (m - 1) // 2 :]
            for k in range(2, m):
                with_k = codes[k * (k - 1) // 2 :]
                for j in range(1, k):
                    with_j = codes[j * (j - 1) // 2 :]
                    top = max(with_k[j], max(with_m[j], with_m[k]))
                    log_jkm = logs[j] + logs[k] + logs[m] + shift
                    for i in range(j):
                        code = max(max(top, with_j[i]), max(with_k[i], with_m[i]))
                        for f in range(width):
                            out[row, f] = tables[code, f]
                        out[row, width] = log_jkm + logs[i]
                        row += 1

    @numba.njit(cache=True, nogil=True)
    def larger(codes, logs, shift, members, tables, out, row):  # pragma: no cover - compiled
        for place in range(members.shape[0]):
            code = 0
            total = shift
            for b in range(members.shape[1]):
                j = int(members[place, b])
                total += logs[j]
                for a in range(b):
                    code = max(code, int(codes[j * (j - 1) // 2 + int(members[place, a])]))
            for f in range(width):
                out[row, f] = tables[code, f]
            out[row, width] = total
            row += 1

    @numba.njit(cache=True, nogil=True)
    def walk(codes, logs, shift, counts, order, members, sizes, tables, out, first):
        # pragma: no cover - compiled
        for jet in range(codes.shape[0]):
            n = counts[jet]
            if order == 3:
                triples(codes[jet], logs[jet], shift, n, tables, out[jet], first)
            elif order == 4:
                quadruples(codes[jet], logs[jet], shift, n, tables, out[jet], first)
            else:
                larger(codes[jet], logs[jet], shift, members[: sizes[n]], tables, out[jet], first)
            out[jet, first + sizes[n] : first + sizes[-1]] = 0.0

    return walk


# One column for each order between 3 and 6.
_WALKS = {width: _walk_of(width) for width in range(1, 5)}


def set_features(
    codes: NDArray[np.unsignedinteger],
    counts: NDArray[np.int64],
    log_weight: NDArray[np.floating],
    orders: list[int],
    tables: NDArray[np.floating],
    shift: float = 0.0,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features of every set of every jet: the table's row at its R_L bin, then its ln w.

    Parameters
    ----------
    codes : [n, P (P - 1) / 2]
        Pair bins.
    counts : [n] int64
        Sets are formed of the first so many particles.
    log_weight : [n, P]
        Logarithms of the particles' weights; the sum over its members is the ln w of a set.
    orders : list of int
        Set sizes between 3 and 6.
    tables : [bins + 2, F]
        Features per R_L bin; F is at most 4.
    shift : float
        Added to each ln w; with a scaled `log_weight`, ln w comes out normalized.

    Returns
    -------
    values : [n, K, F + 1] float32
        Order by order, each padded with zeros to the sets of the fullest jet.
    sizes : [n, len(orders)] int64
        Sets of each jet and order.
    """
    most = int(counts.max(initial=0))
    lengths = [set_count(most, order) for order in orders]
    values = np.empty((len(codes), sum(lengths), tables.shape[1] + 1), dtype=np.float32)
    logs = log_weight.astype(np.float32)
    tables = np.ascontiguousarray(tables, dtype=np.float32)
    sizes = np.array([[set_count(n, order) for order in orders] for n in range(most + 1)])
    sizes = sizes.reshape(most + 1, len(orders)).astype(np.int64)
    counts = counts.astype(np.int64, copy=False)
    walk = _WALKS[tables.shape[1]]
    first = 0
    for place, order in enumerate(orders):
        members = set_members(most, order) if order > 4 else np.zeros((0, order), dtype=np.uint8)
        by_count = np.ascontiguousarray(sizes[:, place])
        walk(
            codes, logs, np.float32(shift), counts, order, members, by_count, tables, values, first
        )
        first += lengths[place]
    return values, sizes[counts]

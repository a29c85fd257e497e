"""Projected correlators in R_1, the distance of the farthest particle from one of the set.

Of Alipour-fard, Budhraja, Thaler, Waalewijn, arXiv:2410.16368: each tuple counts once for each of
its members s, at the largest distance R_1 of the others from s, with weight w_s prod w / N in all.
A tuple lies within R of s if all others do, so that

    Sigma(R) = sum_s w_s (sum of w within R of s)^(nu - 1),

of which the correlator is the difference between the ends of a bin, for whole and for real nu. That
takes M^2 operations, whatever the order; for nu = 2 it is the two-point correlator in R_L.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import in_parallel
from hypervae.correlators.powers import exponents, power


@numba.njit(cache=True, nogil=True)
def _within(
    weight: NDArray[Any], n: int, pair_bins: NDArray[Any], rings: NDArray[Any], taken: NDArray[Any]
) -> None:
    # pragma: no cover - compiled
    """Weight in each ring about each particle [bins, P], and which rings have any."""
    rings[:, :n] = 0.0
    taken[:] = False
    taken[0] = True
    pair = 0
    for j in range(n):
        rings[0, j] += weight[j]
        for i in range(j):
            ring = pair_bins[pair]
            rings[ring, i] += weight[j]
            rings[ring, j] += weight[i]
            taken[ring] = True
            pair += 1


@numba.njit(cache=True, nogil=True)
def _walk(
    weights: NDArray[Any],
    multiplicity: NDArray[Any],
    pair_bins: NDArray[Any],
    exponent: NDArray[Any],
    whole: NDArray[Any],
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    slots, size = weights.shape[1], out.shape[2]
    rings, taken = np.zeros((size, slots)), np.zeros(size, dtype=np.bool_)
    inside, before = np.zeros(slots), np.zeros((exponent.size, slots))
    for jet in range(weights.shape[0]):
        n, weight = multiplicity[jet], weights[jet]
        _within(weight, n, pair_bins[jet], rings, taken)
        inside[:] = 0.0
        before[:] = 0.0
        for ring in range(size):
            if not taken[ring]:
                continue
            for k in range(n):
                inside[k] += rings[ring, k]
            for row in range(exponent.size):
                total = 0.0
                for k in range(n):
                    if rings[ring, k] == 0.0 and ring:
                        continue
                    now = power(inside[k], exponent[row], whole[row])
                    total += weight[k] * (now - before[row, k])
                    before[row, k] = now
                out[jet, row, ring] = total


def about_particles(
    weights: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: Sequence[float],
    size: int,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Projected correlators of each jet in R_1, of any real order.

    Parameters
    ----------
    weights : [n, P] float64
        As `hypervae.correlators.geometry.weights`.
    multiplicity : [n] int64
        Particles of each jet, which come first.
    pair_bins : [n, P (P - 1) / 2]
        As `hypervae.correlators.geometry.pair_bins`.
    orders : sequence of float
        Positive.
    size : int
        Bins with underflow and overflow.
    threads : int
        They share the jets.

    Returns
    -------
    [n, orders, size] float64
        The first bin holds the contact terms and what is below the range, the last what is above.
        Each jet's bins add up to (sum of its weights)^nu.
    """
    exponent, whole = exponents(orders, less=1)
    out = np.zeros((len(weights), len(exponent), size))
    counts = multiplicity.astype(np.int64, copy=False)

    def run(part: slice) -> None:
        _walk(weights[part], counts[part], pair_bins[part], exponent, whole, out[part])

    in_parallel(run, len(weights), threads)
    return out

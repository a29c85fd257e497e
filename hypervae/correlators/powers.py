"""Powers of sums of weights in compiled code, whole ones by multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

# Beyond, multiplying takes as long as the general power.
_MOST_MULTIPLIED = 64


def exponents(orders: Sequence[float], less: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Orders as `power` takes them.

    Parameters
    ----------
    orders : sequence of float
    less : int
        Taken from each.

    Returns
    -------
    exponent : [orders] float64
    whole : [orders] int64
        The same where it is a small whole number, else -1.
    """
    exponent = np.asarray(orders, dtype=np.float64) - less
    small = (exponent == np.rint(exponent)) & (exponent >= 0) & (exponent <= _MOST_MULTIPLIED)
    return exponent, np.where(small, np.rint(exponent), -1).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def power(base: float, exponent: float, whole: int) -> float:  # pragma: no cover - compiled
    """A power of a sum of weights, 0 of nothing.

    Parameters
    ----------
    base, exponent : float
    whole : int
        The exponent where it is a small whole number, else -1.

    Returns
    -------
    float
    """
    if whole < 0:
        return float(base**exponent) if base > 0.0 else 0.0
    result = 1.0
    while whole:
        if whole & 1:
            result *= base
        base *= base
        whole >>= 1
    return result


@numba.njit(cache=True, nogil=True)
def sums_of_powers(
    weights: NDArray[Any], exponent: NDArray[Any], whole: NDArray[Any]
) -> NDArray[Any]:  # pragma: no cover - compiled
    """Sums over each jet's particles of powers of their weights.

    Parameters
    ----------
    weights : [n, P] float64
    exponent, whole : [orders]
        Of `exponents`.

    Returns
    -------
    [n, orders] float64
    """
    out = np.zeros((weights.shape[0], exponent.size))
    for jet in range(weights.shape[0]):
        for row in range(exponent.size):
            for k in range(weights.shape[1]):
                out[jet, row] += power(weights[jet, k], exponent[row], whole[row])
    return out

"""Sums of weights over sets of particles that are given as bits, eight particles at a time.

A table holds the sum of each of the 256 subsets of eight particles that follow each other. The sum
over a word of 64 takes eight look-ups, whatever the number of its bits.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

#: Particles of a word, and sums of a table that belong to it.
WORD, SUMS = 64, 8 * 256
# Indices without a sign: of others, compiled code asks first whether they count from the end.
_BYTE = np.uint64(255)
_1, _2, _3, _4, _5, _6, _7 = (np.uint64(256 * byte) for byte in range(1, 8))
_8, _16, _24, _32, _40, _48, _56 = (np.uint64(8 * byte) for byte in range(1, 8))


@numba.njit(cache=True, nogil=True)
def fill_sums(
    weight: NDArray[Any], particles: int, table: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """Fill a table for the first particles; what stands for others stays as it is.

    Parameters
    ----------
    weight : [words 64] float64
        0 beyond the particles.
    particles : int
    table : [words 2048] float64
        Zero where no particle was before.
    """
    for byte in range((particles + 7) // 8):
        start = 256 * byte
        table[start] = 0.0
        for bit in range(8):
            value = weight[8 * byte + bit]
            for subset in range(1 << bit):
                table[start + (1 << bit) + subset] = table[start + subset] + value


@numba.njit(cache=True, nogil=True)
def sum_of_word(bits: int, table: NDArray[Any], word: int) -> float:  # pragma: no cover - compiled
    """Sum of the weights of the particles of a word whose bits are set.

    Parameters
    ----------
    bits : uint64
    table : [words 2048] float64
        Of `fill_sums`.
    word : int
        Which 64 particles the bits stand for.

    Returns
    -------
    float
    """
    at = np.uint64(word * SUMS)
    one = table[at + (bits & _BYTE)] + table[at + _1 + ((bits >> _8) & _BYTE)]
    two = table[at + _2 + ((bits >> _16) & _BYTE)] + table[at + _3 + ((bits >> _24) & _BYTE)]
    three = table[at + _4 + ((bits >> _32) & _BYTE)] + table[at + _5 + ((bits >> _40) & _BYTE)]
    four = table[at + _6 + ((bits >> _48) & _BYTE)] + table[at + _7 + (bits >> _56)]
    return float((one + two) + (three + four))

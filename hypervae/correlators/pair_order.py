"""The pairs of a jet in the order of their distance, in compiled code."""

from __future__ import annotations

from typing import Any

import numba
from numpy.typing import NDArray


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

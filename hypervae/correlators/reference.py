"""The definition of the projected correlators in plain NumPy: slow, clear, the tests' oracle."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import pair_count


def correlate_one(
    weight: NDArray[np.float64], codes: NDArray[np.integer], order: int, size: int
) -> NDArray[np.float64]:
    """ENC of one jet: the sum over all ordered `order`-tuples, repeated indices included.

    Parameters
    ----------
    weight : [n] float64
        Weights of the particles.
    codes : [n (n - 1) / 2] int
        R_L bin of each pair, in the order of `geometry.pair_indices`.
    order : int
        N.
    size : int
        Bins with underflow and overflow.

    Returns
    -------
    [size] float64
    """
    histogram = np.zeros(size)
    for members in itertools.combinations_with_replacement(range(len(weight)), order):
        repeats = math.prod(math.factorial(count) for count in Counter(members).values())
        product = math.prod(weight[t] for t in members)
        distinct = sorted(set(members))
        farthest = max(
            (codes[pair_count(j) + i] for i, j in itertools.combinations(distinct, 2)), default=0
        )
        histogram[farthest] += math.factorial(order) / repeats * product
    return histogram

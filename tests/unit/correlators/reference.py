"""The definition of the projected correlators in plain NumPy: slow, clear, the tests' oracle."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import pair_count


def correlate_one(
    weight: NDArray[np.float64], pair_bins: NDArray[np.integer], order: int, size: int
) -> NDArray[np.float64]:
    """ENC of one jet: the sum over all ordered `order`-tuples, repeated indices included.

    Parameters
    ----------
    weight : [n] float64
        Weights of the particles.
    pair_bins : [n (n - 1) / 2] int
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
            (pair_bins[pair_count(j) + i] for i, j in itertools.combinations(distinct, 2)),
            default=0,
        )
        histogram[farthest] += math.factorial(order) / repeats * product
    return histogram


def correlate_numpy(
    weight: NDArray[np.float64],
    counts: NDArray[np.int64],
    pair_bins: NDArray[np.integer],
    order: int,
    size: int,
) -> NDArray[np.float64]:
    """ENC summed over jets, vectorized over the multisets of each jet's particles.

    Parameters
    ----------
    weight : [n, P] float64
    counts : [n] int64
    pair_bins : [n, P (P - 1) / 2] int
    order : int
        N.
    size : int
        Bins with underflow and overflow.

    Returns
    -------
    [size] float64
    """
    histogram = np.zeros(size)
    for particles in np.unique(counts):
        members = np.array(
            list(itertools.combinations_with_replacement(range(particles), order)), dtype=np.int64
        )
        # multiplicity of each multiset: N! over the factorials of the repeats
        ordered = np.full(len(members), math.factorial(order), dtype=np.float64)
        run = np.ones(len(members))
        for place in range(1, order):
            run = np.where(members[:, place] == members[:, place - 1], run + 1, 1)
            ordered /= run
        pairs = [(members[:, a], members[:, b]) for a, b in itertools.combinations(range(order), 2)]
        for jet in np.flatnonzero(counts == particles):
            table = np.zeros((particles, particles), dtype=np.int64)
            j, i = np.tril_indices(particles, -1)
            table[i, j] = table[j, i] = pair_bins[jet, : pair_count(particles)]
            farthest = np.zeros(len(members), dtype=np.int64)
            for one, other in pairs:
                np.maximum(farthest, table[one, other], out=farthest)
            product = weight[jet, :particles][members].prod(axis=1)
            histogram += np.bincount(farthest, weights=ordered * product, minlength=size)
    return histogram

"""Jets for the tests of energy correlators, and the definitions in plain Python."""

from __future__ import annotations

import itertools

import numpy as np

from hypervae.correlators.binning import Binning
from hypervae.correlators.geometry import pair_bins, weights
from hypervae.data.jets import Jets

BINNING = Binning(30, 1e-3, 2.0)


def clustered_jets(n: int, particles: int, seed: int = 1, spread: float = 0.1) -> Jets:
    """Jets of several prongs, of at least one particle and at most `particles`."""
    generator = np.random.default_rng(seed)
    prongs = generator.normal(0, 0.3, (n, 4, 2))
    which = generator.integers(0, 4, (n, particles))
    places = np.take_along_axis(prongs, which[..., None], axis=1)
    places = places + generator.normal(0, spread, (n, particles, 2))
    count = generator.integers(1, particles + 1, n)
    mask = np.arange(particles) < count[:, None]
    ptrel = -np.sort(-generator.exponential(0.05, (n, particles)) * mask, axis=1)
    features = np.concatenate([places * mask[..., None], ptrel[..., None], mask[..., None]], axis=2)
    jets = np.column_stack([np.full(n, 1000.0), np.full(n, 0.3), np.full(n, 90.0), count])
    return Jets(features.astype(np.float32), jets.astype(np.float32), jet_type="t")


def arrays_of(jets: Jets, binning: Binning = BINNING):
    """Weights, multiplicity and pair bins: what the kernels take."""
    return weights(jets), jets.multiplicity, pair_bins(jets, binning)


def bin_of(pair_bins_of_jet, i: int, j: int) -> int:
    """The bin of a pair, 0 of a particle with itself."""
    low, high = min(i, j), max(i, j)
    return 0 if low == high else int(pair_bins_of_jet[high * (high - 1) // 2 + low])


def by_subsets(weight, bins, order: float, size: int) -> np.ndarray:
    """The nu-correlator of one jet by its definition: all sets, and for each all sets within."""
    out = np.zeros(size)
    for number in range(1, len(weight) + 1):
        for members in itertools.combinations(range(len(weight)), number):
            value = 0.0
            for some in range(1, number + 1):
                sign = (-1) ** (number - some)
                for inner in itertools.combinations(members, some):
                    value += sign * sum(weight[t] for t in inner) ** order
            farthest = max(
                (bin_of(bins, i, j) for i, j in itertools.combinations(members, 2)), default=0
            )
            out[farthest] += value
    return out


def about_each(weight, bins, order: int, size: int) -> np.ndarray:
    """R_1 of one jet by its definition: all ordered tuples, the first of which is the one."""
    out = np.zeros(size)
    for members in itertools.product(range(len(weight)), repeat=order):
        farthest = max(bin_of(bins, members[0], other) for other in members)
        out[farthest] += np.prod([weight[t] for t in members])
    return out

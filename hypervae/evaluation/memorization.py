"""Nearest neighbours: whether generated jets lie nearer to the jets trained on than to others.

Distances are between Energy Flow Polynomials, which see a jet's whole energy flow and none of the
order of its particles: the Euclidean distance of their logarithms in units of their widths in the
test jets. A model that repeats training jets finds its nearest neighbours among them; one that has
learned the distribution finds them there as often as among as many test jets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypervae.evaluation.distance import MetricValue

#: Jets below which the blocks are too small.
FEWEST = 100
#: Disjoint tenths of the three samples, whose spread gives the errors.
BLOCKS = 10
# EFPs of jets without so many particles are 0; a logarithm needs a floor.
_LOWEST = 1e-12
_CHUNK = 500


def nearest(
    sample: NDArray[np.float64],
    training: NDArray[np.float64],
    test: NDArray[np.float64],
) -> dict[str, MetricValue]:
    """Distances of a sample to its nearest training jets against those to its nearest test jets.

    Parameters
    ----------
    sample, training, test : [n, F]
        EFPs; training and test jets are cut to the same number.

    Returns
    -------
    dict of str to MetricValue
        ``nearer_training``, the share of jets whose nearest neighbour is a training jet (half of
        ties), 0.5 without memorization and 1 for a copy; ``nearest_distance``, the mean distance to
        the nearest training jet over that to the nearest test jet, 1 and 0. The errors come from
        the spread of ten tenths, each of its own sample, training and test jets.
    """
    size = min(len(training), len(test))
    sides = [coordinates(side, test) for side in (sample, training[:size], test[:size])]
    found = _compare(*sides)
    blocks = [[side[place::BLOCKS] for side in sides] for place in range(BLOCKS)]
    spread = np.std([_compare(*block) for block in blocks], axis=0, ddof=1) / np.sqrt(BLOCKS)
    names = ("nearer_training", "nearest_distance")
    return {
        name: MetricValue(float(value), float(error))
        for name, value, error in zip(names, found, spread, strict=True)
    }


def coordinates(efps: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float32]:
    """Where jets are: logarithms of their EFPs, in widths of the reference's.

    Parameters
    ----------
    efps, reference : [n, F]

    Returns
    -------
    [n, F] float32
    """
    logs, known = (np.log(np.maximum(values, _LOWEST)) for values in (efps, reference))
    width = known.std(axis=0)
    scaled = (logs - known.mean(axis=0)) / np.where(width > 0, width, 1.0)
    single: NDArray[np.float32] = scaled.astype(np.float32)
    return single


def nearest_distances(
    points: NDArray[np.float32], others: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """Distance of each point to the nearest of others, or to the nearest other one of its own kind.

    Parameters
    ----------
    points : [n, F]
    others : [m, F], optional
        The points themselves when left out; a point is then none of its neighbours.

    Returns
    -------
    [n] float64
    """
    known = (points if others is None else others).astype(np.float64)
    squares = (known**2).sum(axis=1)
    found = []
    for start in range(0, len(points), _CHUNK):
        part = points[start : start + _CHUNK].astype(np.float64)
        squared = (part**2).sum(axis=1)[:, None] + squares - 2 * part @ known.T
        if others is None:
            rows = np.arange(len(part))
            squared[rows, start + rows] = np.inf
        found.append(squared.min(axis=1))
    squared = np.concatenate(found)
    # Below rounding of the squares a distance is that of the same jet.
    return np.sqrt(np.where(squared > 1e-9 * squares.mean(), squared, 0.0))


def _compare(
    sample: NDArray[np.float32], training: NDArray[np.float32], test: NDArray[np.float32]
) -> tuple[float, float]:
    """Share of jets nearer to the training jets, and the quotient of the mean distances."""
    to_training, to_test = (nearest_distances(sample, others) for others in (training, test))
    nearer = np.mean((to_training < to_test) + 0.5 * (to_training == to_test))
    beyond = to_test.mean()
    return float(nearer), float(to_training.mean() / beyond) if beyond > 0 else 1.0

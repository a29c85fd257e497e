"""Diversity: whether generated jets differ from each other as much as real ones do.

By nearest neighbours within a sample, in the coordinates of `hypervae.evaluation.memorization`. A
model that makes few kinds of jets again and again has its jets nearer to each other than real jets
are, whatever the distributions of single observables say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypervae.evaluation.distance import MetricValue
from hypervae.evaluation.memorization import BLOCKS, coordinates, nearest_distances

#: Share of real jets that are the nearest to another of them, which `repeats` has by definition.
NEAREST = 0.01


def diversity(sample: NDArray[np.float64], test: NDArray[np.float64]) -> dict[str, MetricValue]:
    """Distances of jets to the nearest others of their own sample, beside those of test jets.

    Parameters
    ----------
    sample, test : [n, F]
        EFPs; both are cut to the same number.

    Returns
    -------
    dict of str to MetricValue
        ``own_distance``, the mean distance of a jet to the nearest other one of its sample over
        that in the test jets: 1 where they are as diverse, 0 where each is there twice.
        ``repeats``, the share of jets that have another one of their sample nearer than all but
        `NEAREST` of the test jets have: `NEAREST` where they are alike, more where a part of the
        jets is repeated. The errors come from the spread of ten tenths.
    """
    size = min(len(sample), len(test))
    sides = [coordinates(side[:size], test) for side in (sample, test)]
    found = _compare(*sides)
    blocks = [[side[place::BLOCKS] for side in sides] for place in range(BLOCKS)]
    spread = np.std([_compare(*block) for block in blocks], axis=0, ddof=1) / np.sqrt(BLOCKS)
    return {
        name: MetricValue(float(value), float(error))
        for name, value, error in zip(("own_distance", "repeats"), found, spread, strict=True)
    }


def _compare(sample: NDArray[np.float32], test: NDArray[np.float32]) -> tuple[float, float]:
    own, real = nearest_distances(sample), nearest_distances(test)
    beyond = real.mean()
    near = np.quantile(real, NEAREST)
    return float(own.mean() / beyond) if beyond > 0 else 1.0, float(np.mean(own <= near))

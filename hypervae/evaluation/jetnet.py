"""The jetnet package, with what it takes to call it: seeds, types, column order.

It brings torch and coffea along, 3 to 7 seconds, and so is imported only where it is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets


@contextmanager
def seeded_jetnet(seed: int) -> Iterator[Any]:
    """Yield ``jetnet.evaluation.gen_metrics`` with its module-level generator seeded.

    jetnet draws its batches from an unseeded one.
    """
    from jetnet.evaluation import gen_metrics

    unseeded = gen_metrics.rng
    gen_metrics.rng = np.random.default_rng(seed)
    try:
        with warnings.catch_warnings():
            # Below 50,000 jets, which the results say themselves.
            warnings.filterwarnings("ignore", "Recommended number of", RuntimeWarning)
            yield gen_metrics
    finally:
        gen_metrics.rng = unseeded


def coordinates(jets: Jets) -> NDArray[np.float64]:
    """[n, P, 3] (etarel, phirel, ptrel), as jetnet's functions take jets.

    In float64: jetnet takes masses from sums of four-momenta in the precision of its input, and in
    float32 E^2 - p^2 of a light jet is rounding; and its EMDs fail on float32.
    """
    return jets.particle_features[..., :3].astype(np.float64)

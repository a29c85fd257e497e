"""W1M, W1P and W1EFP as JetNet defines them (Kansal et al., arXiv:2106.11535).

Both sides are resampled with replacement, so that the same sample twice does not give 0. The value
is the mean over the batches, the error their standard deviation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from hypervae.data.jets import Jets
from hypervae.evaluation.distance import MetricValue
from hypervae.evaluation.jetnet import coordinates, seeded_jetnet
from hypervae.observables.efp import W1EFP_COLUMNS

#: Particle features in the order of jetnet's columns.
FEATURES = ("etarel", "phirel", "ptrel")


def w1m_w1p(
    jets: Jets, reference: Jets, *, samples: int, batches: int, seed: int
) -> dict[str, MetricValue]:
    """W1M and W1P, by the jetnet package.

    Parameters
    ----------
    jets, reference : Jets
    samples : int
        Jets drawn from each side in each batch.
    batches : int
    seed : int

    Returns
    -------
    dict of str to MetricValue
        ``w1m`` (of the kept particles' mass over the full jet's pT), ``w1p_etarel``, ``w1p_phirel``
        [rad], ``w1p_ptrel`` and their mean ``w1p``, which papers quote.
    """
    arrays = [coordinates(side) for side in (jets, reference)]
    protocol = {"num_eval_samples": samples, "return_std": True}
    with seeded_jetnet(seed) as gen_metrics:
        mass = gen_metrics.w1m(*arrays, num_batches=batches, **protocol)
        # A batch at a time, for the spread of the mean over the features; masks as NumPy arrays,
        # since jetnet fails on torch's.
        masks = (jets.mask, reference.mask)
        features = [
            gen_metrics.w1p(*arrays, *masks, num_batches=1, **protocol)[0] for _ in range(batches)
        ]
    found = {"w1m": MetricValue(float(mass[0]), float(mass[1]))}
    for column, name in enumerate(FEATURES):
        found[f"w1p_{name}"] = _over_batches(np.array(features)[:, column])
    return found | {"w1p": _over_batches(np.mean(features, axis=1))}


def w1efp(
    efps: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    samples: int,
    batches: int,
    seed: int,
) -> MetricValue:
    """W1EFP: the mean of the 1-Wasserstein distances of five EFPs.

    The same draws and the same numbers as jetnet's ``w1efp`` with its generator seeded alike, from
    EFPs that are at hand: jetnet would have energyflow compute them again.

    Parameters
    ----------
    efps, reference : [n, 36]
        As `hypervae.observables.efp.efps`; the five are connected, with four vertices and four
        edges (jetnet's docstring says five edges, its code four).
    samples, batches, seed : int
        As `w1m_w1p`.
    """
    generator = np.random.default_rng(seed)
    columns = list(W1EFP_COLUMNS)
    a, b = efps[:, columns], reference[:, columns]
    distances = []
    for _ in range(batches):
        rows_a = generator.choice(len(a), size=samples)
        rows_b = generator.choice(len(b), size=samples)
        one_each = zip(a[rows_a].T, b[rows_b].T, strict=True)
        distances.append(np.mean([wasserstein_distance(*columns) for columns in one_each]))
    return _over_batches(distances)


def _over_batches(values: NDArray[np.float64] | list[float]) -> MetricValue:
    return MetricValue(float(np.mean(values)), float(np.std(values)))

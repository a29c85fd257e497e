"""1-Wasserstein distances between samples of jets.

Two kinds: JetNet's W1M and W1P as published (arXiv:2106.11535), computed by the jetnet package, and
the distance between whole samples with a bootstrap error.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.evaluation.observables import ObservableSample

#: JetNet's metrics and what they compare.
JETNET_METRICS = {
    "w1m": "W1M: jet mass of the kept particles over the pT of the full jet",
    "w1p_etarel": "W1P of the particles' etarel",
    "w1p_phirel": "W1P of the particles' phirel",
    "w1p_ptrel": "W1P of the particles' ptrel",
}


class Measured(NamedTuple):
    """A value and its statistical error."""

    value: float
    error: float


@contextmanager
def seeded_jetnet(seed: int) -> Iterator[Any]:
    """Yield ``jetnet.evaluation.gen_metrics`` with its module-level generator seeded.

    jetnet draws its batches from an unseeded one. It is imported here because it brings torch and
    coffea along: 3 to 7 seconds.
    """
    from jetnet.evaluation import gen_metrics

    unseeded = gen_metrics.rng
    gen_metrics.rng = np.random.default_rng(seed)
    try:
        with warnings.catch_warnings():
            # Below 50,000 jets, which the results say themselves.
            warnings.filterwarnings("ignore", "Recommended number of jets", RuntimeWarning)
            yield gen_metrics
    finally:
        gen_metrics.rng = unseeded


def jetnet_w1(
    jets: Jets, reference: Jets, *, samples: int, batches: int, seed: int
) -> dict[str, Measured]:
    """JetNet's W1M and W1P.

    Both sides are resampled with replacement, so that the same sample twice does not give 0.

    Parameters
    ----------
    jets, reference : Jets
    samples : int
        Jets drawn from each side in each batch.
    batches : int
        The value is the mean over the batches, the error their standard deviation.
    seed : int

    Returns
    -------
    dict of str to Measured
        By the names of `JETNET_METRICS`; ``w1m`` is in units of the full jet's pT, phirel in rad.
    """
    # float64: jetnet takes masses from sums of four-momenta in the precision of its input, and in
    # float32 E^2 - p^2 of a light jet is rounding. Column order: (etarel, phirel, ptrel).
    arrays = [side.particle_features[..., :3].astype(np.float64) for side in (jets, reference)]
    protocol = {"num_eval_samples": samples, "num_batches": batches, "return_std": True}
    with seeded_jetnet(seed) as gen_metrics:
        mass = gen_metrics.w1m(*arrays, **protocol)
        # Masks as NumPy arrays: jetnet fails on torch's.
        features = gen_metrics.w1p(*arrays, jets.mask, reference.mask, **protocol)
    pairs = [mass, *zip(*features, strict=True)]
    return {
        name: Measured(float(value), float(error))
        for name, (value, error) in zip(JETNET_METRICS, pairs, strict=True)
    }


def wasserstein(
    sample: ObservableSample,
    reference: ObservableSample,
    name: str,
    *,
    replicas: int,
    generator: np.random.Generator,
) -> Measured:
    """The 1-Wasserstein distance of an observable between whole samples, with a bootstrap error.

    Parameters
    ----------
    sample, reference : ObservableSample
    name : str
        The observable.
    replicas : int
        Bootstrap replicas; their standard deviation is the error. Jets are resampled, not
        particles: those of one jet are not independent.
    generator : numpy.random.Generator

    Returns
    -------
    Measured
        In the unit of the observable. 0 for the same sample twice.
    """
    distance = _WeightedDistance(
        sample.values[name], sample.jet_of(name), reference.values[name], reference.jet_of(name)
    )
    value = distance(np.ones(len(sample)), np.ones(len(reference)))
    spread = [
        distance(_resample(len(sample), generator), _resample(len(reference), generator))
        for _ in range(replicas)
    ]
    return Measured(value, float(np.std(spread, ddof=1)))


def _resample(n: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each of `n` jets is drawn in `n` draws with replacement."""
    return np.bincount(generator.integers(n, size=n), minlength=n).astype(np.float64)


class _WeightedDistance:
    """The area between two empirical distribution functions, for any weights of the jets.

    The values are sorted once: a bootstrap replica only changes the weights, and so takes a sum
    and no sort (``scipy.stats.wasserstein_distance`` would sort 3 million particles each time).
    """

    def __init__(self, a: NDArray, jet_of_a: NDArray, b: NDArray, jet_of_b: NDArray):
        pooled = np.concatenate([a, b])
        order = np.argsort(pooled, kind="stable")
        self._gaps = np.diff(pooled[order])
        self._from_a = order < len(a)
        self._jet = np.concatenate([jet_of_a, jet_of_b])[order]

    def __call__(self, weights_a: NDArray, weights_b: NDArray) -> float:
        """The distance; the weights, [jets of a] and [jets of b], need no normalization."""
        a = np.zeros(len(self._jet))
        b = np.zeros(len(self._jet))
        a[self._from_a] = weights_a[self._jet[self._from_a]]
        b[~self._from_a] = weights_b[self._jet[~self._from_a]]
        np.cumsum(a, out=a)
        np.cumsum(b, out=b)
        return float(np.abs(a / a[-1] - b / b[-1])[:-1] @ self._gaps)

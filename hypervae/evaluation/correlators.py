"""Projected energy correlators of two samples: how far apart, with errors.

ENC(R_L) as `hypervae.correlators.kernel` computes it, pT weights, in bins of its own, so that
models with different hypergraphs are measured alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.binning import Binning
from hypervae.correlators.geometry import pair_bins, weights
from hypervae.correlators.kernel import Groups, correlate
from hypervae.correlators.means import CorrelatorMeans
from hypervae.data.jets import Jets
from hypervae.evaluation.distance import REPLICAS, MetricValue, resample
from hypervae.evaluation.metrics import ORDERS

# Jets have a radius of 0.4; particles nearer than 1e-3 are below the resolution of any detector.
BINNING = Binning(60, 1e-3, 1.0)
#: Blocks of jets that the bootstrap draws: a thousand are as good as each jet by itself, and small.
BLOCKS = 1000
#: Jets in memory at once. No result depends on it beyond rounding.
CHUNK = 5000


@dataclass
class CorrelatorSums:
    """Sums over the jets of each block.

    Parameters
    ----------
    jets : [blocks] float64
        Jets of each block.
    total, squares, cross : [blocks, orders, bins + 2] float64
        Of ENC, ENC^2 and ENC E2C of each jet; contact terms and R_L below the range in the first
        bin, R_L above it in the last.
    """

    jets: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    cross: NDArray[np.float64]

    def means(self) -> CorrelatorMeans:
        """Means over all jets, with errors.

        Returns
        -------
        CorrelatorMeans
        """
        total, squares, cross = (
            array.sum(axis=0) for array in (self.total, self.squares, self.cross)
        )
        return CorrelatorMeans.of_sums(ORDERS, total, squares, cross, float(self.jets.sum()))

    def bootstrap(self, replicas: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """[replicas, orders, bins + 2] ENC per jet of bootstrap samples of the blocks.

        Parameters
        ----------
        replicas : int
            Bootstrap samples.
        generator : numpy.random.Generator

        Returns
        -------
        [replicas, orders, bins + 2] float64
        """
        often = np.array([resample(len(self.jets), generator) for _ in range(replicas)])
        totals = np.tensordot(often, self.total, axes=1)
        return totals / (often @ self.jets)[:, None, None]


def correlator_sums(jets: Jets, *, blocks: int = BLOCKS, chunk: int = CHUNK) -> CorrelatorSums:
    """Correlators of the kept particles, summed over blocks of jets.

    Parameters
    ----------
    jets : Jets
    blocks : int
        At most; with fewer jets each is a block.
    chunk : int
        Jets in memory at once.

    Returns
    -------
    CorrelatorSums
    """
    blocks = min(len(jets), blocks)
    block = np.arange(len(jets)) * blocks // len(jets)
    sums = np.zeros((3, blocks, len(ORDERS), BINNING.size))
    for start in range(0, len(jets), chunk):
        part = jets[start : start + chunk]
        sums += correlate(
            weights(part),
            part.multiplicity,
            pair_bins(part, BINNING),
            list(ORDERS),
            BINNING.size,
            Groups(block[start : start + chunk], blocks),
        )
    return CorrelatorSums(np.bincount(block).astype(np.float64), *sums)


def compare_correlators(
    sums: CorrelatorSums,
    reference: CorrelatorSums,
    *,
    generator: np.random.Generator,
    replicas: int = REPLICAS,
) -> dict[str, MetricValue]:
    """Distances between the correlators of two samples, with bootstrap errors.

    Parameters
    ----------
    sums, reference : CorrelatorSums
    generator : numpy.random.Generator
    replicas : int

    Returns
    -------
    dict of str to MetricValue
        For each order N ``w1_e{N}c``, the 1-Wasserstein distance in ln R_L of ENC as a distribution
        (normalized within the range), and ``deviation_e{N}c``, the mean of |ratio - 1| weighted
        with the reference, sum |ENC - reference| / sum reference; and ``deviation_e3c_e2c``, the
        mean of |ratio of ratios - 1| of E3C/E2C, weighted with the reference's E2C.
    """
    values = distances(sums.means().mean[None], reference.means().mean[None])
    drawn = distances(sums.bootstrap(replicas, generator), reference.bootstrap(replicas, generator))
    return {
        name: MetricValue(float(value[0]), float(np.std(drawn[name], ddof=1)))
        for name, value in values.items()
    }


def distances(
    enc: NDArray[np.float64], reference: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Distances of `compare_correlators`, without errors.

    Parameters
    ----------
    enc, reference : [n, orders, bins + 2]
        Mean correlators of n samples each, compared one by one.

    Returns
    -------
    dict of str to [n]
    """
    a, b = enc[..., 1:-1], reference[..., 1:-1]
    found = {}
    for row, order in enumerate(ORDERS):
        shares = [_normalized(side[:, row]) for side in (a, b)]
        area = np.abs(np.cumsum(shares[0] - shares[1], axis=1)).sum(axis=1) * BINNING.ln_width
        found[f"w1_e{order}c"] = area
        moved = np.abs(a[:, row] - b[:, row]).sum(axis=1)
        found[f"deviation_e{order}c"] = _over(moved, b[:, row].sum(axis=1))
    ratio, expected = (_over(side[:, 1], side[:, 0]) for side in (a, b))
    weight = b[:, 0] * (expected > 0)
    off = np.abs(_over(ratio, expected) - 1)
    found["deviation_e3c_e2c"] = _over((weight * off).sum(axis=1), weight.sum(axis=1))
    return found


def _normalized(enc: NDArray[np.float64]) -> NDArray[np.float64]:
    return _over(enc, enc.sum(axis=1, keepdims=True))


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient, 0 where the denominator is (jets of one particle have no pairs)."""
    below = np.broadcast_to(below, above.shape)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)

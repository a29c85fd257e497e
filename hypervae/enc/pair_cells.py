"""Pairs of particles in bins of distance, weight and jet pT, which unfolding is of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.binning import Binning
from hypervae.correlators.geometry import delta_squared, pair_indices
from hypervae.data.jets import Jets
from hypervae.enc.spectrum import Curve
from hypervae.enc.weights import weights_of
from hypervae.errors import ArgumentError

#: Numbers whose covariance still fits into memory.
MOST_CELLS = 3_000


@dataclass(frozen=True)
class PairBins:
    """Bins of pairs.

    Attributes
    ----------
    binning : Binning
        Of their distance; what lies outside has bins of its own.
    weights : int
        Logarithmic bins of z_i z_j from `lowest` to 1/4; smaller ones belong to the first.
    lowest : float
    jet_pt : tuple of float
        Edges [GeV] of the jet's pT; jets outside count as missed, or as fakes. All jets if empty.
    """

    binning: Binning
    weights: int = 12
    lowest: float = 1e-6
    jet_pt: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.weights < 1 or not 0 < self.lowest < 0.25:
            found = f"{self.weights} from {self.lowest:g}"
            raise ArgumentError("bins of the weight", found=found, expected="some, from 0 to 1/4")
        if len(self.jet_pt) == 1 or np.any(np.diff(self.jet_pt) <= 0):
            raise ArgumentError("jet_pt", found=str(self.jet_pt), expected="rising edges")
        if self.cells > MOST_CELLS:
            raise ArgumentError(
                "bins",
                found=f"{self.cells:,} of distance, weight and jet pT",
                expected=f"at most {MOST_CELLS:,}",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Bins of jet pT, of distance with underflow and overflow, of weight."""
        return max(len(self.jet_pt) - 1, 1), self.binning.size, self.weights

    @property
    def cells(self) -> int:
        """Their number."""
        return int(np.prod(self.shape))

    def cells_of(self, jets: Jets) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The cell of each pair, and its weight.

        Parameters
        ----------
        jets : Jets

        Returns
        -------
        cell : [n, P (P - 1) / 2] int64
            -1 of pairs that are not there, and of jets outside.
        weight : [n, P (P - 1) / 2] float64
            z_i z_j.
        """
        i, j = pair_indices(jets.mask.shape[1])
        z = weights_of(jets)
        product = z[:, i] * z[:, j]
        distance = np.searchsorted(self.binning.edges**2, delta_squared(jets), side="right")
        edges = np.geomspace(self.lowest, 0.25, self.weights + 1)[1:-1]
        weight = np.searchsorted(edges, product, side="right")
        there = jets.mask[:, i] & jets.mask[:, j]
        pt_bin = np.zeros(len(jets), dtype=np.int64)
        if self.jet_pt:
            pt_bin = np.searchsorted(self.jet_pt, jets.jet_features[:, 0], side="right") - 1
            there &= ((pt_bin >= 0) & (pt_bin < self.shape[0]))[:, None]
        cell = (pt_bin[:, None] * self.shape[1] + distance) * self.shape[2] + weight
        return np.where(there, cell, -1), product

    def counts(self, jets: Jets) -> NDArray[np.float64]:
        """Pairs of each jet.

        Parameters
        ----------
        jets : Jets

        Returns
        -------
        [n, cells] float64
        """
        cell, _ = self.cells_of(jets)
        rows = np.broadcast_to(np.arange(len(jets))[:, None], cell.shape)
        there = cell >= 0
        flat = rows[there] * self.cells + cell[there]
        counted = np.bincount(flat, minlength=len(jets) * self.cells)
        return counted.reshape(len(jets), self.cells).astype(np.float64)


@dataclass(frozen=True)
class Measured:
    """Pairs of measured jets.

    Attributes
    ----------
    n_jets : int
    mean : [cells]
        Per jet.
    covariance : [cells, cells]
        Of the means: pairs of one jet fluctuate together.
    """

    n_jets: int
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, batches: Iterable[Jets], bins: PairBins) -> Measured:
        """Count the pairs of jets.

        Parameters
        ----------
        batches : iterable of Jets
            At least two jets in all.
        bins : PairBins

        Returns
        -------
        Measured
        """
        total, products, n = np.zeros(bins.cells), np.zeros((bins.cells, bins.cells)), 0
        for jets in batches:
            counts = bins.counts(jets)
            n += len(jets)
            total += counts.sum(axis=0)
            products += counts.T @ counts
        if n < 2:
            raise ArgumentError("measured jets", found=str(n), expected="at least 2")
        mean = total / n
        return cls(n, mean, (products / n - np.outer(mean, mean)) / (n - 1))


def truth_of(batches: Iterable[Jets], bins: PairBins) -> Curve:
    """What unfolding is to find: E2C of jets in the same bins, from their own weights.

    Parameters
    ----------
    batches : iterable of Jets
    bins : PairBins

    Returns
    -------
    Curve
        As `Unfolded.correlator`.
    """
    rows = bins.cells // bins.weights
    total, products, n = np.zeros(rows), np.zeros((rows, rows)), 0
    for jets in batches:
        cell, product = bins.cells_of(jets)
        there = cell >= 0
        row = np.broadcast_to(np.arange(len(jets))[:, None], cell.shape)[there]
        place = row * rows + cell[there] // bins.weights
        flat = np.bincount(place, 2 * product[there], len(jets) * rows)
        values = flat.reshape(len(jets), rows)
        n += len(jets)
        total += values.sum(axis=0)
        products += values.T @ values
    mean = total / n
    return Curve(mean, (products / n - np.outer(mean, mean)) / max(n - 1, 1))

"""Unfolding of the two-point correlator: pairs in bins of distance, weight and jet pT.

As experiments do (CMS, arXiv:2402.13864; ALICE, arXiv:2409.12687), pairs of particles are counted
in bins of their distance R and of the weight z_i z_j, and of the pT of their jet. A smeared copy of
simulated jets says how pairs migrate, which are missed and which are fakes; counts are unfolded,
and E2C is their sum with the mean weight of each bin.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import pair_indices
from hypervae.data.jets import Jets
from hypervae.enc.migrations import by_inversion, by_iterations
from hypervae.enc.pair_cells import Measured, PairBins
from hypervae.enc.smearing import MATCH, matches
from hypervae.enc.spectrum import Curve
from hypervae.errors import ArgumentError, InputError
from hypervae.formats.shard import ShardReader
from hypervae.io.guarded import guarded

#: Parts of the simulated jets, each left out in turn for the errors of the response.
BLOCKS = 10
METHODS = ("bayes", "inversion")
#: Jets in memory at once. No result depends on it beyond rounding.
CHUNK = 200


@dataclass(frozen=True)
class Response:
    """How pairs migrate, in blocks of simulated jets.

    Attributes
    ----------
    bins : PairBins
    n_jets : [blocks]
    migrations : [blocks, cells, cells]
        Pairs by the cell in which they are seen and that of the truth.
    misses : [blocks, cells]
        Pairs of the truth that are not seen.
    fakes : [blocks, cells]
        Pairs that are seen and are none of the truth.
    weights : [blocks, cells]
        Summed z_i z_j of the truth's pairs.
    """

    bins: PairBins
    n_jets: NDArray[np.int64]
    migrations: NDArray[np.float64]
    misses: NDArray[np.float64]
    fakes: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, batches: Iterable[tuple[Jets, Jets]], bins: PairBins) -> Response:
        """The response of simulated jets.

        Parameters
        ----------
        batches : iterable of (Jets, Jets)
            The truth, and the same jets smeared, row by row; matched as
            `hypervae.enc.smearing.matches`.
        bins : PairBins

        Returns
        -------
        Response

        Raises
        ------
        ArgumentError
            If there are fewer jets than blocks; as `matches`.
        """
        size = bins.cells
        n_jets = np.zeros(BLOCKS, dtype=np.int64)
        migrations = np.zeros((BLOCKS, size, size))
        misses, fakes, weights = (np.zeros((BLOCKS, size)) for _ in range(3))
        first = 0
        for truth, seen in batches:
            found = matches(truth, seen)
            own, product = bins.cells_of(truth)
            other, _ = bins.cells_of(seen)
            block = np.broadcast_to(((first + np.arange(len(truth))) % BLOCKS)[:, None], own.shape)
            first += len(truth)
            n_jets += np.bincount(block[:, 0] if block.size else [], minlength=BLOCKS)
            partner = _partners(found, own)
            here = np.broadcast_to(block[:, :1], other.shape)
            met = (other >= 0) & (partner >= 0)
            np.add.at(migrations, (here[met], other[met], partner[met]), 1.0)
            fake = (other >= 0) & (partner < 0)
            np.add.at(fakes, (here[fake], other[fake]), 1.0)
            there = own >= 0
            np.add.at(misses, (block[there], own[there]), 1.0)
            np.add.at(weights, (block[there], own[there]), product[there])
        if n_jets.min() < 1:
            found_jets = str(int(n_jets.sum()))
            raise ArgumentError("simulated jets", found=found_jets, expected=f"at least {BLOCKS}")
        # of all pairs of the truth, those that are not seen
        return cls(bins, n_jets, migrations, misses - migrations.sum(axis=1), fakes, weights)

    def unfold(self, measured: Measured, method: str = "bayes", iterations: int = 4) -> Unfolded:
        """The pairs of the truth behind measured ones.

        Parameters
        ----------
        measured : Measured
        method : {"bayes", "inversion"}
            Iterative (G. D'Agostini, Nucl. Instrum. Meth. A 362 (1995) 487), from the simulated
            truth; or least squares with the matrix, without regularization.
        iterations : int
            Of ``bayes``: few leave a bias towards the simulation, many make the errors grow.

        Returns
        -------
        Unfolded

        Raises
        ------
        ArgumentError
            If there is no such method, or less than one iteration.
        """
        if method not in METHODS:
            raise ArgumentError("method", found=repr(method), expected=f"one of {METHODS}")
        if iterations < 1:
            raise ArgumentError("iterations", found=str(iterations), expected="at least 1")
        steps = iterations if method == "bayes" else 0
        value, slopes, mean_weight = self._solve(np.arange(BLOCKS), measured.mean, steps)
        covariance = slopes @ measured.covariance @ slopes.T
        sums = _sums(self.bins, mean_weight)
        left_out = []
        for block in range(BLOCKS):
            kept = np.delete(np.arange(BLOCKS), block)
            one, _, weight = self._solve(kept, measured.mean, steps)
            left_out.append(np.concatenate([one, _sums(self.bins, weight) @ one]))
        spread = np.array(left_out) - np.mean(left_out, axis=0)
        response = (BLOCKS - 1) / BLOCKS * spread.T @ spread
        size = self.bins.cells
        counts = Curve(value, covariance + response[:size, :size])
        correlator = Curve(sums @ value, sums @ covariance @ sums.T + response[size:, size:])
        return Unfolded(self.bins, counts, correlator)

    def _solve(
        self, blocks: NDArray[np.int64], seen: NDArray[np.float64], iterations: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Unfolded counts, their derivatives, and the mean weight of each cell."""
        migrations, misses = self.migrations[blocks].sum(axis=0), self.misses[blocks].sum(axis=0)
        fakes, n = self.fakes[blocks].sum(axis=0), self.n_jets[blocks].sum()
        truth, all_seen = migrations.sum(axis=0) + misses, migrations.sum(axis=1) + fakes
        with np.errstate(invalid="ignore", divide="ignore"):
            purity = np.where(all_seen > 0, migrations.sum(axis=1) / all_seen, 0.0)
            matrix = np.where(truth > 0, migrations / truth, 0.0)
            weight = np.where(truth > 0, self.weights[blocks].sum(axis=0) / truth, 0.0)
        if iterations == 0:
            value, slopes = by_inversion(matrix, purity * seen)
        else:
            value, slopes = by_iterations(matrix, truth / n, purity * seen, iterations)
        return value, slopes * purity, weight


@dataclass(frozen=True)
class Unfolded:
    """Pairs of the truth, and their two-point correlator.

    Attributes
    ----------
    bins : PairBins
    counts : Curve
        [cells] per jet, with the statistical errors of the measured jets and of the response.
    correlator : Curve
        [jet pT bins, each with all bins of distance], E2C per measured jet, with underflow (without
        contact terms) and overflow.
    """

    bins: PairBins
    counts: Curve
    correlator: Curve

    def table(self) -> str:
        """E2C as CSV, a row a bin.

        Returns
        -------
        str
        """
        edges = np.concatenate([[0.0], self.bins.binning.edges, [np.inf]])
        pt = self.bins.jet_pt or (0.0, np.inf)
        lines = ["jet_pt_low,jet_pt_high,R_L_low,R_L_high,E2C,E2C_error"]
        shape = self.bins.shape[:2]
        values, errors = (a.reshape(shape) for a in (self.correlator.value, self.correlator.error))
        for row, column in np.ndindex(*shape):
            numbers = (*pt[row : row + 2], *edges[column : column + 2])
            numbers += (values[row, column], errors[row, column])
            lines.append(",".join(f"{number:.8g}" for number in numbers))
        return "\n".join(lines) + "\n"


@guarded(reads=("measured", "response"), apart=("response",))
def unfold_files(
    measured: Sequence[str | os.PathLike[str]],
    response: tuple[str | os.PathLike[str], str | os.PathLike[str]],
    bins: PairBins,
    method: str = "bayes",
    iterations: int = 4,
    jet_type: str | None = None,
) -> Unfolded:
    """Unfold the jets of files.

    Parameters
    ----------
    measured : sequence of path-like
        Shards of measured jets.
    response : (path-like, path-like)
        Shards of simulated jets and of the same ones smeared, row by row.
    bins : PairBins
    method : str
    iterations : int
        As for `Response.unfold`.
    jet_type : str, optional
        Of files that do not name it.

    Returns
    -------
    Unfolded

    Raises
    ------
    InputError
        If a file cannot be read, or the two of the response do not hold the same jets.
    """
    with ShardReader(response[0], jet_type) as truth, ShardReader(response[1], jet_type) as seen:
        if truth.n_jets != seen.n_jets:
            raise InputError(
                seen.path,
                "jets",
                found=str(seen.n_jets),
                expected=f"{truth.n_jets}, those of {truth.path}",
            )
        seen.require([MATCH])
        try:
            pairs = zip(truth.chunks(CHUNK), seen.chunks(CHUNK), strict=True)
            found = Response.of(pairs, bins)
        except ArgumentError as error:
            raise InputError(
                seen.path, error.argument, found=error.found, expected=error.expected
            ) from error

    def batches() -> Iterable[Jets]:
        for path in measured:
            with ShardReader(path, jet_type) as reader:
                yield from reader.chunks(CHUNK)

    return found.unfold(Measured.of(batches(), bins), method, iterations)


def _partners(found: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each pair that is seen, the cell of the pair of the truth; -1 without."""
    i, j = pair_indices(found.shape[1])
    low, high = np.minimum(found[:, i], found[:, j]), np.maximum(found[:, i], found[:, j])
    there = low >= 0
    number = np.where(there, high * (high - 1) // 2 + low, 0)
    if own.shape[1] == 0:
        return np.full(number.shape, -1, dtype=np.int64)
    return np.where(there, np.take_along_axis(own, number, axis=1), -1)


def _sums(bins: PairBins, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """[bins of pT and distance, cells] that make E2C of counts: ordered pairs are twice as many."""
    rows = bins.cells // bins.weights
    sums = np.zeros((rows, bins.cells))
    cells = np.arange(bins.cells)
    sums[cells // bins.weights, cells] = 2 * weight
    return sums

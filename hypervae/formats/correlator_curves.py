"""Energy correlators per jet, read from correlator files or normalizations, and as CSV."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.means import CorrelatorMeans
from hypervae.formats.correlator_sums import summed_correlators
from hypervae.formats.correlators import KIND as CORRELATOR_FILE
from hypervae.formats.normalization import merged_correlators
from hypervae.io.hdf5 import reading_h5

DECIDES_RESULTS_OF = ("plot",)


@dataclass(frozen=True)
class Correlators:
    """Correlators per jet.

    Parameters
    ----------
    edges : [bins + 1]
        Of R_L.
    means : CorrelatorMeans
        [orders, bins + 2]: contact terms with what is below the range, the bins, what is above it.
    n_jets : int
    jets : str
        What the jets are, for the legend.
    """

    edges: NDArray[np.float64]
    means: CorrelatorMeans
    n_jets: int
    jets: str = "training jets"

    def mean(self, order: int) -> NDArray[np.float64]:
        """[bins] ENC per jet.

        Parameters
        ----------
        order : int
            Of the correlator.

        Returns
        -------
        [bins] float64
        """
        return self.means.mean[self.means.orders.index(order), 1:-1]

    def error(self, order: int) -> NDArray[np.float64]:
        """[bins] statistical error of ENC per jet.

        Parameters
        ----------
        order : int
            Of the correlator.

        Returns
        -------
        [bins] float64
        """
        return self.means.error[self.means.orders.index(order), 1:-1]

    def density(self, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ENC per unit of ln R_L, and its error, [bins].

        Parameters
        ----------
        order : int
            Of the correlator.

        Returns
        -------
        value, error : [bins] float64
        """
        width = np.diff(np.log(self.edges))
        return self.mean(order) / width, self.error(order) / width

    def ratio(self, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ENC over E2C, and its error, [bins]; NaN where one of the two is 0.

        Parameters
        ----------
        order : int
            Of the correlator.

        Returns
        -------
        value, error : [bins] float64
        """
        row = self.means.orders.index(order)
        ratio, error = self.means.ratios()
        return ratio[row, 1:-1], error[row, 1:-1]

    def table(self) -> str:
        """All numbers as CSV: means per jet with errors, and ratios to E2C.

        Returns
        -------
        str
            The first row is what lies below the range, contact terms (of particles with
            themselves) included, the last what lies above it; with pT or energy weights and an
            exponent of 1, each column of an order adds up to 1.
        """
        bounds = np.concatenate([[0.0], self.edges, [np.inf]])
        columns = {"R_L_low": bounds[:-1], "R_L_high": bounds[1:]}
        ratio, ratio_error = self.means.ratios()
        for row, order in enumerate(self.means.orders):
            columns[f"E{order}C"] = self.means.mean[row]
            columns[f"E{order}C_error"] = self.means.error[row]
            if order != 2:
                columns[f"E{order}C/E2C"] = ratio[row]
                columns[f"E{order}C/E2C_error"] = ratio_error[row]
        rows = zip(*columns.values(), strict=True)
        lines = [",".join(f"{value:.8g}" for value in row) for row in rows]
        return "\n".join([",".join(columns), *lines]) + "\n"


def read_correlators(path: str | os.PathLike[str]) -> Correlators:
    """Read the correlators of a normalization (training jets) or of a correlator file (all jets).

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Correlators

    Raises
    ------
    InputError
        If an entry is missing or of the wrong size.
    """
    with reading_h5(path) as entries:
        single = entries.text("kind", "") == CORRELATOR_FILE
        edges, means, n_jets = (summed_correlators if single else merged_correlators)(entries)
    return Correlators(edges, means, n_jets, "jets" if single else "training jets")

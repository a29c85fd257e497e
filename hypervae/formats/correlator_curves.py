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
        Within the range.
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
        return self.means.mean[self.means.orders.index(order)]

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
        return self.means.error[self.means.orders.index(order)]

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
        return ratio[row], error[row]

    def table(self) -> str:
        """All numbers as CSV: a row a bin, means per jet with errors, and ratios to E2C.

        Returns
        -------
        str
        """
        columns = {"R_L_low": self.edges[:-1], "R_L_high": self.edges[1:]}
        for order in self.means.orders:
            columns[f"E{order}C"], columns[f"E{order}C_error"] = self.mean(order), self.error(order)
            if order != 2:
                ratio, error = self.ratio(order)
                columns[f"E{order}C/E2C"], columns[f"E{order}C/E2C_error"] = ratio, error
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

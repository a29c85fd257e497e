"""Mean correlators over jets, their ratios to E2C, and the statistical errors of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Rounding of the variance of a mean, relative.
_SAME = 1e-9


@dataclass(frozen=True)
class CorrelatorMeans:
    """ENC per jet, with what its errors and those of its ratios to E2C follow from.

    Parameters
    ----------
    orders : tuple of int
        2 among them.
    mean : [orders, bins]
        Over jets, of the jet's ENC in each bin.
    variance : [orders, bins]
        Of the means.
    covariance : [orders, bins]
        Of the means with that of E2C.
    n_jets : float
    """

    orders: tuple[int, ...]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n_jets: float

    @classmethod
    def of_sums(
        cls,
        orders: tuple[int, ...],
        total: NDArray[np.float64],
        squares: NDArray[np.float64],
        cross: NDArray[np.float64],
        n_jets: float,
    ) -> CorrelatorMeans:
        """From sums over jets.

        Parameters
        ----------
        orders : tuple of int
        total, squares, cross : [orders, bins]
            Of ENC, ENC^2 and ENC E2C of each jet.
        n_jets : int
            One jet tells no error: it is 0 then.

        Returns
        -------
        CorrelatorMeans
        """
        mean, free = total / n_jets, max(n_jets - 1, 1)
        variance = np.maximum(squares / n_jets - mean**2, 0.0) / free
        covariance = (cross / n_jets - mean * mean[orders.index(2)]) / free
        return cls(orders, mean, variance, covariance, n_jets)

    @property
    def error(self) -> NDArray[np.float64]:
        """[orders, bins] statistical errors of the means."""
        return np.sqrt(self.variance)

    def ratios(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ENC over E2C, and the errors.

        Both are of the same jets and fluctuate together: to first order the relative variance is
        V_N / N^2 + V_2 / 2^2 - 2 C_N2 / (N 2), with the variances and covariance of the means.

        Returns
        -------
        ratio, error : [orders, bins]
            NaN where one of the two is 0. The error is NaN, too, in bins that one jet alone feeds:
            both sums are that jet's, and their quotient has no spread, which is not the same as an
            error of 0.
        """
        two = self.orders.index(2)
        mean = np.where(self.mean > 0, self.mean, np.nan)
        relative = self.variance / mean**2 + self.variance[two] / mean[two] ** 2
        relative -= 2 * self.covariance / (mean * mean[two])
        ratio = mean / mean[two]
        error = ratio * np.sqrt(np.maximum(relative, 0.0))
        return ratio, np.where(self.fed_by_one(), np.nan, error)

    def fed_by_one(self) -> NDArray[np.bool_]:
        """[orders, bins] bins that one jet alone feeds.

        The mean of squares is then n times the square of the mean, and the variance of the mean
        its square.

        Returns
        -------
        [orders, bins] bool
        """
        if self.n_jets == 1:
            return self.mean > 0
        return (self.mean > 0) & (self.variance >= self.mean**2 * (1 - _SAME))

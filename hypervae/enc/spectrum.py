"""Means of correlators over jets, with the covariance of bins and orders; they merge by adding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypervae.arguments import one_of
from hypervae.correlators.binning import Binning
from hypervae.enc.sums import Sums
from hypervae.enc.variables import VARIABLES
from hypervae.enc.weights import Weight, selection_of
from hypervae.errors import ArgumentError

#: Columns before the bins: R = 0, and what lies below the range. After them: what lies above it.
BEFORE = 2


class Curve(NamedTuple):
    """Values with their covariance.

    Attributes
    ----------
    value : [n]
    covariance : [n, n]
    """

    value: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def error(self) -> NDArray[np.float64]:
        """[n] standard deviations."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))

    def through(self, value: NDArray[np.float64], slopes: NDArray[np.float64]) -> Curve:
        """A function of the values, to first order.

        Parameters
        ----------
        value : [m]
            Of the function.
        slopes : [m, n]
            Its derivatives.

        Returns
        -------
        Curve
            NaN where the value is.
        """
        covariance = slopes @ self.covariance @ slopes.T
        known = np.where(np.isfinite(value), 1.0, np.nan)
        return Curve(value, covariance * np.outer(known, known))


class Line(NamedTuple):
    """A straight line through values, by generalized least squares.

    Attributes
    ----------
    slope, offset : float
        The offset is the value at the middle of the range of ln R.
    covariance : [2, 2]
        Of the two.
    chi2 : float
    points : int
        So many less 2 are the degrees of freedom.
    """

    slope: float
    offset: float
    covariance: NDArray[np.float64]
    chi2: float
    points: int


@dataclass(frozen=True)
class Settings:
    """What a spectrum is of; only spectra with the same settings merge.

    Attributes
    ----------
    variable : str
        Name in `hypervae.enc.variables.VARIABLES`.
    orders : tuple of float
    binning : Binning
    weight : str
        ``pt``, ``energy``, or with further columns of the particles (`hypervae.enc.weights`).
    exponent : float
        Power kappa of the fractions of pT or energy.
    particles : int
        The hardest so many of each jet, 0 for all.
    select : str
        Which of them count: ``charged``, ``neutral``, a further column, or all.
    """

    variable: str
    orders: tuple[float, ...]
    binning: Binning
    weight: str = "pt"
    exponent: float = 1.0
    particles: int = 0
    select: str = ""

    def __post_init__(self) -> None:
        one_of("variable", self.variable, VARIABLES)
        signed = Weight.of(self.weight).factors
        selection_of(self.select)
        if not np.isfinite(self.exponent):
            raise ArgumentError("exponent", found=f"{self.exponent:g}", expected="a number")
        if self.particles < 0:
            raise ArgumentError("particles", found=str(self.particles), expected="0 or more")
        if not self.orders:
            raise ArgumentError("orders", found="none", expected="at least one")
        for order in self.orders:
            if not 0 < order < np.inf:
                raise ArgumentError("orders", found=f"{order:g}", expected="positive numbers")
            if signed and order != round(order):
                raise ArgumentError(
                    "orders",
                    found=f"{order:g}",
                    expected=f"whole numbers, since the weights ({self.weight}) may be negative",
                )
        if len(set(self.orders)) < len(self.orders):
            found = ", ".join(f"{order:g}" for order in self.orders)
            raise ArgumentError("orders", found=found, expected="each once")

    @property
    def columns(self) -> int:
        """R = 0, below the range, the bins, above it."""
        return self.binning.bins + BEFORE + 1


@dataclass(frozen=True)
class Spectrum(Sums[Settings]):
    """Sums of correlators over jets: [orders, columns], and [orders columns, orders columns]."""

    def curve(self, orders: Sequence[float]) -> Curve:
        """The bins of some orders, one order after the other, without what is outside of the range.

        Parameters
        ----------
        orders : sequence of float

        Returns
        -------
        Curve

        Raises
        ------
        ArgumentError
            If the spectrum has no such order.
        """
        rows, bins = [self.row(order) for order in orders], slice(BEFORE, -1)
        covariance = self.covariance()[rows][:, bins][:, :, rows][..., bins]
        size = len(rows) * self.settings.binning.bins
        return Curve(self.mean[rows, bins].ravel(), covariance.reshape(size, size))

    def ratio(self, order: float, to: float = 2.0) -> Curve:
        """One order over another, bin by bin, with the covariance of the quotients.

        Both are of the same jets and fluctuate together; to first order in the fluctuations.

        Parameters
        ----------
        order, to : float

        Returns
        -------
        Curve
            NaN where either is not positive.
        """
        both = self.curve([order, to])
        above, below = np.where(both.value > 0, both.value, np.nan).reshape(2, -1)
        slopes = np.hstack([np.diag(1 / below), np.diag(-above / below**2)])
        return both.through(above / below, np.nan_to_num(slopes))

    def cumulative(self, order: float) -> Curve:
        """All that lies nearer than the upper edges of the bins, R = 0 included.

        Parameters
        ----------
        order : float

        Returns
        -------
        Curve
            [bins + 1]: at the lower end of the range, and at the end of each bin.
        """
        row, columns = self.row(order), self.settings.columns
        own = Curve(self.mean[row], self.covariance()[row, :, row])
        slopes = np.tril(np.ones((columns, columns)))[BEFORE - 1 : -1]
        return own.through(slopes @ own.value, slopes)

    def slope(self, order: float, to: float, low: float, high: float) -> Line:
        """A line through the ratio of two orders against ln R.

        The slope of E3C/E2C within the perturbative range is what alpha_s is taken from (CMS,
        arXiv:2402.13864).

        Parameters
        ----------
        order, to : float
        low, high : float
            Only bins that lie within count.

        Returns
        -------
        Line

        Raises
        ------
        ArgumentError
            If fewer than three bins have a ratio there.
        """
        edges = self.settings.binning.edges
        ratio = self.ratio(order, to)
        inside = (edges[:-1] >= low * (1 - 1e-9)) & (edges[1:] <= high * (1 + 1e-9))
        used = np.flatnonzero(inside & np.isfinite(ratio.value) & (ratio.error > 0))
        if len(used) < 3:
            raise ArgumentError(
                "range of the slope",
                found=f"{len(used)} bins with a ratio between {low:g} and {high:g}",
                expected="at least 3",
            )
        x = np.log(self.settings.binning.centers[used]) - 0.5 * np.log(low * high)
        basis = np.stack([x, np.ones_like(x)], axis=1)
        weight = np.linalg.pinv(ratio.covariance[np.ix_(used, used)], hermitian=True)
        covariance = np.linalg.inv(basis.T @ weight @ basis)
        found = covariance @ (basis.T @ weight @ ratio.value[used])
        rest = ratio.value[used] - basis @ found
        slope, offset = (float(number) for number in found)
        return Line(slope, offset, covariance, float(rest @ weight @ rest), len(used))

    def table(self) -> str:
        """All numbers as CSV: R = 0 (contact terms), below the range, each bin, above it.

        Returns
        -------
        str
            Means per jet with errors; the cumulants, up to the end of the row; ratios to E2C where
            it is there, NaN outside of the range.
        """
        edges = self.settings.binning.edges
        low = np.concatenate([[0.0, 0.0], edges[:-1], edges[-1:]])
        high = np.concatenate([[0.0], edges, [np.inf]])
        name = self.settings.variable
        columns, error = {f"{name}_low": low, f"{name}_high": high}, self.error
        for row, order in enumerate(self.settings.orders):
            columns[f"E{order:g}C"] = self.mean[row]
            columns[f"E{order:g}C_error"] = error[row]
        steps = np.tril(np.ones((self.settings.columns, self.settings.columns)))
        covariance = self.covariance()
        for row, order in enumerate(self.settings.orders):
            own = Curve(self.mean[row], covariance[row, :, row])
            summed = own.through(steps @ own.value, steps)
            columns[f"E{order:g}C_cumulative"] = summed.value
            columns[f"E{order:g}C_cumulative_error"] = summed.error
        for order in self.settings.orders if 2.0 in self.settings.orders else ():
            if order != 2:
                ratio = self.ratio(order)
                for end, values in (("", ratio.value), ("_error", ratio.error)):
                    padded = np.pad(values, (BEFORE, 1), constant_values=np.nan)
                    columns[f"E{order:g}C/E2C{end}"] = padded
        lines = [
            ",".join(f"{value:.8g}" for value in row) for row in zip(*columns.values(), strict=True)
        ]
        return "\n".join([",".join(columns), *lines]) + "\n"

    def row(self, order: float) -> int:
        """Where an order stands.

        Parameters
        ----------
        order : float

        Returns
        -------
        int

        Raises
        ------
        ArgumentError
            If the spectrum has no such order.
        """
        orders = self.settings.orders
        if order not in orders:
            known = ", ".join(f"{one:g}" for one in orders)
            raise ArgumentError("order", found=f"{order:g}", expected=f"one of {known}")
        return orders.index(order)

"""Means of correlators over jets, with the covariance of bins and orders; they merge by adding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypervae.arguments import one_of
from hypervae.correlators.binning import Binning
from hypervae.enc.variables import VARIABLES
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
        ``pt`` or ``energy``.
    exponent : float
        Power kappa of each weight.
    particles : int
        The hardest so many of each jet, 0 for all.
    """

    variable: str
    orders: tuple[float, ...]
    binning: Binning
    weight: str = "pt"
    exponent: float = 1.0
    particles: int = 0

    def __post_init__(self) -> None:
        one_of("variable", self.variable, VARIABLES)
        one_of("weight", self.weight, ("pt", "energy"))
        if not np.isfinite(self.exponent):
            raise ArgumentError("exponent", found=f"{self.exponent:g}", expected="a number")
        if self.particles < 0:
            raise ArgumentError("particles", found=str(self.particles), expected="0 or more")
        if not self.orders:
            raise ArgumentError("orders", found="none", expected="at least one")
        for order in self.orders:
            if not 0 < order < np.inf:
                raise ArgumentError("orders", found=f"{order:g}", expected="positive numbers")
        if len(set(self.orders)) < len(self.orders):
            found = ", ".join(f"{order:g}" for order in self.orders)
            raise ArgumentError("orders", found=found, expected="each once")

    @property
    def columns(self) -> int:
        """R = 0, below the range, the bins, above it."""
        return self.binning.bins + BEFORE + 1


@dataclass(frozen=True)
class Spectrum:
    """Sums over jets.

    Attributes
    ----------
    settings : Settings
    n_jets : int
    total : [orders, columns]
        Of the jets' correlators.
    products : [orders columns, orders columns]
        Of the jets' products of any two of these numbers.
    """

    settings: Settings
    n_jets: int
    total: NDArray[np.float64]
    products: NDArray[np.float64]

    @classmethod
    def of(cls, settings: Settings, values: NDArray[np.float64]) -> Spectrum:
        """The spectrum of jets.

        Parameters
        ----------
        settings : Settings
        values : [n, orders, columns]
            Of each jet.

        Returns
        -------
        Spectrum
        """
        flat = values.reshape(len(values), -1)
        return cls(settings, len(values), values.sum(axis=0), flat.T @ flat)

    @classmethod
    def merge(cls, parts: Iterable[Spectrum]) -> Spectrum:
        """The spectrum of all jets together.

        Parameters
        ----------
        parts : iterable of Spectrum
            At least one, all with the same settings.

        Returns
        -------
        Spectrum

        Raises
        ------
        ArgumentError
            If there is none, or settings differ.
        """
        merged: Spectrum | None = None
        for part in parts:
            if merged is None:
                merged = replace(part, total=part.total.copy(), products=part.products.copy())
                continue
            if part.settings != merged.settings:
                raise ArgumentError(
                    "spectra", found=str(part.settings), expected=f"{merged.settings}, as before"
                )
            merged = replace(merged, n_jets=merged.n_jets + part.n_jets)
            merged.total.__iadd__(part.total)
            merged.products.__iadd__(part.products)
        if merged is None:
            raise ArgumentError("spectra", found="none", expected="at least one jet")
        return merged

    @property
    def mean(self) -> NDArray[np.float64]:
        """[orders, columns] per jet."""
        return self.total / self.n_jets

    def covariance(self) -> NDArray[np.float64]:
        """Of the means: [orders, columns, orders, columns], NaN of one jet.

        Returns
        -------
        [orders, columns, orders, columns] float64
        """
        mean, shape = self.mean.ravel(), self.total.shape
        free = self.n_jets - 1 if self.n_jets > 1 else np.nan
        spread: NDArray[np.float64] = self.products / self.n_jets - np.outer(mean, mean)
        return (spread / free).reshape(*shape, *shape)

    @property
    def error(self) -> NDArray[np.float64]:
        """[orders, columns] standard deviations of the means, NaN of one jet."""
        variance = np.diagonal(self.covariance().reshape(self.products.shape))
        return np.sqrt(np.maximum(variance, 0.0)).reshape(self.total.shape)

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
        rows, bins = [self._row(order) for order in orders], slice(BEFORE, -1)
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
        row, columns = self._row(order), self.settings.columns
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
            Means per jet with errors.
        """
        edges = self.settings.binning.edges
        low = np.concatenate([[0.0, 0.0], edges[:-1], edges[-1:]])
        high = np.concatenate([[0.0], edges, [np.inf]])
        name = self.settings.variable
        columns = {f"{name}_low": low, f"{name}_high": high}
        for row, order in enumerate(self.settings.orders):
            columns[f"E{order:g}C"] = self.mean[row]
            columns[f"E{order:g}C_error"] = self.error[row]
        lines = [
            ",".join(f"{value:.8g}" for value in row) for row in zip(*columns.values(), strict=True)
        ]
        return "\n".join([",".join(columns), *lines]) + "\n"

    def _row(self, order: float) -> int:
        orders = self.settings.orders
        if order not in orders:
            known = ", ".join(f"{one:g}" for one in orders)
            raise ArgumentError("order", found=f"{order:g}", expected=f"one of {known}")
        return orders.index(order)

"""Ratios of correlators of several orders together, their slopes, and cumulants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypervae.enc.spectrum import BEFORE, Curve, Spectrum
from hypervae.errors import ArgumentError


class Slopes(NamedTuple):
    """Straight lines through several ratios, fitted together.

    Attributes
    ----------
    value : [ratios]
        Slopes in ln R.
    offset : [ratios]
        Values at the middle of the range of ln R.
    covariance : [2 ratios, 2 ratios]
        Of slopes and then offsets.
    chi2 : float
    points : int
        Of all ratios; so many less twice the ratios are the degrees of freedom.
    """

    value: NDArray[np.float64]
    offset: NDArray[np.float64]
    covariance: NDArray[np.float64]
    chi2: float
    points: int


def ratios(spectrum: Spectrum, orders: Sequence[float], to: float = 2.0) -> Curve:
    """Several orders over one, bin by bin, with the covariance of all quotients.

    Parameters
    ----------
    spectrum : Spectrum
    orders : sequence of float
    to : float

    Returns
    -------
    Curve
        One order after the other; NaN where either is not positive. To first order in the
        fluctuations, which all of them share.

    Raises
    ------
    ArgumentError
        If the spectrum has no such order.
    """
    if not orders:
        raise ArgumentError("orders", found="none", expected="at least one")
    listed = list(dict.fromkeys([*orders, to]))
    both = spectrum.curve(listed)
    bins = spectrum.settings.binning.bins
    values = np.where(both.value > 0, both.value, np.nan).reshape(len(listed), bins)
    below = values[listed.index(to)]
    slopes = np.zeros((len(orders) * bins, len(listed) * bins))
    each = np.arange(bins)
    for row, order in enumerate(orders):
        above = values[listed.index(order)]
        slopes[row * bins + each, listed.index(order) * bins + each] += 1 / below
        slopes[row * bins + each, listed.index(to) * bins + each] -= above / below**2
    found = np.concatenate([values[listed.index(order)] / below for order in orders])
    return both.through(found, np.nan_to_num(slopes))


def slopes(
    spectrum: Spectrum, orders: Sequence[float], to: float, low: float, high: float
) -> Slopes:
    """Lines through the ratios of several orders to one against ln R, with their covariance.

    What alpha_s is taken from (CMS, arXiv:2402.13864), of one ratio or of several at once; of one,
    it is `Spectrum.slope`. By generalized least squares.

    Parameters
    ----------
    spectrum : Spectrum
    orders : sequence of float
        Other than `to`.
    to : float
    low, high : float
        Only bins that lie within count.

    Returns
    -------
    Slopes

    Raises
    ------
    ArgumentError
        If a ratio has fewer than three bins there.
    """
    edges, bins = spectrum.settings.binning.edges, spectrum.settings.binning.bins
    all_of_them = ratios(spectrum, orders, to)
    inside = (edges[:-1] >= low * (1 - 1e-9)) & (edges[1:] <= high * (1 + 1e-9))
    used = np.isfinite(all_of_them.value) & (all_of_them.error > 0) & np.tile(inside, len(orders))
    for row, order in enumerate(orders):
        count = int(used[row * bins : (row + 1) * bins].sum())
        if count < 3:
            raise ArgumentError(
                "range of the slope",
                found=f"{count} bins with a ratio E{order:g}C / E{to:g}C between {low:g} and "
                f"{high:g}",
                expected="at least 3",
            )
    places = np.flatnonzero(used)
    x = np.log(spectrum.settings.binning.centers[places % bins]) - 0.5 * np.log(low * high)
    basis = np.zeros((len(places), 2 * len(orders)))
    basis[np.arange(len(places)), places // bins] = x
    basis[np.arange(len(places)), len(orders) + places // bins] = 1.0
    weight = np.linalg.pinv(all_of_them.covariance[np.ix_(places, places)], hermitian=True)
    covariance: NDArray[np.float64] = np.linalg.inv(basis.T @ weight @ basis).astype(np.float64)
    found: NDArray[np.float64] = covariance @ (basis.T @ weight @ all_of_them.value[places])
    rest = all_of_them.value[places] - basis @ found
    chi2 = float(rest @ weight @ rest)
    return Slopes(found[: len(orders)], found[len(orders) :], covariance, chi2, len(places))


def cumulants(spectrum: Spectrum, orders: Sequence[float]) -> Curve:
    """What lies nearer than the edges of the bins, of several orders, with their covariance.

    The cumulant Sigma(R) of arXiv:2004.11381, contact terms included: 1 far out for weights that
    sum to 1.

    Parameters
    ----------
    spectrum : Spectrum
    orders : sequence of float

    Returns
    -------
    Curve
        [orders (bins + 1)], one order after the other, each as `Spectrum.cumulative`.

    Raises
    ------
    ArgumentError
        If the spectrum has no such order.
    """
    rows, columns = [spectrum.row(order) for order in orders], spectrum.settings.columns
    covariance = spectrum.covariance()[rows][:, :, rows]
    size = len(rows) * columns
    own = Curve(spectrum.mean[rows].ravel(), covariance.reshape(size, size))
    one = np.tril(np.ones((columns, columns)))[BEFORE - 1 : -1]
    sums = np.kron(np.eye(len(rows)), one).astype(np.float64)
    return own.through(sums @ own.value, sums)

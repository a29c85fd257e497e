"""Projected energy correlators of the training jets, and their ratios to E2C."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.correlators.means import CorrelatorMeans
from hypervae.formats.correlators import KIND as CORRELATOR_FILE
from hypervae.formats.correlators import summed_correlators
from hypervae.formats.normalization import merged_correlators
from hypervae.io.hdf5 import reading_h5
from hypervae.plotting.style import COLOURS

# Decades below the maximum that the axis shows: the bins of smallest R_L hold next to nothing.
_DECADES = 3.5
_LINES: tuple[str | tuple[Any, ...], ...] = ("-", "--", "-.", ":", (0, (5, 1)))


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
        """[bins] ENC per jet."""
        return self.means.mean[self.means.orders.index(order)]

    def error(self, order: int) -> NDArray[np.float64]:
        """[bins] statistical error of ENC per jet."""
        return self.means.error[self.means.orders.index(order)]

    def density(self, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ENC per unit of ln R_L, and its error, [bins]."""
        width = np.diff(np.log(self.edges))
        return self.mean(order) / width, self.error(order) / width

    def ratio(self, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ENC over E2C, and its error, [bins]; NaN where one of the two is 0."""
        row = self.means.orders.index(order)
        ratio, error = self.means.ratios()
        return ratio[row], error[row]

    def table(self) -> str:
        """All numbers as CSV: a row a bin, means per jet with errors, and ratios to E2C."""
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
    with reading_h5(path) as file:
        single = file.attrs.get("kind") == CORRELATOR_FILE
        edges, means, n_jets = (summed_correlators if single else merged_correlators)(path, file)
    return Correlators(edges, means, n_jets, "jets" if single else "training jets")


def draw_correlators(correlators: Correlators, title: str = "") -> Figure:
    """Draw all orders and their ratios to E2C."""
    figure, (main, ratio) = plt.subplots(
        2, 1, figsize=(7.5, 7.2), sharex=True, height_ratios=(2, 1.2), layout="constrained"
    )
    edges = correlators.edges
    peak = 0.0
    for order, colour, line in zip(correlators.means.orders, COLOURS, _LINES, strict=False):
        values, errors = correlators.density(order)
        peak = max(peak, values.max())
        _draw(main, edges, values, errors, colour, line, f"E{order}C")
        if order != 2:
            _draw(ratio, edges, *correlators.ratio(order), colour, line, f"E{order}C / E2C")
    main.set_xscale("log")
    main.set_yscale("log")
    if peak > 0:
        main.set_ylim(peak * 10**-_DECADES, peak * 3)
    drawn = np.flatnonzero(correlators.density(2)[0] > peak * 10**-_DECADES)
    if len(drawn):
        main.set_xlim(edges[drawn[0]], edges[drawn[-1] + 1])
    main.set_ylabel(r"$\mathrm{d\,ENC}\,/\,\mathrm{d}\,\ln R_L$ per jet")
    main.legend(loc="best", title=f"{correlators.n_jets:,} {correlators.jets}")
    ratio.axhline(1.0, color=COLOURS[0], linewidth=1.2)
    ratio.set_ylabel("ENC / E2C")
    ratio.set_xlabel(r"$R_L$")
    _fit_ratio(ratio, correlators, drawn)
    figure.suptitle(title, x=0.02, ha="left")
    return figure


def _draw(
    axis: Axes,
    edges: NDArray,
    values: NDArray,
    errors: NDArray,
    colour: str,
    line: str | tuple[Any, ...],
    label: str,
) -> None:
    values = np.where(values > 0, values, np.nan)
    low = np.maximum(values - errors, values * 1e-3)
    axis.stairs(values, edges, baseline=None, color=colour, linestyle=line, label=label)
    axis.stairs(
        values + errors,
        edges,
        baseline=np.nan_to_num(low),
        fill=True,
        color=colour,
        alpha=0.25,
        linewidth=0,
    )


def _fit_ratio(axis: Axes, correlators: Correlators, drawn: NDArray) -> None:
    """An axis for the ratios that single jets in the outer bins do not stretch."""
    ratios = [
        correlators.ratio(order)[0][drawn] for order in correlators.means.orders if order != 2
    ]
    finite = np.concatenate([values[np.isfinite(values)] for values in ratios] or [np.ones(1)])
    if len(finite) == 0:
        return
    top = max(float(np.quantile(finite, 0.99)), 1.0)
    axis.set_ylim(0, 1.15 * top)

"""Projected energy correlators of the training jets, and their ratios to E2C."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.errors import InputError
from hypervae.io.hdf5 import reading_h5
from hypervae.plotting.style import COLOURS, figure_style, save

# Decades below the maximum that the axis shows: the bins of smallest R_L hold next to nothing.
_DECADES = 3.5
_SUMS = ("", "_squares", "_cross")  # of a correlator file
_LINES: tuple[str | tuple[Any, ...], ...] = ("-", "--", "-.", ":", (0, (5, 1)))


@dataclass
class Correlators:
    """Correlators per jet.

    Parameters
    ----------
    edges : [bins + 1]
        Of R_L.
    mean, error, covariance : dict of int to [bins]
        By order N: the mean over jets of the weight in each bin, its statistical error, and the
        covariance of this mean with that of E2C.
    n_jets : int
    """

    edges: NDArray[np.float64]
    mean: dict[int, NDArray[np.float64]]
    error: dict[int, NDArray[np.float64]]
    covariance: dict[int, NDArray[np.float64]]
    n_jets: int
    jets: str = "training jets"

    def density(self, order: int) -> tuple[NDArray, NDArray]:
        """ENC per unit of ln R_L, and its error."""
        width = np.diff(np.log(self.edges))
        return self.mean[order] / width, self.error[order] / width

    def ratio(self, order: int) -> tuple[NDArray, NDArray]:
        """ENC over E2C, and its error; NaN where E2C is 0.

        Both are of the same jets and fluctuate together: to first order the relative variance is
        V_N / N^2 + V_2 / 2^2 - 2 C_N2 / (N 2), with the variances and covariance of the means.
        """
        filled = (self.mean[2] > 0) & (self.mean[order] > 0)
        below = np.where(filled, self.mean[2], np.nan)
        above = np.where(filled, self.mean[order], np.nan)
        relative = (
            (self.error[order] / above) ** 2
            + (self.error[2] / below) ** 2
            - 2 * self.covariance[order] / (above * below)
        )
        return above / below, above / below * np.sqrt(np.maximum(relative, 0.0))

    def table(self) -> str:
        """All numbers as CSV: a row a bin, means per jet with errors, and ratios to E2C."""
        columns = {"R_L_low": self.edges[:-1], "R_L_high": self.edges[1:]}
        for order in self.mean:
            columns[f"E{order}C"] = self.mean[order]
            columns[f"E{order}C_error"] = self.error[order]
            if order != 2:
                ratio, error = self.ratio(order)
                columns[f"E{order}C/E2C"], columns[f"E{order}C/E2C_error"] = ratio, error
        rows = zip(*columns.values(), strict=True)
        lines = [",".join(f"{value:.8g}" for value in row) for row in rows]
        return "\n".join([",".join(columns), *lines]) + "\n"


def read_correlators(path: str | os.PathLike[str]) -> Correlators:
    """Read the correlators of a normalization (training jets) or of a correlator file (all jets).

    A normalization holds ``enc/{N}/sum``, ``sum2`` and ``cross`` [bins + 2], sums over jets of the
    jet's weight h_N in a bin, of h_N^2 and of h_N h_2, with underflow (contact terms) first and
    overflow last; ``edges`` [bins + 1]; and the attribute ``n_jets``. A correlator file holds the
    same as ``all/enc``, ``enc_squares``, ``enc_cross`` [orders, bins + 2].

    Raises
    ------
    InputError
        If one of them is missing or of the wrong size.
    """
    with reading_h5(path) as file:
        single = file.attrs.get("kind") == "correlators"
        group = file["all"] if single else file
        if "edges" not in file or ("enc" if single else "enc/2/sum") not in group:
            name = "edges" if "edges" not in file else "enc/2/sum"
            raise InputError(
                path, name, found="no such dataset", expected="a normalization or correlator file"
            )
        n_jets = int(group.attrs.get("n_jets", 0))
        if n_jets < 1:
            raise InputError(path, "attribute n_jets", found=str(n_jets), expected="at least 1")
        edges = file["edges"][()].astype(np.float64)
        if single:
            orders = json.loads(file.attrs["settings"])["orders"]
            names: dict[int, list[tuple[str, Any]]]
            names = {n: [(f"enc{s}", row) for s in _SUMS] for row, n in enumerate(orders)}
        else:
            orders = sorted(int(name) for name in file["enc"])
            names = {n: [(f"enc/{n}/{s}", ()) for s in ("sum", "sum2", "cross")] for n in orders}
        means: dict[int, list[NDArray[np.float64]]] = {}
        for order, columns in names.items():
            means[order] = []
            for name, row in columns:
                values = group[name][row] if name in group else None
                if values is None or values.shape != (len(edges) + 1,):
                    found = "no such dataset" if values is None else str(values.shape)
                    raise InputError(path, name, found=found, expected=f"shape ({len(edges) + 1},)")
                means[order].append(values[1:-1] / n_jets)
    # variances and covariances of means; one jet tells none
    free = max(n_jets - 1, 1)
    return Correlators(
        edges,
        mean={n: columns[0] for n, columns in means.items()},
        error={n: np.sqrt(np.maximum(c[1] - c[0] ** 2, 0.0) / free) for n, c in means.items()},
        covariance={n: (c[2] - c[0] * means[2][0]) / free for n, c in means.items()},
        n_jets=n_jets,
        jets="jets" if single else "training jets",
    )


def draw_correlators(correlators: Correlators, title: str = "") -> Figure:
    """Draw all orders and their ratios to E2C."""
    figure, (main, ratio) = plt.subplots(
        2, 1, figsize=(7.5, 7.2), sharex=True, height_ratios=(2, 1.2), layout="constrained"
    )
    edges = correlators.edges
    peak = 0.0
    for order, colour, line in zip(correlators.mean, COLOURS, _LINES, strict=False):
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
    ratios = [correlators.ratio(order)[0][drawn] for order in correlators.mean if order != 2]
    finite = np.concatenate([values[np.isfinite(values)] for values in ratios] or [np.ones(1)])
    if len(finite) == 0:
        return
    top = max(float(np.quantile(finite, 0.99)), 1.0)
    axis.set_ylim(0, 1.15 * top)


def plot_correlators(
    normalization: str | os.PathLike[str],
    output: str | os.PathLike[str],
    output_pdf: str | os.PathLike[str] | None,
    config: Mapping[str, Any],
    title: str = "",
) -> None:
    """Draw the correlators of one model's training jets.

    Parameters
    ----------
    normalization : path-like
        What ``hypervae normalize`` wrote; see `read_correlators`.
    output, output_pdf : path-like
        The figure as PNG and PDF.
    config : mapping
        The section ``plot``.
    title : str
    """
    correlators = read_correlators(normalization)
    with figure_style(config):
        save(draw_correlators(correlators, title), config["dpi"], output, output_pdf)

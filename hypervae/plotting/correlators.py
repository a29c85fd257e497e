"""Projected energy correlators of the training jets, and their ratios to E2C."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.data.shard import open_h5
from hypervae.errors import InputError
from hypervae.plotting.style import COLOURS, figure_style, save

# Decades below the maximum that the axis shows: the bins of smallest R_L hold next to nothing.
_DECADES = 3.5
_LINES = ("-", "--", "-.", ":", (0, (5, 1)))


@dataclass
class Correlators:
    """Correlators per jet.

    Parameters
    ----------
    edges : [bins + 1]
        Of R_L.
    mean, error : dict of int to [bins]
        By order N: the mean over jets of the weight in each bin, and its statistical error.
    n_jets : int
    """

    edges: NDArray[np.float64]
    mean: dict[int, NDArray[np.float64]]
    error: dict[int, NDArray[np.float64]]
    n_jets: int

    def density(self, order: int) -> tuple[NDArray, NDArray]:
        """ENC per unit of ln R_L, and its error."""
        width = np.diff(np.log(self.edges))
        return self.mean[order] / width, self.error[order] / width

    def ratio(self, order: int) -> tuple[NDArray, NDArray]:
        """ENC over E2C, and its error as if the two were independent; NaN where E2C is 0.

        They are of the same jets and fluctuate together, so that the error is an upper bound.
        """
        filled = (self.mean[2] > 0) & (self.mean[order] > 0)
        below = np.where(filled, self.mean[2], np.nan)
        above = np.where(filled, self.mean[order], np.nan)
        relative = np.hypot(self.error[order] / above, self.error[2] / below)
        return above / below, above / below * relative


def read_correlators(path: str | os.PathLike[str]) -> Correlators:
    """Read the correlators of a normalization file.

    The file holds ``enc/{N}/sum`` and ``enc/{N}/sum2`` [bins + 2], sums over jets of the jet's
    weight in a bin and of its square, with underflow (contact terms) first and overflow last;
    ``edges`` [bins + 1]; and the attribute ``n_jets``.

    Raises
    ------
    InputError
        If one of them is missing or of the wrong size.
    """
    with open_h5(path) as file:
        for name in ("edges", "enc/2/sum"):
            if name not in file:
                raise InputError(
                    path, name, found="no such dataset", expected="a normalization file"
                )
        n_jets = int(file.attrs.get("n_jets", 0))
        if n_jets < 1:
            raise InputError(path, "attribute n_jets", found=str(n_jets), expected="at least 1")
        edges = file["edges"][()].astype(np.float64)
        mean, error = {}, {}
        for order in sorted(int(name) for name in file["enc"]):
            sums = []
            for name in (f"enc/{order}/sum", f"enc/{order}/sum2"):
                if name not in file or file[name].shape != (len(edges) + 1,):
                    found = str(file[name].shape) if name in file else "no such dataset"
                    raise InputError(path, name, found=found, expected=f"shape ({len(edges) + 1},)")
                sums.append(file[name][1:-1] / n_jets)
            mean[order] = sums[0]
            # The variance of a mean; one jet tells none.
            variance = np.maximum(sums[1] - sums[0] ** 2, 0.0)
            error[order] = np.sqrt(variance / max(n_jets - 1, 1))
    return Correlators(edges, mean, error, n_jets)


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
    main.legend(loc="best", title=f"{correlators.n_jets:,} training jets")
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
    line: str | tuple,
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

"""Projected energy correlators of the training jets, and their ratios to E2C."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.formats.correlator_curves import Correlators
from hypervae.plotting.style import COLOURS

#: Decades below the maximum that the axis shows: the bins of smallest R_L hold next to nothing.
DECADES = 3.5
_LINES: tuple[str | tuple[Any, ...], ...] = ("-", "--", "-.", ":", (0, (5, 1)))


def draw_correlators(correlators: Correlators, title: str = "") -> Figure:
    """Draw all orders and their ratios to E2C.

    Parameters
    ----------
    correlators : Correlators
        What to draw.
    title : str
        Whose jets, above the figure.

    Returns
    -------
    Figure
    """
    figure, (main, ratio) = plt.subplots(
        2, 1, figsize=(7.5, 7.2), sharex=True, height_ratios=(2, 1.2), layout="constrained"
    )
    edges = correlators.edges
    peak = 0.0
    for order, colour, line in zip(correlators.means.orders, COLOURS, _LINES, strict=False):
        values, errors = correlators.density(order)
        peak = max(peak, values.max())
        draw_curve(main, edges, values, errors, colour, line, f"E{order}C")
        if order != 2:
            draw_curve(ratio, edges, *correlators.ratio(order), colour, line, f"E{order}C / E2C")
    main.set_xscale("log")
    main.set_yscale("log")
    if peak > 0:
        main.set_ylim(peak * 10**-DECADES, peak * 3)
    drawn = np.flatnonzero(correlators.density(2)[0] > peak * 10**-DECADES)
    if len(drawn):
        main.set_xlim(edges[drawn[0]], edges[drawn[-1] + 1])
    main.set_ylabel(r"$\mathrm{d\,ENC}\,/\,\mathrm{d}\,\ln R_L$ per jet")
    main.legend(loc="best", title=f"{correlators.n_jets:,} {correlators.jets}")
    ratio.axhline(1.0, color=COLOURS[0], linewidth=1.2)
    ratio.set_ylabel("ENC / E2C")
    ratio.set_xlabel(r"$R_L$")
    _fit_ratio(ratio, correlators, drawn)
    what = f"energy correlators of {correlators.jets}"
    figure.suptitle(f"{title}: {what}" if title else what, x=0.02, ha="left")
    return figure


def draw_curve(
    axis: Axes,
    edges: NDArray,
    values: NDArray,
    errors: NDArray,
    colour: str,
    line: str | tuple[Any, ...],
    label: str,
) -> None:
    """Draw a curve of bins with a band of its errors.

    Parameters
    ----------
    axis : Axes
    edges : [bins + 1]
    values, errors : [bins]
    colour : str
    line : str or tuple
        Style of the line.
    label : str
        For the legend.
    """
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

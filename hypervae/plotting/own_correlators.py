"""Energy correlators of jets in memory: one sample, or one beside another."""

from __future__ import annotations

import os

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.arguments import FIGURE_SUFFIXES, file_to_write
from hypervae.config import PlotConfig
from hypervae.formats.correlator_curves import Correlators
from hypervae.plotting.correlators import DECADES, draw_correlators, draw_curve
from hypervae.plotting.style import COLOURS, figure_style, save

# Drawn for people, by no rule.
DECIDES_RESULTS_OF = ()


def draw_own_correlators(
    correlators: Correlators,
    reference: Correlators | None = None,
    path: str | os.PathLike[str] | None = None,
    title: str = "",
) -> Figure:
    """Draw all orders of one sample, or of two.

    Parameters
    ----------
    correlators : Correlators
    reference : Correlators, optional
        Of the same orders, in the same bins.
    path : path-like, optional
        Where to write the figure too.
    title : str

    Returns
    -------
    Figure
        Closed, so that a notebook shows it once.

    Raises
    ------
    ArgumentError
        If the suffix of the path is none of a figure.
    """
    if path is not None:
        file_to_write("path", path, FIGURE_SUFFIXES)
    config = PlotConfig()
    with figure_style(config):
        if reference is None:
            figure = draw_correlators(correlators, title)
        else:
            figure = _draw_both(correlators, reference, title)
        save(figure, config.dpi, path)
    return figure


def _draw_both(correlators: Correlators, reference: Correlators, title: str) -> Figure:
    """ENC of both above, their ratio below."""
    figure, (main, below) = plt.subplots(
        2, 1, figsize=(7.5, 7.2), sharex=True, height_ratios=(2, 1.2), layout="constrained"
    )
    edges, peak = correlators.edges, 0.0
    for order, colour in zip(correlators.means.orders, COLOURS, strict=False):
        (made, error), (true, true_error) = (
            curves.density(order) for curves in (correlators, reference)
        )
        peak = max(peak, made.max(), true.max())
        label = f"E{order}C of {correlators.n_jets:,} {correlators.jets}"
        draw_curve(main, edges, made, error, colour, "-", label)
        label = f"E{order}C of {reference.n_jets:,} {reference.jets} (reference)"
        draw_curve(main, edges, true, true_error, colour, "--", label)
        draw_curve(below, edges, *_quotient(made, error, true, true_error), colour, "-", "")
    main.set_xscale("log")
    main.set_yscale("log")
    if peak > 0:
        main.set_ylim(peak * 10**-DECADES, peak * 3)
    main.set_ylabel(r"$\mathrm{d\,ENC}\,/\,\mathrm{d}\,\ln R_L$ per jet")
    main.legend(loc="best", fontsize="small")
    below.axhline(1.0, color="0.4", linewidth=1.0)
    below.set_ylim(0, 2)
    below.set_ylabel("ratio to reference")
    below.set_xlabel(r"$R_L$")
    figure.suptitle(title, x=0.02, ha="left")
    return figure


def _quotient(
    made: NDArray[np.float64],
    error: NDArray[np.float64],
    true: NDArray[np.float64],
    true_error: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The quotient of two independent samples, and its error; NaN where one of the two is 0."""
    made, true = (np.where(side > 0, side, np.nan) for side in (made, true))
    quotient = made / true
    return quotient, quotient * np.hypot(error / made, true_error / true)

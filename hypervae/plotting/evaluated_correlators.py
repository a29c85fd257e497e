"""Energy correlators of generated, test and training jets, and their ratios to E2C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.formats.evaluation import EvaluatedCorrelators
from hypervae.plotting.overlay import (
    Curve,
    distance_text,
    draw_empty_panel,
    draw_header,
    draw_overlay,
    figure_title,
    fit_height,
    log_axis,
    panel_page,
    panel_pair,
    set_metric,
)

# Decades below the maximum that are shown: the bins of smallest R_L hold next to nothing.
_DECADES = 4.0
# A ratio of bins known to no better than this says nothing.
_LARGEST_ERROR = 0.5


def draw_evaluated_correlators(
    correlators: EvaluatedCorrelators | None, results: Mapping[str, Any]
) -> Figure:
    """Draw ENC of each order, and each over E2C.

    Parameters
    ----------
    correlators : EvaluatedCorrelators or None
        None gives a figure that says so.
    results : mapping
        Of the evaluation.

    Returns
    -------
    Figure
    """
    if correlators is None or not {"test", "generated"} <= correlators.mean.keys():
        figure, axis = plt.subplots(figsize=(13.0, 2.5))
        draw_empty_panel(axis, None, "energy correlators: not in the evaluation")
        figure.suptitle(figure_title(results), x=0.125, ha="left")
        return figure
    figure, grid = panel_page(6)
    metrics, compared = results["metrics"], results["sizes"]["compared"]
    widths = np.diff(np.log(correlators.edges))
    first, last = _shown(correlators)
    edges = correlators.edges[first : last + 1]
    ratios = 0
    for row, order in enumerate(correlators.orders):
        mean = _curves(correlators.mean, correlators.error, row, first, last, widths)
        main, ratio = panel_pair(figure, grid[0, row])
        _draw(main, ratio, edges, mean, log=True)
        main.set_ylabel(rf"dE{order}C$\,/\,$d$\,\ln R_L$ per jet")
        text = distance_text(metrics.get(f"w1_e{order}c"), compared, r"$W_1(\ln R_L)$")
        set_metric(main, text)
        if order == 2:
            continue
        over = _curves(correlators.ratio, correlators.ratio_error, row, first, last)
        main, ratio = panel_pair(figure, grid[1, ratios])
        _draw(main, ratio, edges, over, log=False)
        main.set_ylabel(f"E{order}C / E2C")
        deviation = metrics.get(f"deviation_e{order}c_e2c")
        text = distance_text(deviation, compared, "|ratio − 1|")
        set_metric(main, text)
        ratios += 1
    _tell(figure.add_subplot(grid[1, 2]), correlators, metrics, compared)
    draw_header(figure, results, dict.fromkeys(correlators.mean, compared))
    return figure


def _shown(correlators: EvaluatedCorrelators) -> tuple[int, int]:
    """First and last bin + 1 that hold enough of the test jets' E2C to be shown."""
    values = np.nan_to_num(correlators.mean["test"][0])
    filled = np.flatnonzero(values > values.max() * 10**-_DECADES)
    return (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, len(values))


def _curves(
    values: Mapping[str, NDArray],
    errors: Mapping[str, NDArray],
    row: int,
    first: int,
    last: int,
    widths: NDArray | None = None,
) -> dict[str, Curve]:
    """Of each sample, within the bins that are shown; empty bins are missing ones."""
    found = {}
    for name in values:
        value, error = values[name][row], errors[name][row]
        if widths is not None:
            value, error = value / widths, error / widths
        value = np.where(value > 0, value, np.nan)
        found[name] = Curve(value[first:last], error[first:last])
    return found


def _draw(
    main: Axes, ratio: Axes, edges: NDArray, curves: Mapping[str, Curve], *, log: bool
) -> None:
    truth = curves["test"]
    with np.errstate(invalid="ignore"):
        enough = truth.error < _LARGEST_ERROR * truth.values
    draw_overlay(main, ratio, edges, curves, enough)
    # Ratios to E2C fluctuate without bound where both are nearly empty.
    known = {
        name: Curve(np.where(enough, curve.values, np.nan), curve.error)
        for name, curve in curves.items()
    }
    fit_height(main, curves if log else known, log)
    log_axis(ratio.xaxis)
    ratio.set_xlabel(r"$R_L$")


def _tell(
    axis: Axes, correlators: EvaluatedCorrelators, metrics: Mapping[str, Any], compared: int
) -> None:
    """The remaining numbers, in the place of a panel."""
    lines = [
        f"{compared:,} jets of each sample",
        "",
        "mean of |generated / test − 1|,",
        "weighted with the correlator:",
    ]
    for order in correlators.orders:
        metric = metrics.get(f"deviation_e{order}c")
        if metric is None:
            lines.append(f"E{order}C  not computed")
            continue
        lines += [
            f"E{order}C  {metric['value']:.3f} ± {metric['error']:.3f}"
            f"  (floor {metric['floor']:.3f} ± {metric['floor_error']:.3f})"
        ]
    lines += [
        "",
        "Ratios are left out where the test jets know",
        "the correlator to no better than 50 %.",
    ]
    axis.text(0.0, 0.95, "\n".join(lines), transform=axis.transAxes, va="top", linespacing=1.6)
    axis.set_axis_off()

"""One panel of an overlay: generated, test and training jets as histograms, and their ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter
from numpy.typing import NDArray

from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.style import GENERATED, TRAINING, TRUTH, TRUTH_FILL

# Panels in a row; the page from top to bottom [inches]: title, each row, labels.
_COLUMNS = 3
_HEAD, _ROW, _FOOT = 0.924, 3.652, 0.572
_RATIO_RANGE = (0.0, 2.0)
_COLOURS = {"train": TRAINING, "generated": GENERATED}


class Curve(NamedTuple):
    """A histogram [bins] with its statistical error; NaN where it is missing."""

    values: NDArray[np.float64]
    error: NDArray[np.float64]


def panel_page(panels: int) -> tuple[Figure, GridSpec]:
    """A page with room for panels, three in a row, as high as it takes.

    Parameters
    ----------
    panels : int

    Returns
    -------
    figure : Figure
    grid : GridSpec
        [rows, 3]
    """
    rows = max(-(-panels // _COLUMNS), 1)
    height = _HEAD + rows * _ROW + _FOOT
    figure = plt.figure(figsize=(13.0, height))
    grid = figure.add_gridspec(
        rows,
        _COLUMNS,
        left=0.07,
        right=0.99,
        top=1 - _HEAD / height,
        bottom=_FOOT / height,
        hspace=0.32,
        wspace=0.27,
    )
    return figure, grid


def panel_pair(figure: Figure, place: SubplotSpec) -> tuple[Axes, Axes]:
    """An axis and, below it, one for the ratios.

    Parameters
    ----------
    figure : Figure
    place : SubplotSpec
        Where both go.

    Returns
    -------
    main, ratio : Axes
    """
    pair = place.subgridspec(2, 1, height_ratios=(2.3, 1), hspace=0.06)
    main = figure.add_subplot(pair[0])
    ratio = figure.add_subplot(pair[1], sharex=main)
    main.tick_params(labelbottom=False)
    # Mathtext in every label of linear axes, and empty labels at minor ticks, take seconds a page.
    for axis in (main.yaxis, ratio.xaxis, ratio.yaxis):
        axis.set_major_formatter(plain_numbers())
        axis.set_minor_formatter(NullFormatter())
    return main, ratio


def plain_numbers() -> ScalarFormatter:
    """Numbers without a common power of ten above the axis, where the metric stands.

    Returns
    -------
    ScalarFormatter
    """
    formatter = ScalarFormatter(useOffset=False, useMathText=False)
    formatter.set_powerlimits((-5, 6))
    return formatter


def log_axis(axis: Axis) -> None:
    """A logarithmic axis whose minor ticks have no labels.

    Parameters
    ----------
    axis : Axis
        Of x or y.
    """
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    axis.set_minor_formatter(NullFormatter())


def set_metric(axis: Axes, text: str) -> None:
    """Write a metric above a panel (a fixed place: matplotlib takes long to find one).

    Parameters
    ----------
    axis : Axes
        The panel.
    text : str
        The metric with its value.
    """
    axis.set_title(text, loc="right", fontsize=9, y=1.01)


def draw_overlay(
    main: Axes,
    ratio: Axes,
    edges: NDArray[np.float64],
    curves: Mapping[str, Curve],
    enough: NDArray[np.bool_],
) -> None:
    """Draw histograms and the ratios of generated and training jets to test jets.

    Parameters
    ----------
    main, ratio : Axes
    edges : [bins + 1]
    curves : mapping of str to Curve
        ``test``, ``generated`` and, where there are any, ``train``.
    enough : [bins] bool
        Where the test jets are enough for a ratio.
    """
    truth = curves["test"]
    main.stairs(np.nan_to_num(truth.values), edges, fill=True, color=TRUTH_FILL, zorder=1)
    main.stairs(truth.values, edges, baseline=None, color=TRUTH, linewidth=1.2, zorder=2)
    _band(main, edges, truth, TRUTH)
    enough = enough & (truth.values > 0)
    safe = np.where(enough, truth.values, 1.0)
    _band(ratio, edges, Curve(np.where(enough, 1.0, np.nan), truth.error / safe), TRUTH)
    ratio.axhline(1.0, color=TRUTH, linewidth=1.0)
    for name, colour in _COLOURS.items():
        if name not in curves:
            continue
        curve = curves[name]
        quotient = Curve(np.where(enough, curve.values / safe, np.nan), curve.error / safe)
        real = name == "train"
        style: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.0 if real else 1.5,
            "zorder": 3 if real else 4,
        }
        for axis, drawn in ((main, curve), (ratio, quotient)):
            axis.stairs(drawn.values, edges, baseline=None, **style)
            if not real or axis is ratio:
                _band(axis, edges, drawn, colour)
        _mark_beyond(ratio, edges, quotient.values, colour)
    ratio.set_ylim(*_RATIO_RANGE)
    ratio.set_xlim(edges[0], edges[-1])
    ratio.set_yticks([0.5, 1.0, 1.5])
    ratio.yaxis.set_minor_locator(NullLocator())
    ratio.set_ylabel("ratio to test", fontsize=9.5)
    for axis in (main, ratio):
        axis.yaxis.set_label_coords(-0.16, 0.5)


def fit_height(axis: Axes, curves: Mapping[str, Curve], log: bool, room: float = 1.25) -> None:
    """A vertical axis that holds all curves, with `room` above them for text.

    Parameters
    ----------
    axis : Axes
        The panel.
    curves : mapping of str to Curve
        By sample.
    log : bool
        Whether it is logarithmic.
    room : float
        Height in units of the highest curve's.
    """
    tops = np.concatenate([curve.values + curve.error for curve in curves.values()])
    values = np.concatenate([curve.values for curve in curves.values()])
    values = values[np.isfinite(values) & (values > 0)]
    if len(values) == 0:
        return
    top = float(np.nanmax(tops[np.isfinite(tops)]))
    if not log:
        axis.set_ylim(0, room * top)
        return
    log_axis(axis.yaxis)
    low = float(values.min()) * 0.5
    # of the logarithmic height, as much room as of a linear one
    axis.set_ylim(low, top * (top / low) ** (room - 1))


def draw_empty_panel(main: Axes, ratio: Axes | None, what: str) -> None:
    """An empty panel that says why it is empty.

    Parameters
    ----------
    main : Axes
        The panel.
    ratio : Axes, optional
        The one below, if there is one.
    what : str
        The reason.
    """
    main.text(0.5, 0.5, what, transform=main.transAxes, ha="center", va="center", color="#777777")
    for axis in (main, ratio):
        if axis is not None:
            axis.set_xticks([])
            axis.set_yticks([])
            axis.minorticks_off()


def draw_header(figure: Figure, results: Mapping[str, Any], samples: Mapping[str, int]) -> None:
    """Title and legend above the panels.

    Parameters
    ----------
    figure : Figure
    results : mapping
        Of the evaluation.
    samples : mapping of str to int
        Numbers of jets.
    """
    words = {name: f" ({count:,})" for name, count in samples.items()}
    words["test"] = f" ({samples['test']:,} jets)"
    sample_legend(figure, figure_title(results), words)


def sample_legend(figure: Figure, title: str, words: Mapping[str, str]) -> None:
    """A title and a legend of the samples above the panels.

    Parameters
    ----------
    figure : Figure
    title : str
    words : mapping of str to str
        What stands after the name of each sample.
    """
    figure.suptitle(title, x=0.07, y=0.975, ha="left")
    handles = [
        Patch(facecolor=TRUTH_FILL, edgecolor=TRUTH, label=f"test{words['test']}"),
        Line2D([], [], color=GENERATED, label=f"generated{words['generated']}"),
    ]
    if "train" in words:
        label = f"train{words['train']}"
        handles.append(Line2D([], [], color=TRAINING, linewidth=1.2, label=label))
    handles.append(Patch(facecolor="#888888", alpha=0.4, label="statistical errors"))
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(0.992, 0.99), ncols=4, columnspacing=1.2
    )


def figure_title(results: Mapping[str, Any]) -> str:
    """Which jets a figure shows.

    Parameters
    ----------
    results : mapping
        Of the evaluation.

    Returns
    -------
    str
    """
    jet_type = results["jet_type"]
    model = f"model {results['model']}, " if results.get("model") else ""
    return f"{model}{JET_NAMES.get(jet_type, jet_type)} jets"


def distance_text(metric: Mapping[str, Any] | None, jets: int, name: str = "$W_1$") -> str:
    """A metric of so many jets with its error and its floor, rounded to the error; "" without.

    Parameters
    ----------
    metric : mapping, optional
        As the evaluation writes it; None where there is none.
    jets : int
        Of the samples it is of.
    name : str
        What it is called.

    Returns
    -------
    str
    """
    if metric is None:
        return ""
    error = max(metric["error"], metric["floor_error"])
    digits = 4
    if error > 0 and np.isfinite(error):
        digits = min(max(0, 1 - int(np.floor(np.log10(error)))), 6)
    unit = f" {metric['unit']}" if metric.get("unit", "1") != "1" else ""
    return (
        f"{name} = {metric['value']:.{digits}f} ± {metric['error']:.{digits}f}{unit}"
        f" (floor {metric['floor']:.{digits}f} ± {metric['floor_error']:.{digits}f}), {jets:,} jets"
    )


def _band(axis: Axes, edges: NDArray, curve: Curve, colour: str) -> None:
    axis.stairs(
        curve.values + curve.error,
        edges,
        baseline=np.nan_to_num(curve.values - curve.error),
        fill=True,
        color=colour,
        alpha=0.25,
        linewidth=0,
        zorder=3,
    )


def _mark_beyond(axis: Axes, edges: NDArray, quotient: NDArray, colour: str) -> None:
    """Triangles at the upper edge for ratios that lie above it."""
    # on a logarithmic axis too, near enough to the middle of a bin
    centres = (edges[1:] + edges[:-1]) / 2
    beyond = quotient > _RATIO_RANGE[1]
    y = np.full(beyond.sum(), _RATIO_RANGE[1] * 0.94)
    axis.plot(centres[beyond], y, marker="^", linestyle="", color=colour, markersize=3.5)

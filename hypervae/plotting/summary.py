"""All metrics of all models in one figure, in units of the truth floor."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hypervae.config import PlotConfig
from hypervae.formats.evaluation import read_results, results_files
from hypervae.io import write_text
from hypervae.io.guarded import guarded
from hypervae.plotting.captions import EVERYTHING, caption
from hypervae.plotting.metrics import columns, in_floors, label
from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.page import write_page
from hypervae.plotting.style import COLOURS, MARKERS, figure_style, save
from hypervae.plotting.table import html_table, table_rows, write_table

_TITLES = {
    "standard": "standard metrics and correlators",
    "w1": "$W_1$ of whole samples",
    "overlap": "1 − histogram overlap",
}
_LABEL = "distance from the ideal / that of the truth floor  (1: as good as real jets)"
# Of 12 points, with a margin for wide ones.
_LETTERS_PER_INCH = 10
# An axis shows at least this much, and no more: one huge number would hide all others.
_LEAST, _MOST = (0.4, 3.0), (0.05, 1e5)
# Beyond it, ticks at the powers of ten are enough.
_WIDE = 200.0


def draw_summary(results: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw metrics in units of the truth floor: a line a metric, a marker a model and jet type.

    Parameters
    ----------
    results : sequence of mapping
        Of each evaluation.

    Returns
    -------
    Figure
    """
    groups = columns(
        name for result in results for name in (*result["metrics"], *result.get("unavailable", ()))
    )
    rows, width = max(map(len, groups.values()), default=1), 4.9 * max(len(groups), 1)
    handles = _legend(results)
    labels = [str(handle.get_label()) for handle in handles]
    ncols = _legend_columns(labels, width)
    # in lines that a figure of one column holds, too
    lines = textwrap.wrap(_LABEL, int(_LETTERS_PER_INCH * width))
    height = 1.7 + rows * max(0.32, 0.12 * len(results))
    height += 0.25 * (-(-len(labels) // ncols) + len(lines) - 1)
    figure, axes = plt.subplots(
        1, max(len(groups), 1), figsize=(width, height), squeeze=False, layout="constrained"
    )
    for axis, (column, names) in zip(axes.flat, groups.items(), strict=False):
        _draw_column(axis, names, results)
        # all columns have lines of one height
        axis.set_ylim(len(names) - 0.5 - rows, len(names) - 0.5)
        axis.set_title(_TITLES[column], fontsize=11)
    figure.legend(handles=handles, loc="outside upper center", ncols=ncols)
    figure.supxlabel("\n".join(lines), fontsize=12)
    return figure


def _legend(results: Sequence[Mapping[str, Any]]) -> list[Line2D]:
    """What the marks stand for: each evaluation, then what they have in common."""
    grey: dict[str, Any] = {"linestyle": "", "color": "#555555"}
    return [
        *(
            Line2D([], [], linestyle="", color=colour, marker=marker, label=_name(result))
            for result, (colour, marker) in zip(results, _looks(len(results)), strict=True)
        ),
        Line2D([], [], color="#333333", label="truth floor"),
        Line2D(
            [], [], marker="o", markerfacecolor="none", label="floor 0 within its error", **grey
        ),
        Line2D([], [], marker="$←$", markersize=9, label="0 or less, or off the axis", **grey),
        Line2D([], [], marker="x", label="unavailable", **grey),
    ]


def _name(result: Mapping[str, Any]) -> str:
    model, jet_type = result.get("model"), result["jet_type"]
    jets = f"{JET_NAMES.get(jet_type, jet_type)} jets"
    return f"{model}: {jets}" if model else jets


def _legend_columns(labels: list[str], width: float) -> int:
    """The most columns in which labels fit a width [inches]; legends fill column by column."""
    for ncols in range(len(labels), 1, -1):
        longest = (max(map(len, part)) for part in np.array_split(np.array(labels), ncols))
        if sum(0.08 * length + 0.7 for length in longest) <= width:
            return ncols
    return 1


def _looks(n: int) -> list[tuple[str, str]]:
    """Colour and marker of each of `n` sets of results, different as long as there are any."""
    several = len(COLOURS)
    return [(COLOURS[i % several], MARKERS[(i + i // several) % len(MARKERS)]) for i in range(n)]


def _draw_column(axis: Axes, names: Sequence[str], results: Sequence[Mapping[str, Any]]) -> None:
    points = [
        [_point(name, result) for result in results] for name in names
    ]  # of each metric and model
    low, high = _range(points)
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    if high / low < _WIDE:  # of one power of ten alone an axis cannot be read
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    # for marks at the edge: across in parts of the axis
    margin = axis.get_yaxis_transform()
    offsets = np.linspace(0.3, -0.3, len(results)) if len(results) > 1 else [0.0]
    for row, (name, line) in enumerate(zip(names, points, strict=True)):
        for point, result, offset, (colour, marker) in zip(
            line, results, offsets, _looks(len(results)), strict=True
        ):
            y = len(names) - 1 - row + offset
            if point is None:
                if name in result.get("unavailable", ()) or name in result["metrics"]:
                    axis.plot(0.03, y, marker="x", color=colour, markersize=5, transform=margin)
                continue
            if not low < point.value < high:
                arrow, x = ("$←$", 0.03) if point.value <= low else ("$→$", 0.97)
                axis.plot(x, y, marker=arrow, color=colour, markersize=8, transform=margin)
                continue
            ends = (max(point.value - point.error, low), min(point.value + point.error, high))
            axis.plot(ends, (y, y), color=colour, linewidth=1.2)
            fill = colour if point.clear else "white"
            axis.plot(point.value, y, marker=marker, color=colour, markerfacecolor=fill)
    axis.axvline(1.0, color="#333333", linewidth=1.2, zorder=1)
    axis.set_yticks(range(len(names)), [label(name) for name in reversed(names)])
    axis.tick_params(axis="y", which="both", length=0)
    axis.yaxis.minorticks_off()
    for row in range(0, len(names), 2):
        axis.axhspan(row - 0.5, row + 0.5, color="#F3F3F3", zorder=0)


def _point(name: str, result: Mapping[str, Any]) -> Any:
    metric = result["metrics"].get(name)
    return None if metric is None else in_floors(name, metric)


def _range(points: Sequence[Sequence[Any]]) -> tuple[float, float]:
    """A logarithmic axis that holds the values that can stand on one."""
    values = [point.value for line in points for point in line if point and point.value > 0]
    low = min([_LEAST[0], *values]) / 1.5
    high = max([_LEAST[1], *values]) * 1.7
    return max(low, _MOST[0]), min(high, _MOST[1])


@guarded(
    reads=(("results", results_files),), writes=("table", "html", "output", "output_pdf", "page")
)
def plot_summary(
    results: Sequence[str | os.PathLike[str]],
    table: str | os.PathLike[str],
    html: str | os.PathLike[str] | None,
    output: str | os.PathLike[str],
    output_pdf: str | os.PathLike[str] | None,
    config: PlotConfig,
    page: str | os.PathLike[str] | None = None,
) -> None:
    """Draw and tabulate the results of many evaluations.

    Parameters
    ----------
    results : sequence of path-like
        See `hypervae.formats.evaluation.read_results`.
    table : path-like
        All numbers (CSV).
    html : path-like, optional
        The same for people, beside published results.
    output, output_pdf : path-like
        The figure as PNG and PDF.
    config : PlotConfig
    page : path-like, optional
        The figure with its caption (HTML).
    """
    read = read_results(results)
    write_table(table, table_rows(read))
    if html is not None:
        write_text(html, html_table(read))
    with figure_style(config):
        save(draw_summary(read), config.dpi, output, output_pdf)
    if page is not None:
        write_page(page, "all metrics in floors", output, caption("summary", EVERYTHING))

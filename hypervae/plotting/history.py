"""Training curves: each term of the loss over the epochs, in training and in validation."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.errors import InputError
from hypervae.plotting.style import COLOURS, figure_style, panel_grid, save

# Columns that say when, not how well.
_CLOCKS = ("epoch", "step")
_SIDES = {"train": ("training", COLOURS[0], "-"), "val": ("validation", COLOURS[1], "--")}
_BEST = {"marker": "*", "color": COLOURS[1], "markersize": 11, "linestyle": ""}
# A quantity that spans more than this factor is drawn on a log axis.
_LOG_SPAN = 20.0


def read_history(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float64]]:
    """Read ``history.csv``: a row an epoch, empty cells as NaN; columns of text are skipped.

    Raises
    ------
    InputError
        If the file is missing or empty, or has no column ``epoch``.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "file", found=str(error), expected="a CSV file") from error
    if not rows or "epoch" not in rows[0]:
        found = "no rows" if not rows else "columns " + ", ".join(map(str, rows[0]))
        raise InputError(path, "history", found=found, expected="a column 'epoch' and a row")
    columns = {}
    for name in rows[0]:
        try:
            columns[name] = np.array([float(row[name] or "nan") for row in rows])
        except (TypeError, ValueError):
            if name == "epoch":
                raise InputError(path, name, found="text", expected="numbers") from None
    return columns


def panels_of(columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Which columns share a panel: ``train_x`` and ``val_x`` do, every other one stands alone.

    Returns
    -------
    dict of str to dict
        By quantity, the total first, then in the order of the columns: the column of each side
        (``train``, ``val``; ``""`` for a column that has none).
    """
    panels: dict[str, dict[str, str]] = {}
    for column in columns:
        if column in _CLOCKS:
            continue
        side, _, quantity = column.partition("_")
        if side not in _SIDES or not quantity:
            side, quantity = "", column
        panels.setdefault(quantity, {})[side] = column
    # Losses first, the total before its terms; settings such as the learning rate last.
    order = sorted(panels, key=lambda name: (name != "total", "" in panels[name]))
    return {name: panels[name] for name in order}


def draw_history(columns: Mapping[str, NDArray], title: str = "") -> Figure:
    """Draw the columns of a history."""
    panels = panels_of([name for name in columns if np.isfinite(columns[name]).any()])
    figure, axes = panel_grid(max(len(panels), 1), 3, (4.0, 2.9))
    epochs = columns["epoch"]
    for axis, (quantity, sides) in zip(axes, panels.items(), strict=False):
        _draw_panel(axis, quantity, {side: columns[name] for side, name in sides.items()}, epochs)
    handles = [
        axes[0].plot([], [], color=colour, linestyle=line, label=label)[0]
        for label, colour, line in _SIDES.values()
    ]
    if "val_total" in columns:
        handles += axes[0].plot([], [], label="lowest validation total", **_BEST)
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _draw_panel(axis: Axes, quantity: str, curves: Mapping[str, NDArray], epochs: NDArray) -> None:
    for side, values in curves.items():
        _, colour, line = _SIDES.get(side, ("", "#333333", "-"))
        # One epoch is a point, which a line would not show.
        axis.plot(
            epochs, values, color=colour, linestyle=line, marker="." if len(epochs) < 2 else ""
        )
    values = np.concatenate(list(curves.values()))
    values = values[np.isfinite(values)]
    if values.min() > 0 and values.max() / values.min() > _LOG_SPAN:
        axis.set_yscale("log")
    if "val" in curves and quantity == "total" and np.isfinite(curves["val"]).any():
        best = int(np.nanargmin(curves["val"]))
        axis.plot(epochs[best], curves["val"][best], **_BEST)
    label = "KL" if quantity == "kl" else quantity.replace("_", " ")
    axis.set_title(label if "" in curves else f"{label} loss")
    axis.set_xlabel("epoch")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.25)
    if math.isclose(epochs.min(), epochs.max()):
        axis.set_xlim(epochs.min() - 1, epochs.max() + 1)


def plot_history(
    history: str | os.PathLike[str],
    output: str | os.PathLike[str],
    output_pdf: str | os.PathLike[str] | None,
    config: Mapping[str, Any],
    title: str = "",
) -> None:
    """Draw the training curves of one model.

    Parameters
    ----------
    history : path-like
        ``history.csv``: ``epoch``, ``step``, ``learning_rate``, ``train_<term>``, ``val_<term>``.
    output, output_pdf : path-like
        The figure as PNG and PDF.
    config : mapping
        The section ``plot``.
    title : str
    """
    columns = read_history(history)
    with figure_style(config):
        save(draw_history(columns, title), config["dpi"], output, output_pdf)

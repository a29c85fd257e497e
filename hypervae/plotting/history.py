"""Training curves: each term of the loss over the epochs, in training and in validation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hypervae.plotting.style import COLOURS, panel_grid

# Columns that say when, not how well.
_CLOCKS = ("epoch", "step")
# Titles of what is no term of the loss, in the order of the panels; any other column comes last.
_TITLES = {
    "w1m": "W1M of generated jets",
    "active_units": "active latent dimensions",
    "gradient_norm": "gradient norm",
    "skipped": "skipped steps",
    "learning_rate": "learning rate",
    "jets_per_s": "jets/s",
    "peak_gpu_memory_mb": "peak GPU memory [MB]",
}
# What the best epoch may be chosen by.
_MONITORS = ("total", "w1m")
_SIDES = {"train": ("training", COLOURS[0], "-"), "val": ("validation", COLOURS[1], "--")}
_BEST: dict[str, Any] = {"marker": "*", "color": COLOURS[1], "markersize": 11, "linestyle": ""}
# A quantity that spans more than this factor is drawn on a log axis.
_LOG_SPAN = 20.0


def panels_of(columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Which columns share a panel: ``train_x`` and ``val_x`` do, every other one stands alone.

    Parameters
    ----------
    columns : sequence of str
        Names of a history's columns.

    Returns
    -------
    dict of str to dict
        By quantity, the total first, then the terms of the loss in the order of the columns, then
        the rest: the column of each side (``train``, ``val``; ``""`` for a column that has none).
    """
    panels: dict[str, dict[str, str]] = {}
    for column in columns:
        if column in _CLOCKS:
            continue
        side, _, quantity = column.partition("_")
        if side not in _SIDES or not quantity:
            side, quantity = "", column
        panels.setdefault(quantity, {})[side] = column
    rank = {name: place for place, name in enumerate(_TITLES, 1)}

    def place(name: str) -> tuple[bool, int]:
        rest = len(rank) + 1 if "" in panels[name] else 0
        return name != "total", rank.get(name, rest)

    return {name: panels[name] for name in sorted(panels, key=place)}


def draw_history(columns: Mapping[str, NDArray], title: str = "") -> Figure:
    """Draw the columns of a history.

    Parameters
    ----------
    columns : mapping of str to [epochs]
        As `read_history` gives them.
    title : str
        Whose training, above the figure.

    Returns
    -------
    Figure
    """
    panels = panels_of([name for name, values in columns.items() if np.isfinite(values).any()])
    panels = {
        quantity: sides
        for quantity, sides in panels.items()
        if not _is_nothing(quantity, [columns[name] for name in sides.values()], "" not in sides)
    }
    # wider than high, so that a screen holds it
    across = max(4, math.ceil(math.sqrt(1.6 * len(panels))))
    figure, axes = panel_grid(max(len(panels), 1), across, (3.3, 2.6))
    epochs = columns["epoch"]
    for axis, (quantity, sides) in zip(axes, panels.items(), strict=False):
        _draw_panel(axis, quantity, {side: columns[name] for side, name in sides.items()}, epochs)
    handles = [
        axes[0].plot([], [], color=colour, linestyle=line, label=label)[0]
        for label, colour, line in _SIDES.values()
    ]
    if any("val" in panels.get(name, ()) for name in _MONITORS):
        handles += axes[0].plot([], [], label="lowest in validation", **_BEST)
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
    figure.suptitle(f"{title}: training" if title else "training", x=0.01, ha="left")
    return figure


def _is_nothing(quantity: str, curves: Sequence[NDArray], loss: bool) -> bool:
    """Whether there is nothing to see: terms left out of the loss, or no step that was skipped."""
    return (loss or quantity == "skipped") and not any(np.nansum(abs(values)) for values in curves)


def _draw_panel(axis: Axes, quantity: str, curves: Mapping[str, NDArray], epochs: NDArray) -> None:
    for side, values in curves.items():
        _, colour, line = _SIDES.get(side, ("", "#333333", "-"))
        # W1M is measured every few epochs: points, joined across those without.
        there = np.isfinite(values) if quantity == "w1m" else np.full(len(values), True)
        # One epoch is a point, which a line would not show.
        marker = "o" if quantity == "w1m" else "." if len(epochs) < 2 else ""
        axis.plot(epochs[there], values[there], color=colour, linestyle=line, marker=marker)
    values = np.concatenate(list(curves.values()))
    values = values[np.isfinite(values)]
    if values.min() > 0 and values.max() / values.min() > _LOG_SPAN:
        axis.set_yscale("log")
    if "val" in curves and quantity in _MONITORS:
        validation = np.where(np.isfinite(curves["val"]), curves["val"], np.inf)
        best = int(np.argmin(validation))
        axis.plot(epochs[best], curves["val"][best], **_BEST)
    axis.set_title(_title(quantity, loss="" not in curves))
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    axis.grid(alpha=0.25)
    # the same for all panels, also those of some epochs only
    margin = 0.05 * (epochs.max() - epochs.min()) or 1.0
    axis.set_xlim(epochs.min() - margin, epochs.max() + margin)


def _title(quantity: str, loss: bool) -> str:
    if quantity in _TITLES:
        return _TITLES[quantity]
    label = "KL" if quantity == "kl" else quantity.replace("_", " ")
    return f"{label} loss" if loss else label

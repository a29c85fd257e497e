"""Generated beside validation jets while a model is training: one small figure a sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from hypervae.config import PlotConfig
from hypervae.data.jets import Jets
from hypervae.observables import OBSERVABLES, JetSample, compute_observables, drawn_in
from hypervae.observables.table import TRAINING
from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.observables import bin_edges
from hypervae.plotting.style import (
    GENERATED,
    TRUTH,
    TRUTH_FILL,
    figure_style,
    panel_grid,
)

_SHOWN = tuple(drawn_in(TRAINING))
_BINS = 40
_STYLE = PlotConfig(style="plain")
# The real values decide the axis; a larger share of generated ones beyond it is written out.
_BEYOND = 0.02


def draw_generated(
    generated: Mapping[str, Jets], validation: Mapping[str, Jets], title: str = ""
) -> Figure:
    """Draw observables of generated and validation jets.

    Parameters
    ----------
    generated, validation : mapping of str to Jets
        By jet type; several types are drawn in a row each.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Known to pyplot: to be closed.
    """
    with figure_style(_STYLE):
        several = len(generated) > 1
        columns = len(_SHOWN) if several else 3
        figure, axes = panel_grid(len(generated) * len(_SHOWN), columns, (2.9, 2.2))
        panels = iter(axes)
        for jet_type, jets in generated.items():
            made, truth = values_of(jets), values_of(validation[jet_type])
            for name in _SHOWN:
                axis = next(panels)
                _draw_panel(axis, name, truth[name], made[name])
                if several and name == _SHOWN[0]:
                    axis.set_ylabel(JET_NAMES.get(jet_type, jet_type))
        sizes = [sum(map(len, sample.values())) for sample in (validation, generated)]
        handles = [
            Patch(facecolor=TRUTH_FILL, edgecolor=TRUTH, label=f"validation ({sizes[0]:,})"),
            Line2D([], [], color=GENERATED, label=f"generated ({sizes[1]:,})"),
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
        figure.suptitle(title, x=0.01, ha="left")
        return figure


def values_of(jets: Jets) -> dict[str, NDArray[np.float64]]:
    """The values of each observable, of jets or of all their particles, without non-finite ones.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    dict of str to [n] float64
        By observable.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        values = compute_observables(JetSample(jets), _SHOWN).values
    return {name: x[np.isfinite(x)] for name, x in values.items()}


def _draw_panel(axis: Axes, name: str, truth: NDArray, made: NDArray) -> None:
    edges = _edges(name, truth, made)
    # log bins: the density in ln x, whose area is what is seen
    widths = np.diff(np.log(edges) if OBSERVABLES[name].log_x else edges)
    real, drawn = (
        np.histogram(values, edges)[0] / max(len(values), 1) / widths for values in (truth, made)
    )
    axis.stairs(real, edges, fill=True, color=TRUTH_FILL)
    axis.stairs(real, edges, color=TRUTH, linewidth=1.0)
    axis.stairs(drawn, edges, color=GENERATED, linewidth=1.4)
    if OBSERVABLES[name].log_x:
        axis.set_xscale("log")
    top = max(real.max(), drawn.max()) or 1.0
    axis.set_ylim(0, 1.2 * top)
    axis.set_xlim(edges[0], edges[-1])
    axis.set_yticks([], minor=False)
    axis.set_yticks([], minor=True)
    beyond = np.mean((made < edges[0]) | (made > edges[-1])) if len(made) else 1.0
    if beyond > _BEYOND:
        text = f"{beyond:.0%} beyond"
        axis.text(0.97, 0.95, text, transform=axis.transAxes, ha="right", va="top", color=GENERATED)
    axis.set_xlabel(OBSERVABLES[name].axis_label)


def _edges(name: str, truth: NDArray, made: NDArray) -> NDArray[np.float64]:
    if not OBSERVABLES[name].log_x:
        return bin_edges(truth, made if len(made) else truth, name, _BINS)
    low, high = np.quantile(truth, [1e-3, 1.0])
    return np.geomspace(low, high if high > low else 2 * low, _BINS + 1)

"""Held-out jets beside their reconstructions: some of them, and what all of them keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hypervae.data.jet_types import JET_TYPES
from hypervae.formats.reconstruction import QUANTITIES, SIDES, rows_by_type
from hypervae.observables import OBSERVABLES
from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.style import (
    COLOURS,
    GENERATED,
    TRUTH,
    TRUTH_FILL,
)

# Single jets shown of each type, by the number of types.
_PAIRS = {1: 4, 2: 3, 3: 2}
# Area of the marker of a particle with all the jet's pT [square points].
_AREA = 700.0
# The figure from top to bottom [inches]: title, pairs, gap, scatter plots, labels.
_WIDTH, _ABOVE, _BETWEEN, _SCATTER, _BELOW = 13.0, 0.6, 0.75, 2.95, 0.6
# Room for a line of a legend, as a part of an axis.
_LEGEND_LINE = 0.075
# The part of the shown jets' pT, and of the values in the scatter plots, that the axes hold.
_PT_WITHIN, _VALUES_WITHIN = 0.99, 0.998
# Where no colour of a jet type is that of the reconstructions.
_TYPE_COLOURS = [colour for colour in COLOURS if colour != GENERATED]
#: What the figure reads.
DATASETS = [f"{side}/{name}" for side in SIDES for name in ("particle_features", *QUANTITIES)]


def colour_of(jet_type: str) -> str:
    """The colour of a jet type, the same in all figures.

    Parameters
    ----------
    jet_type : str

    Returns
    -------
    str
    """
    return _TYPE_COLOURS[JET_TYPES[jet_type]]


def draw_reconstruction(
    arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any], title: str = ""
) -> Figure:
    """Draw some pairs of jets above scatter plots of all.

    Parameters
    ----------
    arrays : mapping of str to array
        By the names of `DATASETS`, and ``jet_type``.
    about : mapping
        As `read_reconstruction` gives it.
    title : str
        Above the figure; by default the model's name.

    Returns
    -------
    Figure
    """
    types = rows_by_type(arrays["jet_type"])
    each = _PAIRS.get(len(types), 1)
    shown = [(jet_type, row) for jet_type, rows in types.items() for row in rows[:each]]
    side = 0.92 * _WIDTH / max(len(shown), 4)
    height = _ABOVE + side + _BETWEEN + _SCATTER + _BELOW
    figure = plt.figure(figsize=(_WIDTH, height))
    radius = _radius_of(arrays, [row for _, row in shown])
    for place, (jet_type, row) in enumerate(shown):
        left, bottom = 0.065 + place * side / _WIDTH, 1 - (_ABOVE + side) / height
        axis = figure.add_axes((left, bottom, 0.94 * side / _WIDTH, 0.94 * side / height))
        _draw_pair(axis, arrays, row, radius)
        axis.set_title(f"{JET_NAMES[jet_type]} jet")
        axis.tick_params(labelleft=place == 0)
        if place == 0:
            axis.set_ylabel(r"$\phi^{\mathrm{rel}}$ [rad]")
    low, high = _BELOW / height, (_BELOW + _SCATTER) / height
    grid = figure.add_gridspec(1, 3, left=0.065, right=0.98, bottom=low, top=high, wspace=0.25)
    for place, name in enumerate(QUANTITIES):
        _draw_quantity(figure.add_subplot(grid[place]), name, arrays, about["figures"]["types"])
    figure.suptitle(title or f"model {about['model']}", x=0.065, y=1 - 0.2 / height, ha="left")
    marker: dict[str, Any] = {"marker": "o", "linestyle": "", "markersize": 9}
    handles = [
        Line2D([], [], markerfacecolor=TRUTH_FILL, color=TRUTH, label="held-out jet", **marker),
        Line2D([], [], fillstyle="none", color=GENERATED, label="its reconstruction", **marker),
    ]
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.985, 1.0), ncols=2)
    return figure


def _radius_of(arrays: Mapping[str, NDArray], rows: Sequence[int]) -> float:
    """Half of the width that shows the particles of some jets."""
    particles = np.concatenate([arrays[f"{side}/particle_features"][rows] for side in SIDES])
    particles = particles[particles[..., 3] > 0.5]
    distance, ptrel = np.abs(particles[:, :2]).max(axis=1), particles[:, 2]
    order = np.argsort(distance)
    within = np.searchsorted(np.cumsum(ptrel[order]), _PT_WITHIN * ptrel.sum())
    return max(1.15 * float(distance[order][min(within, len(order) - 1)]), 0.02)


def _draw_pair(axis: Axes, arrays: Mapping[str, NDArray], row: int, radius: float) -> None:
    looks: tuple[dict[str, Any], ...] = (
        {"facecolor": TRUTH_FILL, "edgecolor": TRUTH, "linewidth": 0.8},
        {"facecolor": "none", "edgecolor": GENERATED, "linewidth": 1.2},
    )
    for side, look in zip(SIDES, looks, strict=True):
        particles = arrays[f"{side}/particle_features"][row]
        eta, phi, ptrel, _ = particles[particles[:, 3] > 0.5].T
        axis.scatter(eta, phi, s=_AREA * ptrel, **look)
    axis.set_xlim(-radius, radius)
    axis.set_ylim(-radius, radius)
    axis.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    axis.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    axis.ticklabel_format(style="plain")
    axis.minorticks_off()
    axis.set_xlabel(r"$\eta^{\mathrm{rel}}$")


def _draw_quantity(
    axis: Axes, name: str, arrays: Mapping[str, NDArray], figures: Mapping[str, Any]
) -> None:
    """True against reconstructed values of all jets, with their correlation."""
    true, made = (arrays[f"{side}/{name}"] for side in SIDES)
    both = np.concatenate([true, made])
    both = both[np.isfinite(both)]
    tail = (1 - _VALUES_WITHIN) / 2
    low, high = np.quantile(both, [tail, 1 - tail]) if len(both) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    if OBSERVABLES[name].integer:
        margin = max(margin, 1.0)
    low, high = low - margin, high + margin
    axis.plot([low, high], [low, high], color=TRUTH, linewidth=1.0, zorder=1)
    types = rows_by_type(arrays["jet_type"])
    pairs, areas, handles = {}, {}, []
    for place, (jet_type, rows) in enumerate(types.items()):
        pairs[jet_type] = np.stack([true[rows], made[rows]], axis=1)
        areas[jet_type] = np.full(len(rows), 7.0)
        if OBSERVABLES[name].integer:  # whole numbers coincide, within a type and between types
            pairs[jet_type], counts = np.unique(pairs[jet_type], axis=0, return_counts=True)
            areas[jet_type] = 200.0 * np.sqrt(counts / len(rows))
            pairs[jet_type] += [0.25 * (place - (len(types) - 1) / 2), 0.0]
        label = _label(jet_type, name, figures[jet_type])
        handles += axis.plot(
            [], [], color=colour_of(jet_type), marker="o", linestyle="", label=label
        )
    scatter_types(axis, pairs, areas)
    axis.set_xlim(low, high)
    axis.set_ylim(low, high + _LEGEND_LINE * len(types) * (high - low))
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(MaxNLocator(5, integer=OBSERVABLES[name].integer))
    axis.set_xlabel("held-out: " + OBSERVABLES[name].axis_label)
    axis.set_ylabel("reconstructed")
    axis.legend(
        handles=handles, loc="upper left", fontsize=9.5, handletextpad=0.1, borderaxespad=0.2
    )


def scatter_types(axis: Axes, points: Mapping[str, NDArray], areas: Mapping[str, NDArray]) -> None:
    """Points in the colours of their jet types, mixed, so that no type covers the others.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    points, areas : mapping of str to [n, 2], [n]
        By type.
    """
    if not points:
        return
    x, y = np.concatenate(list(points.values())).T
    colours = np.repeat(
        [colour_of(jet_type) for jet_type in points], [len(p) for p in points.values()]
    )
    order = np.random.default_rng(0).permutation(len(x))
    axis.scatter(
        x[order],
        y[order],
        s=np.concatenate(list(areas.values()))[order],
        color=colours[order],
        alpha=0.5,
        linewidth=0,
        rasterized=True,  # thousands of points would make the PDF slow
    )


def _label(jet_type: str, name: str, about: Mapping[str, Any]) -> str:
    """A jet type with its correlation, and what else is measured of this quantity."""
    found = about["correlation"][name]
    text = f"{JET_NAMES[jet_type]}: r = " + ("undefined" if found is None else f"{found:.3f}")
    if name == "mass":
        return f"{text}, $W_1$ = {about['w1_mass']:.4f}"
    if name == "multiplicity":
        return rf"{text}, mean $|\Delta n|$ = {about['multiplicity_mae']:.2f}"
    return text

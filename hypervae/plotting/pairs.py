"""Pairs of observables: generated jets in colours, real ones as contours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from hypervae.observables import OBSERVABLES, ObservableValues
from hypervae.plotting.overlay import distance_text, draw_empty_panel, figure_title
from hypervae.plotting.style import GENERATED, TRUTH

#: Shares of the jets within the contours.
SHARES = (0.5, 0.9, 0.99)
# Of the real jets, what the axes hold; and bins along an axis, fewer than of a histogram.
_SHOWN, _BINS = 0.998, 30
# Widths, in bins, of what smooths the densities that contours are drawn of.
_SMOOTHING = 1.0


@dataclass(frozen=True)
class Pair:
    """What a panel shows.

    Parameters
    ----------
    x, y : str
        Observables, or ``sum_ptrel``.
    metric : str
        What the title gives.
    """

    x: str
    y: str
    metric: str


PAIRS = (
    Pair("jet_mass", "jet_pt", "sliced_w1_mass_pt"),
    Pair("jet_mass", "mass_kept", "w1_mass_ratio"),
    Pair("multiplicity", "mass", "w1_mass_at_multiplicity"),
    Pair("jet_mass", "sum_ptrel", "w1_sum_ptrel"),
)
_SUM_LABEL = r"$\sum p_T^{\mathrm{rel}}$ of kept particles"


def column(sample: ObservableValues, name: str) -> NDArray[np.float64] | None:
    """A value for each jet; None where the sample has none.

    Parameters
    ----------
    sample : ObservableValues
    name : str
        An observable of jets, or ``sum_ptrel``.

    Returns
    -------
    [n] float64, optional
    """
    if name != "sum_ptrel":
        return sample.values.get(name)
    return sample.summed("ptrel") if "ptrel" in sample.values else None


def contour_levels(density: NDArray[np.float64]) -> list[float]:
    """Densities above which lie `SHARES` of a histogram, rising and different.

    Parameters
    ----------
    density : [x, y]

    Returns
    -------
    list of float
        Empty for an empty histogram.
    """
    falling = np.sort(density[density > 0])[::-1]
    if not falling.size:
        return []
    within = np.cumsum(falling) / falling.sum()
    places = np.minimum(np.searchsorted(within, SHARES), falling.size - 1)
    return sorted({float(falling[place]) for place in places})


def draw_pairs(samples: Mapping[str, ObservableValues], results: Mapping[str, Any]) -> Figure:
    """Draw `PAIRS` of generated and test jets.

    Parameters
    ----------
    samples : mapping of str to ObservableValues
        By name: test and generated.
    results : mapping
        Of the evaluation.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(2, 2, figsize=(11.0, 9.4))
    figure.subplots_adjust(left=0.08, right=0.9, bottom=0.07, top=0.87, wspace=0.45, hspace=0.33)
    figure.suptitle(f"{figure_title(results)}: pairs of observables", x=0.02, y=0.98, ha="left")
    figure.legend(
        handles=[
            Line2D([], [], color=TRUTH, label="test"),
            Line2D([], [], color=GENERATED, linestyle="--", label="generated"),
        ],
        title="within a contour: " + ", ".join(f"{share:.0%}" for share in SHARES),
        loc="upper right",
        ncols=2,
    )
    for axis, pair in zip(axes.flat, PAIRS, strict=True):
        _draw_pair(axis, pair, samples, results)
    return figure


def _draw_pair(
    axis: Axes, pair: Pair, samples: Mapping[str, ObservableValues], results: Mapping[str, Any]
) -> None:
    columns = {
        name: [column(samples[name], part) for part in (pair.x, pair.y)]
        for name in ("test", "generated")
    }
    if any(part is None or not part.size for sides in columns.values() for part in sides):
        draw_empty_panel(axis, None, "not in the evaluation")
        return
    test, generated = (np.array(columns[name], dtype=np.float64) for name in ("test", "generated"))
    test, generated = (side[:, np.isfinite(side).all(axis=0)] for side in (test, generated))
    if not test.size or not generated.size:
        draw_empty_panel(axis, None, "no finite values")
        return
    edges = [_edges(name, values) for name, values in zip((pair.x, pair.y), test, strict=True)]
    made, real = (
        np.histogram2d(side[0], side[1], edges)[0] / side.shape[1] for side in (generated, test)
    )
    lowest = 0.5 / generated.shape[1]
    mesh = axis.pcolormesh(
        *edges,
        np.ma.masked_less(made.T, lowest),
        norm=LogNorm(lowest, max(made.max(), 2 * lowest)),
        cmap="Oranges",
        alpha=0.6,  # so that contours of the same colour show
        rasterized=True,
    )
    bar = axis.figure.colorbar(
        mesh, cax=axis.inset_axes((1.03, 0.0, 0.04, 1.0)), label="share of generated jets"
    )
    bar.ax.minorticks_off()
    centres = [0.5 * (side[1:] + side[:-1]) for side in edges]
    for density, colour, style in ((real, TRUTH, "-"), (made, GENERATED, "--")):
        smooth = _smoothed(density)
        if levels := contour_levels(smooth):
            axis.contour(
                *centres, smooth.T, levels, colors=colour, linestyles=style, linewidths=1.2
            )
    axis.set_xlabel(_label(pair.x))
    axis.set_ylabel(_label(pair.y))
    metric = results["metrics"].get(pair.metric)
    axis.set_title(distance_text(metric, results["sizes"]["compared"]), fontsize="x-small")


def _edges(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of bins over nearly all real values; a bin for each whole number."""
    tail = 0.5 * (1 - _SHOWN)
    low, high = np.quantile(values, [tail, 1 - tail])
    if name in OBSERVABLES and OBSERVABLES[name].integer:
        low, high = np.floor(low) - 1, np.ceil(high) + 1
        return np.arange(low - 0.5, high + 1)
    room = 0.05 * (high - low) or max(1e-3, 0.01 * abs(high))
    return np.linspace(low - room, high + room, _BINS + 1)


def _smoothed(density: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    found: NDArray[np.float64] = gaussian_filter(density, _SMOOTHING, mode="constant")
    return found


def _label(name: str) -> str:
    return _SUM_LABEL if name == "sum_ptrel" else OBSERVABLES[name].axis_label

"""Overlays of generated and held-out jets, one panel an observable, each with its ratio."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hypervae.data.shard import open_h5
from hypervae.errors import InputError
from hypervae.plotting.style import (
    GENERATED,
    JET_NAMES,
    TRUTH,
    TRUTH_FILL,
    figure_style,
    save,
)

# The axis ends where so small a part of the real values is left.
_TAIL = 5e-4
_RATIO_RANGE = (0.0, 2.0)
# Bins with fewer real entries than this have no ratio worth looking at.
_FEWEST = 5


@dataclass(frozen=True)
class Panel:
    """How an observable is drawn."""

    label: str
    unit: str = ""
    log: bool = False
    per_particle: bool = False


PANELS = {
    "mass": Panel(r"$m^{\mathrm{kept}} / p_T^{\mathrm{jet}}$"),
    "multiplicity": Panel("particles in the jet", log=True),
    "jet_pt": Panel(r"$p_T^{\mathrm{jet}}$", "GeV"),
    "ptrel": Panel(r"$p_T^{\mathrm{rel}}$", log=True, per_particle=True),
    "etarel": Panel(r"$\eta^{\mathrm{rel}}$", log=True, per_particle=True),
    "phirel": Panel(r"$\phi^{\mathrm{rel}}$", "rad", log=True, per_particle=True),
}


@dataclass
class Sample:
    """The observables of some jets: by name, values per jet or, jet after jet, per particle."""

    values: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.values["multiplicity"])

    def jet_of(self, name: str) -> NDArray[np.int64]:
        """Index of the jet that each value belongs to."""
        jets = np.arange(len(self))
        multiplicity = self.values["multiplicity"].astype(np.int64)
        return np.repeat(jets, multiplicity) if PANELS[name].per_particle else jets


def read_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Sample], dict[str, Any]]:
    """Read what ``hypervae evaluate --arrays`` wrote.

    Returns
    -------
    samples : dict of str to Sample
        ``generated`` and ``test``.
    results : dict
        The results of the evaluation.

    Raises
    ------
    InputError
        If a dataset or the results are missing, or values and multiplicities disagree.
    """
    samples = {}
    with open_h5(path) as file:
        for name in ("generated", "test"):
            missing = [key for key in PANELS if f"{name}/{key}" not in file]
            if missing:
                raise InputError(
                    path,
                    f"{name}/{missing[0]}",
                    found="no such dataset",
                    expected="the arrays that hypervae evaluate writes",
                )
            samples[name] = Sample(
                {key: file[f"{name}/{key}"][()].astype(np.float64) for key in PANELS}
            )
        try:
            results = json.loads(file.attrs["results"])
        except (KeyError, ValueError) as error:
            raise InputError(
                path, "attribute results", found=str(error), expected="results as JSON"
            ) from error
    for name, sample in samples.items():
        for key, values in sample.values.items():
            if len(values) != len(sample.jet_of(key)):
                raise InputError(
                    path,
                    f"{name}/{key}",
                    found=f"{len(values)} values",
                    expected=f"{len(sample.jet_of(key))}, by the multiplicities",
                )
    return samples, results


def bin_edges(truth: NDArray, made: NDArray, name: str, bins: int) -> NDArray[np.float64]:
    """Bins over the real values but their tails, and whole numbers for the multiplicity.

    Real multiplicities can be so narrow (29.9 ± 0.6 of 30 for top jets) that those of a model would
    lie beyond the axis: it covers both.
    """
    low, high = np.quantile(truth, [_TAIL, 1 - _TAIL])
    if name == "multiplicity":
        low, high = min(low, np.quantile(made, _TAIL)), max(high, np.quantile(made, 1 - _TAIL))
        step = max(1, round((high - low) / bins))
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 0.5 + step, step)
    if name == "ptrel":
        low = 0.0
    elif not PANELS[name].per_particle:
        margin = 0.1 * (high - low)
        low, high = max(low - margin, 0.0), high + margin
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)


def density(
    values: NDArray, jet_of: NDArray, n_jets: int, edges: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """A normalized histogram with the statistical error of sampling jets.

    Particles of a jet are not independent. With h the entries of a jet in a bin and m all its
    entries, p = Σh / Σm has the variance Σ(h − p m)² / (Σm)² to first order; with one entry a jet
    that is p (1 − p) / n.

    Returns
    -------
    density, error, entries : [bins]
        The density is of all values, those outside of the bins included in its total.
    """
    bins = len(edges) - 1
    index = np.searchsorted(edges, values, side="right") - 1
    index[values == edges[-1]] = bins - 1
    inside = (index >= 0) & (index < bins)
    per_jet = np.bincount(jet_of, minlength=n_jets).astype(np.float64)
    index, jet = index[inside], jet_of[inside]
    entries = np.bincount(index, minlength=bins).astype(np.float64)
    pairs, counts = np.unique(jet * bins + index, return_counts=True)
    squares = np.bincount(pairs % bins, weights=counts.astype(np.float64) ** 2, minlength=bins)
    cross = np.bincount(index, weights=per_jet[jet], minlength=bins)
    total = per_jet.sum()
    share = entries / total
    variance = squares - 2 * share * cross + share**2 * (per_jet**2).sum()
    width = np.diff(edges)
    error = np.sqrt(np.maximum(variance, 0.0)) / total
    return share / width, error / width, entries


def draw_observables(
    samples: Mapping[str, Sample], results: Mapping[str, Any], bins: int
) -> Figure:
    """Draw the overlays of one model and jet type."""
    figure = plt.figure(figsize=(13.0, 8.8))
    grid = figure.add_gridspec(
        2, 3, left=0.065, right=0.985, top=0.89, bottom=0.065, hspace=0.3, wspace=0.24
    )
    for place, (name, panel) in zip(grid, PANELS.items(), strict=True):
        pair = place.subgridspec(2, 1, height_ratios=(2.6, 1), hspace=0.06)
        main = figure.add_subplot(pair[0])
        ratio = figure.add_subplot(pair[1], sharex=main)
        values = [samples[key].values[name] for key in ("test", "generated")]
        edges = bin_edges(*values, name, bins)
        _draw_panel(main, ratio, name, samples, edges)
        metric = results["metrics"].get(f"w1_{name}")
        if metric is not None:
            main.set_title(_distance(metric, panel.unit), loc="right", fontsize=9.5)
    kind = results["jet_type"]
    model = f"model {results['model']}, " if results.get("model") else ""
    figure.suptitle(f"{model}{JET_NAMES.get(kind, kind)} jets", x=0.065, y=0.975, ha="left")
    handles = [
        Patch(facecolor=TRUTH_FILL, edgecolor=TRUTH, label=f"held-out ({len(samples['test']):,})"),
        Line2D([], [], color=GENERATED, label=f"generated ({len(samples['generated']):,})"),
        Patch(facecolor="#888888", alpha=0.4, label="statistical error"),
    ]
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.985, 0.985), ncols=3)
    return figure


def _draw_panel(
    main: Axes, ratio: Axes, name: str, samples: Mapping[str, Sample], edges: NDArray
) -> None:
    panel = PANELS[name]
    drawn = {
        key: density(sample.values[name], sample.jet_of(name), len(sample), edges)
        for key, sample in samples.items()
    }
    truth, truth_error, entries = drawn["test"]
    made, made_error, _ = drawn["generated"]
    main.stairs(truth, edges, fill=True, color=TRUTH_FILL, zorder=1)
    main.stairs(truth, edges, color=TRUTH, linewidth=1.2, zorder=2)
    _band(main, edges, truth, truth_error, TRUTH)
    main.stairs(made, edges, color=GENERATED, linewidth=1.6, zorder=4)
    _band(main, edges, made, made_error, GENERATED)
    if panel.log:
        main.set_yscale("log")
        positive = np.concatenate([truth[truth > 0], made[made > 0]])
        main.set_ylim(positive.min() * 0.5, positive.max() * 12)
    else:
        main.set_ylim(0, 1.25 * max((truth + truth_error).max(), (made + made_error).max()))
    main.set_ylabel("density" + (f" [1/{panel.unit}]" if panel.unit else ""))
    main.tick_params(labelbottom=False)
    _note_outside(main, samples["generated"].values[name], edges)

    enough = entries >= _FEWEST
    safe = np.where(enough, truth, 1.0)
    quotient = np.where(enough, made / safe, np.nan)
    _band(ratio, edges, np.where(enough, 1.0, np.nan), truth_error / safe, TRUTH)
    _band(ratio, edges, quotient, made_error / safe, GENERATED)
    ratio.stairs(quotient, edges, baseline=None, color=GENERATED, linewidth=1.4)
    ratio.axhline(1.0, color=TRUTH, linewidth=1.0)
    centres = (edges[1:] + edges[:-1]) / 2
    beyond = quotient > _RATIO_RANGE[1]
    ratio.plot(
        centres[beyond],
        np.full(beyond.sum(), _RATIO_RANGE[1] * 0.95),
        marker="^",
        linestyle="",
        color=GENERATED,
        markersize=4,
    )
    ratio.set_ylim(*_RATIO_RANGE)
    ratio.set_xlim(edges[0], edges[-1])
    ratio.set_yticks([0.5, 1.0, 1.5])
    ratio.set_ylabel("gen. / real", fontsize=10.5)
    for axis in (main, ratio):
        axis.yaxis.set_label_coords(-0.125, 0.5)
    ratio.xaxis.set_major_locator(MaxNLocator(6, integer=name == "multiplicity"))
    ratio.set_xlabel(panel.label + (f" [{panel.unit}]" if panel.unit else ""))


def _band(axis: Axes, edges: NDArray, values: NDArray, error: NDArray, colour: str) -> None:
    axis.stairs(
        values + error,
        edges,
        baseline=np.nan_to_num(values - error),
        fill=True,
        color=colour,
        alpha=0.3,
        linewidth=0,
        zorder=3,
    )


def _note_outside(axis: Axes, made: NDArray, edges: NDArray) -> None:
    """Say which part of the generated values lies beyond the axis, where it is not a tail."""
    below, above = np.mean(made < edges[0]), np.mean(made > edges[-1])
    for share, x, side in ((below, 0.03, "left"), (above, 0.97, "right")):
        if share > 0.01:
            arrow = "◀ " if side == "left" else ""
            end = " ▶" if side == "right" else ""
            axis.text(
                x,
                0.93,
                f"{arrow}{share:.0%} beyond{end}",
                transform=axis.transAxes,
                ha=side,
                va="top",
                color=GENERATED,
                fontsize=9.5,
            )


def _distance(metric: Mapping[str, Any], unit: str) -> str:
    """A distance with its error and its floor, rounded to the error."""
    digits = max(0, 1 - int(np.floor(np.log10(metric["error"])))) if metric["error"] > 0 else 4
    unit = f" {unit}" if unit else ""
    return (
        f"$W_1$ = {metric['value']:.{digits}f} ± {metric['error']:.{digits}f}{unit}"
        f" (floor {metric['floor']:.{digits}f} ± {metric['floor_error']:.{digits}f})"
    )


def plot_observables(
    arrays: str | os.PathLike[str],
    output: str | os.PathLike[str],
    output_pdf: str | os.PathLike[str] | None,
    config: Mapping[str, Any],
) -> None:
    """Draw the overlays of one evaluation.

    Parameters
    ----------
    arrays : path-like
        What ``hypervae evaluate --arrays`` wrote.
    output, output_pdf : path-like
        The figure as PNG and PDF.
    config : mapping
        The section ``plot``.
    """
    samples, results = read_arrays(arrays)
    with figure_style(config):
        figure = draw_observables(samples, results, config["bins"])
        save(figure, config["dpi"], output, output_pdf)

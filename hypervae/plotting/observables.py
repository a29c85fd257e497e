"""Overlays of generated, test and training jets: a panel an observable, as many as a page has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from hypervae.observables import OBSERVABLES, ObservableValues, drawn_in
from hypervae.plotting.overlay import (
    Curve,
    distance_text,
    draw_empty_panel,
    draw_header,
    draw_overlay,
    fit_height,
    log_axis,
    panel_page,
    panel_pair,
    set_metric,
)
from hypervae.plotting.style import GENERATED

# The axis ends where so small a part of the real values is left.
_TAIL = 5e-4
# Bins of the multiplicity at least, where all jets have the same number of particles.
_FEWEST_NUMBERS = 8
# Bins with fewer real entries than this have no ratio worth looking at.
_FEWEST = 5


def bin_edges(truth: NDArray, made: NDArray, name: str, bins: int) -> NDArray[np.float64]:
    """Bins over the real values but their tails, and whole numbers for the multiplicity.

    Real multiplicities can be so narrow (29.9 ± 0.6 of 30 for top jets) that those of a model would
    lie beyond the axis: it covers both.

    Parameters
    ----------
    truth, made : [n] float64
        Finite values, at least one of each.
    name : str
    bins : int
        As many, or fewer for the multiplicity.

    Returns
    -------
    [bins + 1] float64
    """
    about = OBSERVABLES[name]
    low, high = np.quantile(truth, [_TAIL, 1 - _TAIL])
    if about.integer:
        low, high = min(low, np.quantile(made, _TAIL)), max(high, np.quantile(made, 1 - _TAIL))
        low, high = np.floor(low), np.ceil(high)
        # jets are cut from above: what is missing is added below, as far as there is anything
        low = max(min(low, high - _FEWEST_NUMBERS + 1), min(low, about.low or 0.0))
        high = max(high, low + _FEWEST_NUMBERS - 1)
        width = max(1, round((high - low) / bins))
        return np.arange(low - 0.5, high + 0.5 + width, width)
    if about.log_x and low > 0:
        return np.geomspace(low, high if high > low else 2 * low, bins + 1)
    margin = 0.05 * (high - low)
    low, high = low - margin, high + margin
    if about.low is not None:
        low = max(low, about.low)
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)


def density(
    values: NDArray, jet_of: NDArray, n_jets: int, edges: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """A normalized histogram with the statistical error of sampling jets.

    Particles of a jet are not independent. With h the entries of a jet in a bin and m all its
    entries, p = Σh / Σm has the variance Σ(h − p m)² / (Σm)² to first order; with one entry a jet
    that is p (1 − p) / n.

    Parameters
    ----------
    values : [m]
        The entries of all jets.
    jet_of : [m] int64
        The jet of each.
    n_jets : int
    edges : [bins + 1]

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
    counts = np.bincount(jet * bins + index, minlength=n_jets * bins).astype(np.float64)
    counts = counts.reshape(n_jets, bins)
    entries = counts.sum(axis=0)
    total = max(per_jet.sum(), 1.0)
    share = entries / total
    variance = (counts**2).sum(axis=0) - 2 * share * (per_jet @ counts)
    variance += share**2 * (per_jet**2).sum()
    width = np.diff(edges)
    error = np.sqrt(np.maximum(variance, 0.0)) / total
    return share / width, error / width, entries


def draw_page(
    page: str, samples: Mapping[str, ObservableValues], results: Mapping[str, Any], bins: int
) -> Figure:
    """Draw the overlays of one page of `hypervae.observables.table.PAGES`.

    Parameters
    ----------
    page : str
    samples : mapping of str to ObservableValues
    results : mapping
        Of the evaluation.
    bins : int

    Returns
    -------
    Figure
    """
    shown = drawn_in(page)
    figure, grid = panel_page(len(shown))
    for place, name in enumerate(shown):
        main, ratio = panel_pair(figure, grid[place])
        draw_panel(main, ratio, name, samples, bins)
        text = distance_text(results["metrics"].get(f"w1_{name}"), results["sizes"]["compared"])
        set_metric(main, text)
    draw_header(figure, results, {name: len(sample) for name, sample in samples.items()})
    return figure


def draw_panel(
    main: Axes, ratio: Axes, name: str, samples: Mapping[str, ObservableValues], bins: int
) -> None:
    """Draw an observable of the samples, and the ratios to the test jets.

    Parameters
    ----------
    main, ratio : Axes
    name : str
        Of the observable.
    samples : mapping of str to ObservableValues
    bins : int
    """
    about = OBSERVABLES[name]
    ratio.set_xlabel(about.axis_label)
    finite, jet_of, missing = {}, {}, {}
    for key, sample in samples.items():
        if name in sample.values:
            values = sample.values[name]
            there = np.isfinite(values)
            if there.any():
                finite[key], jet_of[key] = values[there], sample.jet_of(name)[there]
            missing[key] = int((~there).sum())
    if not {"test", "generated"} <= finite.keys():
        draw_empty_panel(main, ratio, "not in the evaluation" if not missing else "no finite value")
        return
    edges = bin_edges(finite["test"], finite["generated"], name, bins)
    log_x = about.log_x and edges[0] > 0
    widths = np.diff(edges) / np.diff(np.log(edges)) if log_x else 1.0
    curves, entries = {}, {}
    for key, values in finite.items():
        shape, error, entries[key] = density(values, jet_of[key], len(samples[key]), edges)
        # per unit of the logarithm on a logarithmic axis, where areas are what is seen
        curves[key] = Curve(shape * widths, error * widths)
    draw_overlay(main, ratio, edges, curves, entries["test"] >= _FEWEST)
    fit_height(main, curves, about.log_y)
    unit = f" [1/{about.unit}]" if about.unit != "1" and not log_x else ""
    main.set_ylabel(("density in ln x" if log_x else "density") + unit)
    if log_x:
        log_axis(ratio.xaxis)
        ratio.xaxis.set_major_locator(LogLocator())
    else:
        ratio.xaxis.set_major_locator(MaxNLocator(6, integer=about.integer))
    notes = [f"{count:,} {key} missing" for key, count in missing.items() if count]
    _note(main, finite["generated"], edges, notes)


def _note(axis: Axes, made: NDArray, edges: NDArray, notes: list[str]) -> None:
    """Say which values are missing, and how many generated ones lie far beyond the axis."""
    below, above = np.mean(made < edges[0]), np.mean(made > edges[-1])
    if below > 0.01:
        notes = [*notes, f"◀ {below:.0%} beyond"]
    if above > 0.01:
        notes = [*notes, f"{above:.0%} beyond ▶"]
    axis.text(
        0.975,
        0.965,
        "\n".join(notes),
        transform=axis.transAxes,
        ha="right",
        va="top",
        color=GENERATED,
        fontsize=9,
    )

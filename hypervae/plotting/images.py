"""The average image of generated and test jets, and their difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm, SymLogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hypervae.observables import ObservableValues
from hypervae.plotting.overlay import draw_empty_panel, figure_title

# Jets have a radius of 0.4; a few particles lie beyond 0.5.
HALF_WIDTH = 0.5
# Decades below the brightest pixel that the colours tell apart, of an image and of the difference.
_DECADES, _DIFFERENCE_DECADES = 5, 3
_COLUMNS = ("etarel", "phirel", "ptrel")


def mean_image(sample: ObservableValues, pixels: int) -> NDArray[np.float64] | None:
    """The pT-weighted mean image of a sample.

    Parameters
    ----------
    sample : ObservableValues
    pixels : int
        In each direction.

    Returns
    -------
    [pixels, pixels] float64 or None
        The sum of ptrel in each pixel of (etarel, phirel) per jet; None where one of the three is
        missing. Particles with a value that is not finite are left out.
    """
    if any(name not in sample.values for name in _COLUMNS):
        return None
    eta, phi, pt = (sample.values[name] for name in _COLUMNS)
    there = np.isfinite(eta) & np.isfinite(phi) & np.isfinite(pt)
    if not there.any():
        return None
    edges = np.linspace(-HALF_WIDTH, HALF_WIDTH, pixels + 1)
    image, _, _ = np.histogram2d(eta[there], phi[there], [edges, edges], weights=pt[there])
    return image / len(sample)


def draw_images(
    samples: Mapping[str, ObservableValues], results: Mapping[str, Any], pixels: int
) -> Figure:
    """Draw the mean image of test and of generated jets, and generated minus test.

    Parameters
    ----------
    samples : mapping of str to ObservableValues
        By name: test and generated.
    results : mapping
        Of the evaluation.
    pixels : int
        Along a side of the image.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(1, 3, figsize=(13.0, 4.1))
    figure.subplots_adjust(left=0.05, right=0.925, bottom=0.13, top=0.82, wspace=0.6)
    test, generated = (mean_image(samples[name], pixels) for name in ("test", "generated"))
    figure.suptitle(f"{figure_title(results)}: mean image", x=0.02, y=0.97, ha="left")
    titles = [f"{name} ({len(samples[name]):,} jets)" for name in ("test", "generated")]
    for axis, title in zip(axes, [*titles, "generated − test"], strict=True):
        axis.set_title(title, y=1.02)
    if test is None or generated is None or not (test.any() and generated.any()):
        for axis in axes:
            draw_empty_panel(axis, None, "no particles in the evaluation")
        return figure
    top = max(test.max(), generated.max())
    norm = LogNorm(top * 10.0**-_DECADES, top)
    difference = generated - test
    reach = float(np.abs(difference).max()) or top
    symmetric = SymLogNorm(
        linthresh=reach * 10.0**-_DIFFERENCE_DECADES, linscale=0.5, vmin=-reach, vmax=reach
    )
    drawn = (
        (test, norm, "viridis", r"mean $p_T^{\mathrm{rel}}$ per pixel"),
        (generated, norm, "viridis", r"mean $p_T^{\mathrm{rel}}$ per pixel"),
        (difference, symmetric, "RdBu_r", "difference per pixel"),
    )
    edges = np.linspace(-HALF_WIDTH, HALF_WIDTH, pixels + 1)
    for axis, (image, scale, colours, label) in zip(axes, drawn, strict=True):
        # one picture in a PDF, not a thousand rectangles with seams between them
        mesh = axis.pcolormesh(edges, edges, image.T, norm=scale, cmap=colours, rasterized=True)
        # beside the image and as high
        bar = figure.colorbar(mesh, cax=axis.inset_axes([1.03, 0.0, 0.05, 1.0]), label=label)
        bar.ax.minorticks_off()
        if scale is symmetric:
            values, labels = _symmetric_ticks(reach)
            bar.set_ticks(values, labels=labels)
        axis.set_box_aspect(1)
        axis.set_xlabel(r"$\eta^{\mathrm{rel}}$")
        axis.set_ylabel(r"$\phi^{\mathrm{rel}}$ [rad]")
    return figure


def _symmetric_ticks(reach: float) -> tuple[list[float], list[str]]:
    """Ticks of the difference at 0 and the powers of ten that its logarithmic part shows."""
    largest = int(np.floor(np.log10(reach)))
    powers = range(largest - _DIFFERENCE_DECADES + 1, largest + 1)
    ticks = [(-(10.0**power), f"$-10^{{{power}}}$") for power in reversed(powers)]
    ticks += [(0.0, "0"), *((10.0**power, f"$10^{{{power}}}$") for power in powers)]
    values, labels = zip(*ticks, strict=True)
    return list(values), list(labels)

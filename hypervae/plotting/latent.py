"""The latent space of a model: where held-out jets lie in it, and which dimensions it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from hypervae.formats.reconstruction import rows_by_type
from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.reconstruction import (
    colour_of,
    scatter_types,
)
from hypervae.plotting.style import (
    COLOURS,
    GENERATED,
    TRUTH,
    TRUTH_FILL,
)

_VECTORS = ("mean", "posterior", "prior")
#: What the figure reads.
DATASETS = [f"latent/{name}" for name in (*_VECTORS, "kl", "active")]
_INACTIVE = "#BBBBBB"
_BINS = 30
# Points that a contour is made from at most, the fewest that are worth one, and its grid's size.
_KERNELS, _FEWEST, _GRID = 2000, 20, 60
# The axes of the projections hold this part of all points, and leave room for a legend above.
_WITHIN, _LEGEND_ROOM = 0.998, 0.14
_LEGEND: dict[str, Any] = {
    "loc": "upper left",
    "fontsize": 9.5,
    "borderaxespad": 0.2,
    "handletextpad": 0.4,
}


def principal_axes(points: NDArray[np.floating]) -> tuple[NDArray, NDArray, NDArray]:
    """The two directions in which points vary most.

    Parameters
    ----------
    points : [n, d]

    Returns
    -------
    centre : [d]
    axes : [d, 2]
        Orthonormal, each with its largest component positive; the second is 0 where d is 1.
    share : [2]
        Of the total variance.
    """
    points = points.astype(np.float64)
    centre = points.mean(axis=0) if len(points) else np.zeros(points.shape[1])
    _, singular, directions = np.linalg.svd(points - centre, full_matrices=False)
    axes, share = np.zeros((points.shape[1], 2)), np.zeros(2)
    kept = min(2, len(singular))
    directions = directions[:kept]
    largest = np.abs(directions).argmax(axis=1)
    axes[:, :kept] = (directions * np.sign(directions[np.arange(kept), largest])[:, None]).T
    share[:kept] = singular[:kept] ** 2 / (np.sum(singular**2) or 1.0)
    return centre, axes, share


def draw_latent(arrays: Mapping[str, NDArray], about: Mapping[str, Any], title: str = "") -> Figure:
    """Draw posterior means by type, posterior beside prior, and the KL of each dimension.

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
    good = np.logical_and.reduce(
        [np.isfinite(arrays[f"latent/{name}"]).all(axis=1) for name in _VECTORS]
    )
    vectors = {name: arrays[f"latent/{name}"][good] for name in _VECTORS}
    figure = plt.figure(figsize=(14.0, 5.0))
    grid = figure.add_gridspec(
        1, 3, left=0.055, right=0.985, top=0.84, bottom=0.12, wspace=0.24, width_ratios=(1, 1, 1)
    )
    centre, axes, share = principal_axes(vectors["mean"])
    projected = {name: (values - centre) @ axes for name, values in vectors.items()}
    everything = np.concatenate(list(projected.values()))
    tail = (1 - _WITHIN) / 2
    limits = np.array([[-1.0, -1.0], [1.0, 1.0]])
    if len(everything):
        limits = np.quantile(everything, [tail, 1 - tail], axis=0)
    span = np.maximum(np.diff(limits, axis=0), 1e-3)
    limits += 0.06 * span * [[-1], [1]]
    limits[1, 1] += _LEGEND_ROOM * span[0, 1]
    labels = [f"principal component {k + 1} ({part:.0%})" for k, part in enumerate(share)]
    types = rows_by_type(arrays["jet_type"][good])
    _draw_means(_with_margins(grid[0], limits, labels), projected["mean"], types, limits)
    _draw_prior(_with_margins(grid[1], limits, labels), projected, limits)
    _draw_kl(figure.add_subplot(grid[2]), arrays["latent/kl"], arrays["latent/active"])
    names = ", ".join(f"{len(rows):,} {JET_NAMES[jet_type]}" for jet_type, rows in types.items())
    lost = f" ({(~good).sum():,} more are not finite)" if not good.all() else ""
    name = title or f"model {about['model']}"
    figure.suptitle(f"{name}: {names or 'no'} jets{lost}", x=0.055, y=0.975, ha="left")
    return figure


def _with_margins(
    place: SubplotSpec, limits: NDArray[np.float64], labels: list[str]
) -> tuple[Axes, Axes, Axes]:
    """Axes of a projection, and of its distributions above and beside it."""
    grid = place.subgridspec(
        2, 2, width_ratios=(5, 1), height_ratios=(1, 5), hspace=0.04, wspace=0.04
    )
    figure = plt.gcf()
    main = figure.add_subplot(grid[1, 0])
    above = figure.add_subplot(grid[0, 0], sharex=main)
    beside = figure.add_subplot(grid[1, 1], sharey=main)
    main.set_xlim(*limits[:, 0])
    main.set_ylim(*limits[:, 1])
    main.set_xlabel(labels[0])
    main.set_ylabel(labels[1])
    for axis in (above, beside):
        axis.axis("off")
    return main, above, beside


def _draw_margins(
    axes: tuple[Axes, Axes, Axes], points: NDArray, limits: NDArray, **look: Any
) -> None:
    if len(points) == 0:
        return
    for k, axis in enumerate(axes[1:]):
        heights, edges = np.histogram(
            points[:, k], bins=_BINS, range=tuple(limits[:, k]), density=True
        )
        axis.stairs(heights, edges, orientation=("vertical", "horizontal")[k], **look)


def _draw_means(
    axes: tuple[Axes, Axes, Axes],
    means: NDArray[np.float64],
    types: Mapping[str, NDArray[np.int64]],
    limits: NDArray[np.float64],
) -> None:
    """The posterior means, by type."""
    for jet_type, rows in types.items():
        _draw_margins(axes, means[rows], limits, color=colour_of(jet_type), linewidth=1.3)
    points = {jet_type: means[rows] for jet_type, rows in types.items()}
    scatter_types(
        axes[0], points, {jet_type: np.full(len(p), 7.0) for jet_type, p in points.items()}
    )
    handles = [
        Line2D(
            [], [], marker="o", linestyle="", color=colour_of(jet_type), label=JET_NAMES[jet_type]
        )
        for jet_type in types
    ]
    axes[0].legend(handles=handles, ncols=2, columnspacing=0.8, **_LEGEND)
    axes[1].set_title("posterior means of held-out jets")


def _draw_prior(
    axes: tuple[Axes, Axes, Axes],
    projected: Mapping[str, NDArray[np.float64]],
    limits: NDArray[np.float64],
) -> None:
    """Vectors drawn from the posteriors and from the prior."""
    prior, posterior = projected["prior"], projected["posterior"]
    _draw_margins(axes, posterior, limits, fill=True, color=TRUTH_FILL)
    _draw_margins(axes, posterior, limits, color=TRUTH, linewidth=1.0)
    _draw_margins(axes, prior, limits, color=GENERATED, linewidth=1.4)
    for drawn, colour, line in ((posterior, TRUTH, "-"), (prior, GENERATED, "--")):
        axes[0].scatter(
            drawn[:, 0], drawn[:, 1], s=5, color=colour, alpha=0.3, linewidth=0, rasterized=True
        )
        _draw_contours(axes[0], drawn, limits, colours=colour, linestyles=line)
    handles = [
        Line2D([], [], color=TRUTH, label="drawn from posteriors of held-out jets"),
        Line2D([], [], color=GENERATED, linestyle="--", label="drawn from the prior"),
    ]
    axes[0].legend(handles=handles, **_LEGEND)
    axes[1].set_title("posterior and prior, with 68% and 95%")


def _draw_contours(
    axis: Axes, points: NDArray, limits: NDArray, *, colours: str, linestyles: str
) -> None:
    """Lines around 68 and 95 % of points."""
    points = points[:: 1 + len(points) // _KERNELS]
    if len(points) < _FEWEST or np.linalg.matrix_rank(np.cov(points.T)) < 2:
        return
    x, y = (np.linspace(low, high, _GRID) for low, high in limits.T)
    at = np.stack(np.meshgrid(x, y), axis=-1)
    levels = np.quantile(kernel_density(points, points), [0.05, 0.32])
    axis.contour(
        x,
        y,
        kernel_density(points, at.reshape(-1, 2)).reshape(_GRID, _GRID),
        levels=levels,
        colors=colours,
        linestyles=linestyles,
        linewidths=1.3,
    )


def kernel_density(points: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Density of points in a plane, up to a factor.

    Sum of Gaussians with the points' covariance times n^(-1/3) (Scott, "Multivariate Density
    Estimation", 1992, sec. 6.3). (scipy's takes a second to import.)

    Parameters
    ----------
    points : [n, 2]
    at : [m, 2]
        Where.

    Returns
    -------
    [m]
    """
    half = np.linalg.cholesky(np.linalg.inv(np.cov(points.T) * len(points) ** (-1 / 3)))
    points, at = points @ half, at @ half
    distance = ((at[:, None] - points) ** 2).sum(axis=-1)
    return np.exp(-0.5 * distance).sum(axis=1)


def _draw_kl(axis: Axes, kl: NDArray[np.float64], active: NDArray[np.bool_]) -> None:
    """The KL divergence of each dimension, the largest first."""
    order = np.argsort(-np.nan_to_num(kl, nan=-1.0), kind="stable")
    ranks = np.arange(1, len(kl) + 1)
    colours = np.where(active[order], COLOURS[0], _INACTIVE)
    axis.bar(ranks, kl[order], color=list(colours), width=0.85)
    axis.set_title("latent dimensions, sorted")
    axis.set_xlabel("rank")
    axis.set_ylabel("KL divergence [nats]")
    axis.set_xlim(0.25, len(kl) + 0.75)
    axis.set_ylim(bottom=0)
    handles = [
        Patch(color=COLOURS[0], label=f"active ({active.sum()})"),
        Patch(color=_INACTIVE, label=f"not active ({(~active).sum()})"),
        Patch(color="none", label=f"total {np.nansum(kl):.3g} nats"),
    ]
    axis.legend(handles=handles, loc="upper right")

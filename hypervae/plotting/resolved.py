"""Resolved correlators as a map over the shapes of triangles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hypervae.enc.resolved import Resolved
from hypervae.enc.triangles import flat_measure

_NAMES = {"xi": r"$\xi = R_S / R_M$", "R_2/R_1": "$R_2 / R_1$", "phi": r"$\phi$"}
_MOST = 4  # ranges of R that are drawn


def draw_resolved(found: Resolved, title: str = "") -> Figure:
    """Draw the share of each shape over that of flat phase space, in ranges of R.

    Parameters
    ----------
    found : Resolved
    title : str
        Whose jets, above the figure.

    Returns
    -------
    Figure
        1 is what points thrown evenly would give.
    """
    settings = found.settings
    edges = settings.projected.binning.edges
    flat = flat_measure(settings.projected.variable, settings.shape, edges)
    cuts = np.unique(np.linspace(0, len(edges) - 1, min(_MOST, len(edges) - 1) + 1).astype(int))
    figure, axes = plt.subplots(
        1, len(cuts) - 1, figsize=(3.6 * (len(cuts) - 1) + 1, 3.6), squeeze=False,
        sharey=True, layout="constrained",
    )  # fmt: skip
    drawn: Any = None
    ratios = []
    for low, high in pairwise(cuts):
        own, even = (part[low:high].sum(axis=0) for part in (found.cells, flat))
        share = own / own.sum() if own.sum() > 0 else np.full_like(own, np.nan)
        ratios.append(share / (even / even.sum()))
    most = max((float(np.nanmax(r)) for r in ratios if np.isfinite(r).any()), default=1.0)
    for axis, low, high, ratio in zip(axes[0], cuts[:-1], cuts[1:], ratios, strict=True):
        drawn = axis.pcolormesh(
            settings.angle_edges, settings.ratio_edges, ratio, vmin=min(0.0, ratio.min()), vmax=most
        )
        axis.set_title(f"{edges[low]:.3g} < ${settings.projected.variable}$ < {edges[high]:.3g}")
        axis.set_xlabel(_NAMES["phi"])
    axes[0, 0].set_ylabel(_NAMES[settings.of.names[1]])
    figure.colorbar(drawn, ax=axes[0].tolist(), label="share of shapes / flat phase space")
    order = f"E{settings.projected.orders[0]:g}C"
    figure.suptitle(title or f"{order} of {found.n_jets:,} jets by shape", x=0.02, ha="left")
    return figure

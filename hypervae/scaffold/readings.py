"""Numbers that a scaffold stands for, in a form that a small network reads easily.

The coordinates of a scaffold say what its cells are in units of one another; correlators, mass and
N-subjettiness follow from the cells' shares of the pT and the distances between them. Here are
these, as logarithms: a network that is given the coordinates alone does not find them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypervae.scaffold.coordinates import Layout
from hypervae.scaffold.geometry import Scaffold
from hypervae.scaffold.moments import NUMBER as MOMENTS
from hypervae.scaffold.moments import moments

# Shortest distance between cells, smallest share of the pT, shortest length within a cell and
# smallest part of the squared mass over pT that are told apart.
_LEAST_DISTANCE, _LEAST_SHARE, _LEAST_WIDTH, _LEAST_PART = 1e-3, 1e-4, 1e-4, 1e-9


def number_of_readings(layout: Layout) -> int:
    """How many `readings` a scaffold has.

    Parameters
    ----------
    layout : Layout
        Of the scaffold.

    Returns
    -------
    int
    """
    cells = layout.cells
    return 4 * cells + cells * (cells - 1) + MOMENTS


def readings(scaffold: Scaffold) -> Tensor:
    """Shares, widths, reaches and counts of the cells, distances between each two, and moments.

    Parameters
    ----------
    scaffold : Scaffold
        Of B jets of C cells.

    Returns
    -------
    [B, 4 C + C (C - 1) + 47]
        Of each cell log10 of its share of the pT, of its particles' mean distances to its own axis
        and to the subjet's, and the root of its number of particles; of each two cells log10 of
        their distance d and of z_i z_j d^2, their part of (m / pT)^2; last `moments`.
    """
    share, distances = scaffold.share, scaffold.distances
    first, second = torch.triu_indices(share.shape[1], share.shape[1], 1, device=share.device)
    distance = distances[:, first, second]
    part = share[:, first] * share[:, second] * distance.square()
    return torch.cat(
        [
            share.clamp_min(_LEAST_SHARE).log10(),
            scaffold.width.clamp_min(_LEAST_WIDTH).log10(),
            scaffold.reach.clamp_min(_LEAST_WIDTH).log10(),
            scaffold.multiplicities.to(share.dtype).sqrt(),
            distance.clamp_min(_LEAST_DISTANCE).log10(),
            part.clamp_min(_LEAST_PART).log10(),
            moments(scaffold, distances),
        ],
        dim=1,
    )

"""Which particles an edge or a hyperedge joins: it follows from their number alone."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from hypervae.correlators.geometry import pair_indices
from hypervae.correlators.sets import set_members


@functools.lru_cache(maxsize=256)
def edge_index(particles: int) -> Tensor:
    """All ordered pairs.

    Parameters
    ----------
    particles : int
        Their number n.

    Returns
    -------
    [2, n (n - 1)] int64
        The pairs i < j as `pair_indices` numbers them, then the same pairs as j, i. Shared between
        calls: do not write to it.
    """
    first, second = pair_indices(particles)
    pairs = torch.from_numpy(np.stack([first, second]))
    return torch.cat([pairs, pairs.flip(0)], dim=1)


@functools.lru_cache(maxsize=256)
def hyperedge_index(particles: int, orders: tuple[int, ...]) -> Tensor:
    """Incidences of all sets of the given sizes.

    Parameters
    ----------
    particles : int
    orders : tuple of int
        The sizes.

    Returns
    -------
    [2, incidences] int64
        Particle and hyperedge of each incidence; hyperedges in the order of `set_members`, order by
        order. Shared between calls: do not write to it.
    """
    nodes, edges, start = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], 0
    for order in orders:
        members = set_members(particles, order)
        nodes.append(members.astype(np.int64).ravel())
        edges.append(start + np.repeat(np.arange(len(members)), order))
        start += len(members)
    return torch.from_numpy(np.stack([np.concatenate(nodes), np.concatenate(edges)]))

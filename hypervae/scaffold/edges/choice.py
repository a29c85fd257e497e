"""The edge of a layout."""

from __future__ import annotations

import functools

from hypervae.scaffold.coordinates import Layout
from hypervae.scaffold.edges.interface import Edge, NoEdge
from hypervae.scaffold.edges.registry import EDGES


@functools.cache
def edge_of(layout: Layout) -> Edge:
    """How the plane of a layout's jets is unfolded.

    Parameters
    ----------
    layout : Layout

    Returns
    -------
    Edge
    """
    return NoEdge() if layout.radius is None else EDGES[layout.edge](layout.radius)

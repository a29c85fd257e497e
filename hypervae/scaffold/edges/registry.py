"""The edges by name. Nothing here needs torch.

A further one is a module with a `hypervae.scaffold.edges.interface.Edge` and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.scaffold.edges.interface import Edge

#: How lengths are unfolded near the radius that each is made with.
EDGES: Registry[Callable[[float], Edge]] = Registry(
    "edge",
    {
        "isotropic": (
            "hypervae.scaffold.edges.isotropic:IsotropicEdge",
            "the same in all directions",
        ),
        "directed": (
            "hypervae.scaffold.edges.directed:DirectedEdge",
            "open along the beam, closed across",
        ),
    },
)

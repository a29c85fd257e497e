"""An edge that is open along the beam and closed across it.

Anti-kT knows rapidities, jets are stored with pseudorapidities: a slow heavy particle is farther
from the jet axis than R in etarel, hardly ever in phirel, where the density of particles falls from
its full value to nothing at R. With x = rho - k beyond the knee k = 0.4 R,

    r = k + c (1 - exp(-x / c))                       up to R, where the slope is s
    r = R + (a + (b - a) cos^2) (x - x_R)             beyond,

c = (R - k) / (1 - s), and cos that of the angle to the beam's direction.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hypervae.scaffold.edges.interface import Edge

# The knee over the radius, the slope at the radius, and beyond it across and along the beam.
_KNEE = 0.4
_SLOPE = 0.05
_ACROSS, _ALONG = 0.1, 0.2


class DirectedEdge(Edge):
    """Lengths unfolded from 0.4 of the radius on, least beyond it along the beam.

    Parameters
    ----------
    radius : float
        Of the jets.
    """

    def __init__(self, radius: float):
        self._knee, self._rest = _KNEE * radius, (1 - _KNEE) * radius
        self._scale = self._rest / (1 - _SLOPE)
        self._edge = self._scale * -math.log(_SLOPE)

    def lengths(self, unfolded: Tensor, along: Tensor) -> Tensor:
        """See `Edge.lengths`."""
        past = (unfolded - self._knee).clamp_min(0.0)
        inside = past.clamp_max(self._edge)
        folded = self._scale * -torch.expm1(-inside / self._scale)
        return unfolded - past + folded + _beyond(along) * (past - inside)

    def unfolded(self, lengths: Tensor, along: Tensor) -> Tensor:
        """See `Edge.unfolded`."""
        past = (lengths - self._knee).clamp_min(0.0)
        inside = past.clamp_max(self._rest)
        unfolded = -self._scale * torch.log1p(-inside / self._scale)
        return lengths - past + unfolded + (past - inside) / _beyond(along)


def _beyond(along: Tensor) -> Tensor:
    """The slope beyond the radius."""
    return _ACROSS + (_ALONG - _ACROSS) * along

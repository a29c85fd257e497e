"""An edge that is the same in all directions.

    r = rho                                                for rho <= k
    r = k + (1 - e) c (1 - exp(-(rho - k) / c)) + e (rho - k)   beyond

with the knee k = 3/4 R, c = R - k, and e the slope far out, where rare particles of real jets are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypervae.scaffold.edges.interface import Edge

# The knee over the radius, and the slope far out.
_KNEE = 0.75
_SLOPE = 0.2
# Newton steps from the left of a concave function: they never overshoot.
_NEWTON_STEPS = 12


class IsotropicEdge(Edge):
    """Lengths unfolded from 3/4 of the radius on, whatever the direction.

    Parameters
    ----------
    radius : float
        Of the jets.
    """

    def __init__(self, radius: float):
        self._knee, self._rest = _KNEE * radius, (1 - _KNEE) * radius

    def lengths(self, unfolded: Tensor, along: Tensor) -> Tensor:
        """See `Edge.lengths`."""
        beyond = (unfolded - self._knee).clamp_min(0.0)
        folded = (1 - _SLOPE) * self._rest * -torch.expm1(-beyond / self._rest) + _SLOPE * beyond
        return unfolded - beyond + folded

    def unfolded(self, lengths: Tensor, along: Tensor) -> Tensor:
        """See `Edge.unfolded`."""
        moved = lengths > self._knee
        wanted = lengths[moved] - self._knee
        beyond = wanted
        for _ in range(_NEWTON_STEPS):
            falling = torch.exp(-beyond / self._rest)
            found = (1 - _SLOPE) * self._rest * (1 - falling) + _SLOPE * beyond
            beyond = beyond + (wanted - found) / ((1 - _SLOPE) * falling + _SLOPE)
        found = lengths.clone()
        found[moved] = self._knee + beyond
        return found

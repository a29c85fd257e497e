"""The plane unfolded about the jet axis, so that the jet's edge is far away.

Anti-kT jets end at their radius R: hardly a particle lies beyond. What a network makes of normal
numbers has no edges, so that one jet in ten would have particles out there. With lengths unfolded,
steeply near R, the same numbers fall off smoothly, and what is folded back ends where jets do:

    r = rho                                                for rho <= k
    r = k + (1 - e) c (1 - exp(-(rho - k) / c)) + e (rho - k)   beyond

with the knee k = 3/4 R, c = R - k, and e the slope far out, where rare particles of real jets are.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

# The knee over the radius, and the slope far out.
_KNEE = 0.75
_SLOPE = 0.2
# Newton steps from the left of a concave function: they never overshoot.
_NEWTON_STEPS = 12
_SMALLEST = 1e-12
# No particle is farther from the axis of its subjet [rad]: none of a jet is.
_FARTHEST = 1.6


@functools.cache
def farthest(radius: float | None) -> float:
    """The largest distance of a particle from an axis of its jet, unfolded.

    Parameters
    ----------
    radius : float or None
        Of the jets.

    Returns
    -------
    float
    """
    if radius is None:
        return _FARTHEST
    return float(unfold(torch.tensor([_FARTHEST, 0.0], dtype=torch.float64), radius).norm())


def fold(positions: Tensor, radius: float | None) -> Tensor:
    """Positions [.., 2] about the jet axis, of unfolded ones; unchanged where the radius is None.

    Parameters
    ----------
    positions : [.., 2]
        Unfolded (etarel, phirel).
    radius : float or None
        Of the jets.

    Returns
    -------
    [.., 2]
    """
    if radius is None:
        return positions
    length = positions.norm(dim=-1, keepdim=True)
    knee, rest = _KNEE * radius, (1 - _KNEE) * radius
    beyond = (length - knee).clamp_min(0.0)
    folded = (1 - _SLOPE) * rest * -torch.expm1(-beyond / rest) + _SLOPE * beyond
    return positions * ((length - beyond + folded) / length.clamp_min(_SMALLEST))


def unfold(positions: Tensor, radius: float | None) -> Tensor:
    """Unfolded positions, which `fold` puts back where they were, in their precision.

    Parameters
    ----------
    positions : [.., 2]
        (etarel, phirel).
    radius : float or None

    Returns
    -------
    [.., 2]
    """
    if radius is None:
        return positions
    length = positions.norm(dim=-1)
    knee, rest = _KNEE * radius, (1 - _KNEE) * radius
    moved = length > knee
    wanted = length[moved] - knee
    beyond = wanted
    for _ in range(_NEWTON_STEPS):
        falling = torch.exp(-beyond / rest)
        found = (1 - _SLOPE) * rest * (1 - falling) + _SLOPE * beyond
        beyond = beyond + (wanted - found) / ((1 - _SLOPE) * falling + _SLOPE)
    stretch = torch.ones_like(length)
    stretch[moved] = (knee + beyond) / length[moved]
    return positions * stretch.unsqueeze(-1)

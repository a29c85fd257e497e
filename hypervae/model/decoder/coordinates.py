"""Coordinates of decoded particles, and which slots hold one."""

from __future__ import annotations

import torch
from torch import Tensor

# ln ptrel is kept where float32 and physics are: 1e-6 of a TeV jet is 1 MeV.
LN_PTREL_RANGE = (-13.8, 0.7)
# Share of a radius within which particles are left where they are.
_UNTOUCHED = 0.75


def squash_angles(angles: Tensor, radius: float) -> Tensor:
    """Squeeze angles [..., 2] into a radius, smoothly and without a change near the axis.

    Parameters
    ----------
    angles : [..., 2]
        (etarel, phirel).
    radius : float
        None lies beyond it.

    Returns
    -------
    [..., 2]
    """
    distance = angles.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    return angles * (radius * torch.tanh(distance / radius) / distance)


def squash_far_angles(angles: Tensor, radius: float) -> Tensor:
    """Squeeze angles [..., 2] into a radius, smoothly and only from three quarters of it on.

    Parameters
    ----------
    angles : [..., 2]
        (etarel, phirel).
    radius : float
        None lies beyond it.

    Returns
    -------
    [..., 2]
    """
    distance = angles.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    inner, outer = _UNTOUCHED * radius, (1 - _UNTOUCHED) * radius
    squeezed = inner + outer * torch.tanh((distance - inner) / outer)
    return torch.where(distance > inner, angles * (squeezed / distance), angles)


def presence_of(multiplicity: Tensor) -> Tensor:
    """[B, P] which slots are used, from a (soft) one-hot multiplicity [B, P] of 1 to P.

    Slot k (from 0) is used if there are more than k particles.

    Parameters
    ----------
    multiplicity : [B, P]

    Returns
    -------
    [B, P]
    """
    return multiplicity.flip(-1).cumsum(-1).flip(-1)


def log_coordinates(coordinates: Tensor) -> Tensor:
    """(etarel, phirel, ptrel) [..., 3] -> (etarel, phirel, ln ptrel); ptrel is floored at 1e-7.

    Parameters
    ----------
    coordinates : [..., 3]

    Returns
    -------
    [..., 3]
    """
    return torch.cat([coordinates[..., :2], coordinates[..., 2:].clamp_min(1e-7).log()], dim=-1)

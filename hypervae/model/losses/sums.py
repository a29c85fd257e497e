"""Consistency of the decoded particles' sums with those of the input's kept particles."""

from __future__ import annotations

import torch
from torch import Tensor

# Typical widths between jets of (sum ptrel, sum ptrel etarel, sum ptrel phirel, relative mass).
_SUM_WIDTHS = (0.1, 0.02, 0.02, 0.05)


def summed(coordinates: Tensor, weight: Tensor) -> Tensor:
    """Sums over the particles of a jet: (sum pt, sum pt eta, sum pt phi, mass).

    m^2 = (sum pt e^eta) (sum pt e^-eta) - (sum pt cos phi)^2 - (sum pt sin phi)^2 for massless
    particles, with the light-cone components E +- pz in the first product.

    Parameters
    ----------
    coordinates : [B, P, 3]
        (etarel, phirel, ptrel).
    weight : [B, P]

    Returns
    -------
    [B, 4]
        In units of the jet's pT; the mass is floored at 1e-3.
    """
    eta, phi, ptrel = coordinates.unbind(-1)
    pt = ptrel * weight
    plus, minus = (pt * eta.exp()).sum(1), (pt * (-eta).exp()).sum(1)
    x, y = (pt * phi.cos()).sum(1), (pt * phi.sin()).sum(1)
    mass = (plus * minus - x.square() - y.square()).clamp_min(1e-6).sqrt()
    return torch.stack([pt.sum(1), (pt * eta).sum(1), (pt * phi).sum(1), mass], dim=-1)


def sum_loss(predicted: Tensor, presence: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of the sums (total pT, axis, mass), each over its typical width.

    The target are the kept particles: the full jet has more pT and more mass.

    Parameters
    ----------
    predicted, target : [B, P, 3], [B, Q, 3]
        (etarel, phirel, ptrel).
    presence, mask : [B, P], [B, Q]

    Returns
    -------
    [B]
    """
    difference = summed(predicted, presence) - summed(target, mask.to(target.dtype))
    return (difference / difference.new_tensor(_SUM_WIDTHS)).square().mean(-1)

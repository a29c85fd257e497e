"""Subjets' planes unfolded about their axes, so that the border with the next subjet is far away.

A particle belongs to the subjet whose axis is the nearest. What a network makes of normal numbers
knows no such border: one particle in 25 would lie beyond it, which lowers tau_K. With lengths
unfolded near the border the same numbers stay on their side. Along a direction in which the border
is at a distance b of the axis, with x = r / b and y = rho / b, r the length, rho the unfolded one,

    y = x                                               for x <= k
    y = k - (1 - k) ln((1 - x) / (1 - k))               beyond

with the knee k = 1/2.
"""

from __future__ import annotations

import torch
from torch import Tensor

_KNEE = 0.5
# Particles on the border itself, of which each jet may have one, are taken to be a bit before it.
_MOST = 1 - 1e-6
# Axes that coincide have no border.
_SMALLEST = 1e-12
# Newton steps from the left of a concave function: they never overshoot.
_NEWTON_STEPS = 8
# Unfolded lengths are stretched by this at the most, where a subjet cannot be as wide as asked.
_MOST_STRETCHED = 4.0


def borders(nodes: Tensor, there: Tensor) -> Tensor:
    """Where the axes of subjets have their borders with the others.

    Parameters
    ----------
    nodes : [B, K, 2]
        Axes of the subjets.
    there : [B, K] bool
        Whether a jet has the subjet.

    Returns
    -------
    [B, K, K, 2]
        For each subjet and each other the vector n for which the border is where the product of n
        and the place about the axis is 1; 0 where there is none.
    """
    apart = nodes.unsqueeze(1) - nodes.unsqueeze(2)
    half = 0.5 * apart.square().sum(-1, keepdim=True)
    both = (there.unsqueeze(1) & there.unsqueeze(2)).unsqueeze(-1) & (half > _SMALLEST)
    return torch.where(both, apart / half.clamp_min(_SMALLEST), 0.0)


def nearness(places: Tensor, normals: Tensor) -> Tensor:
    """[B, P] lengths in units of the distance of the border in their direction, 0 without any.

    Parameters
    ----------
    places : [B, P, 2]
        About the axes of the particles' subjets.
    normals : [B, P, K, 2]
        `borders` of the subjets.

    Returns
    -------
    [B, P]
    """
    return (places.unsqueeze(2) * normals).sum(-1).amax(2).clamp_min(0.0)


def folded(near: Tensor) -> Tensor:
    """`nearness` of lengths, of that of unfolded lengths.

    Parameters
    ----------
    near : [..]
        Of any size.

    Returns
    -------
    [..]
        Below 1.
    """
    beyond = (near - _KNEE).clamp_min(0.0)
    return near - beyond - (1 - _KNEE) * torch.expm1(-beyond / (1 - _KNEE))


def unfold_about_axes(places: Tensor, normals: Tensor) -> Tensor:
    """Unfolded places about the axes of subjets.

    Parameters
    ----------
    places : [B, P, 2]
        About the axes of the particles' subjets.
    normals : [B, P, K, 2]
        `borders` of the subjets.

    Returns
    -------
    [B, P, 2]
    """
    near = nearness(places, normals).clamp_max(_MOST)
    far = _KNEE - (1 - _KNEE) * torch.log((1 - near) / (1 - _KNEE))
    stretch = torch.where(near > _KNEE, far / near.clamp_min(_KNEE), 1.0)
    return places * stretch.unsqueeze(-1)


def fold_about_axes(places: Tensor, normals: Tensor) -> Tensor:
    """Places about the axes of subjets, of unfolded ones.

    Parameters
    ----------
    places : [B, P, 2]
        Unfolded.
    normals : [B, P, K, 2]
        `borders` of the subjets.

    Returns
    -------
    [B, P, 2]
    """
    near = nearness(places, normals)
    return places * _shrinking(near).unsqueeze(-1)


def fold_to_width(
    places: Tensor, normals: Tensor, share: Tensor, member: Tensor, width: Tensor
) -> Tensor:
    """Fold places whose unit is not known, so that the subjets have a given width.

    Parameters
    ----------
    places : [B, P, 2]
        Unfolded, in a unit of each subjet's own.
    normals : [B, P, K, 2]
        `borders` of the subjets.
    share : [B, P]
        Of the subjet's pT.
    member : [B, P, K]
        1 where a particle belongs to a subjet.
    width : [B, K]
        Mean distances of the particles to their axes.

    Returns
    -------
    [B, P, 2]
        With these widths, but of subjets that no unit makes so wide.
    """
    length, near = places.norm(dim=-1), nearness(places, normals)

    def of_subjet(values: Tensor) -> Tensor:
        return ((share * values).unsqueeze(-1) * member).sum(1)

    def of_particle(values: Tensor) -> Tensor:
        return (values.unsqueeze(1) * member).sum(-1)

    mean = of_subjet(length)
    first = torch.where(mean > _SMALLEST, width / mean.clamp_min(_SMALLEST), 1.0)
    unit = first
    for _ in range(_NEWTON_STEPS):
        scale = of_particle(unit)
        scaled = near * scale
        found = of_subjet(length * scale * _shrinking(scaled))
        slope = of_subjet(length * torch.exp(-(scaled - _KNEE).clamp_min(0.0) / (1 - _KNEE)))
        unit = unit + (width - found).clamp_min(0.0) / slope.clamp_min(_SMALLEST)
        unit = torch.minimum(unit, _MOST_STRETCHED * first)
    scale = of_particle(unit)
    return places * (scale * _shrinking(near * scale)).unsqueeze(-1)


def _shrinking(near: Tensor) -> Tensor:
    """Length over unfolded length."""
    return torch.where(near > _KNEE, folded(near) / near.clamp_min(_KNEE), 1.0)

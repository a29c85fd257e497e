"""Histograms with a gradient to the values that are filled in, and their distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# From the center of the first bin of scaled features to that of the last: around mean 0 and width
# 1, or around [0, 1].
_SCALED_RANGE = {"zscore": (-6.0, 6.0), "minmax": (-0.25, 1.25)}
_SCALED_BINS = 49


class _Fill(torch.autograd.Function):
    """Linear filling; keeps the lower bin of each value and whether it lies inside."""

    @staticmethod
    def forward(ctx: Any, position: Tensor, weights: Tensor, bins: int) -> Tensor:
        batch, _, features = position.shape
        inside = position.clamp(0, bins - 1)
        free = inside == position
        lower = inside.floor().clamp_(max=bins - 2)
        upper = inside.sub_(lower).mul_(weights.unsqueeze(-1))  # what goes to the bin above
        rows = torch.arange(batch * features, device=position.device) * bins
        place = lower.long().add_(rows.view(batch, 1, features))
        below, above = position.new_zeros(2, batch * features * bins)
        below.scatter_add_(0, place.view(-1), (weights.unsqueeze(-1) - upper).view(-1))
        above.scatter_add_(0, place.view(-1), upper.view(-1))
        below[1:] += above[:-1]
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(weights, place, free)
        filled: Tensor = below.view(batch, features, bins)
        return filled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        weights, place, free = ctx.saved_tensors
        slope = torch.nn.functional.pad(gradient.diff(dim=-1), (0, 1)).view(-1)
        moved = slope.index_select(0, place.view(-1)).view(place.shape)
        return moved.mul_(weights.unsqueeze(-1)).mul_(free), None, None


def soft_histogram(position: Tensor, weights: Tensor, bins: int) -> Tensor:
    """Histograms by linear splitting: each value is shared by the two bins around it.

    h_k = sum_n w_n max(0, 1 - |x_n - k|), the cloud-in-cell assignment (Hockney, Eastwood, Computer
    Simulation Using Particles, ch. 5). Its slopes, -w_n in the lower bin and w_n in the upper one,
    are what a hard histogram lacks.

    Parameters
    ----------
    position : [B, N, F]
        Values in units of the bin width, 0 at the center of the first bin. Values beyond the
        centers of the first and the last bin fill these, and have no gradient.
    weights : [B, N]
        Without a gradient.
    bins : int
        At least 2.

    Returns
    -------
    [B, F, bins]
    """
    filled: Tensor = _Fill.apply(position, weights, bins)  # type: ignore[no-untyped-call]
    return filled


def cramer_distance(difference: Tensor) -> Tensor:
    """Squared distance of two cumulative distributions, in bins.

    sum_k (F_k - G_k)^2 (Szekely, Rizzo, J. Stat. Plan. Inference 143 (2013) 1249): unlike
    bin by bin differences it grows with how far the contents are apart.

    Parameters
    ----------
    difference : [..., bins]
        Of the two histograms, each of sum 1.

    Returns
    -------
    [...]
    """
    return difference.cumsum(-1).square().sum(-1)


@dataclass(frozen=True)
class ScaledBins:
    """Bins of scaled features.

    Attributes
    ----------
    low, width : float
        Center of the first bin, width of the bins.
    count : int
    """

    low: float
    width: float
    count: int

    @classmethod
    def of(cls, method: str) -> ScaledBins:
        """Bins for features that a method of normalization has scaled.

        Parameters
        ----------
        method : {"zscore", "minmax"}

        Returns
        -------
        ScaledBins
        """
        low, high = _SCALED_RANGE[method]
        return cls(low, (high - low) / (_SCALED_BINS - 1), _SCALED_BINS)


def feature_distance(
    decoded: Tensor, recomputed: Tensor, weights: Tensor, bins: ScaledBins
) -> Tensor:
    """Cramer distance between the distributions of decoded and of recomputed features.

    Parameters
    ----------
    decoded, recomputed : [B, N, F]
        Scaled.
    weights : [B, N]
        Sum to 1 (or all are 0: then the distance is 0).
    bins : ScaledBins

    Returns
    -------
    [B]
        In units of the scaled features; mean over the features.
    """
    one, other = (
        soft_histogram((values - bins.low) / bins.width, weights, bins.count)
        for values in (decoded, recomputed)
    )
    return bins.width * cramer_distance(one - other).mean(-1)

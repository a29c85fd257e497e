"""Distances of edge and hyperedge features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _MaskedSquares(torch.autograd.Function):
    """[B] sums of masked squares; keeps one tensor, which counts for two million sets."""

    @staticmethod
    def forward(ctx: Any, predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        difference = (predicted - target).mul_(mask.unsqueeze(-1))
        ctx.save_for_backward(difference)
        flat = difference.flatten(1)
        return torch.linalg.vecdot(flat, flat)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (difference,) = ctx.saved_tensors
        return difference * (2 * gradient)[:, None, None], None, None


def masked_mse(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """[B] mean squared difference of tokens [B, T, F] where [B, T] is set; 0 without any.

    The target is without a gradient.
    """
    squares = _MaskedSquares.apply(predicted, target, mask)
    return squares / (predicted.shape[-1] * mask.sum(1)).clamp_min(1)


def histogram_distance(
    logits: Tensor, log_weight: Tensor, fraction: Tensor, target_log_weight: Tensor
) -> Tensor:
    """Distance of the histograms that a binned hyperedge decoder predicts.

    sum_k (F_k - G_k)^2 + sum_k g_k (a_k - b_k)^2, mean over the orders that have sets: with F and
    G the cumulative distributions of the sets over the R_L bins k, their first term is Cramer's
    distance in bins (Szekely, Rizzo, J. Stat. Plan. Inference 143 (2013) 1249); a and b
    are the mean ln w per bin, and g the true fraction.

    Parameters
    ----------
    logits, log_weight : [B, orders, bins]
        Decoded: logarithms of the fractions up to a constant, and mean ln w (scaled).
    fraction, target_log_weight : [B, orders, bins]
        True; an order without sets has fractions of 0.

    Returns
    -------
    [B]
    """
    present = (fraction.sum(-1) > 0.5).to(logits.dtype)  # [B, orders]
    cumulative = (torch.softmax(logits, dim=-1) - fraction).cumsum(-1)
    weights = (log_weight - target_log_weight).square() * fraction
    distance = cumulative.square().sum(-1) + weights.sum(-1)
    return (distance * present).sum(1) / present.sum(1).clamp_min(1)

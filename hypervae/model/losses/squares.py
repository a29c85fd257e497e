"""Squared errors of edges and hyperedges."""

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
        squares: Tensor = torch.linalg.vecdot(flat, flat)
        return squares

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (difference,) = ctx.saved_tensors
        return difference * (2 * gradient)[:, None, None], None, None


def masked_mse(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of those of a jet's tokens that are there.

    Parameters
    ----------
    predicted, target : [B, T, F]
        The target is without a gradient.
    mask : [B, T] bool

    Returns
    -------
    [B]
        0 for a jet without any.
    """
    squares: Tensor = _MaskedSquares.apply(predicted, target, mask)  # type: ignore[no-untyped-call]
    return squares / (predicted.shape[-1] * mask.sum(1)).clamp_min(1)

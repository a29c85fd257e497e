"""Building blocks: residual MLPs, masked pooling, and what keeps vectors in float32."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hypervae.model.dropout import Dropout
from hypervae.model.noise import JetNoise
from hypervae.records import TensorRecord


class ReadOut(nn.Linear):
    """A linear layer whose outputs are read as they are: logits, means, velocities.

    It computes what `torch.nn.Linear` does; optimizers that treat maps between hidden channels in a
    way of their own (Muon) leave it out.
    """


class _ResidualBlock(nn.ModuleList):
    def forward(self, hidden: Tensor, noise: JetNoise | None) -> Tensor:
        norm, first, activation, dropout, last = self
        added: Tensor = hidden + last(dropout(activation(first(norm(hidden))), noise))
        return added


class ResidualMLP(nn.Module):
    """Linear, then `blocks` residual blocks of (norm, linear, GELU, linear).

    Parameters
    ----------
    inputs, width : int
        [..., inputs] -> [..., width].
    blocks : int
    dropout : float
    """

    def __init__(self, inputs: int, width: int, blocks: int = 1, dropout: float = 0.0):
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(
            _ResidualBlock(
                [
                    nn.LayerNorm(width),
                    nn.Linear(width, width),
                    nn.GELU(),
                    Dropout(dropout),
                    nn.Linear(width, width),
                ]
            )
            for _ in range(blocks)
        )

    def forward(self, values: Tensor, noise: JetNoise | None = None) -> Tensor:
        """Pass values through the network.

        Parameters
        ----------
        values : [B, ..., inputs]
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, ..., width]
        """
        hidden: Tensor = self.embed(values)
        for block in self.blocks:
            hidden = block(hidden, noise)
        return hidden


class MLPHead(nn.ModuleList):
    """A residual MLP and the layers after it, which draw no noise.

    Parameters
    ----------
    mlp : ResidualMLP
    layers : nn.Module
        Applied one after the other.
    """

    def __init__(self, mlp: ResidualMLP, *layers: nn.Module):
        super().__init__([mlp, *layers])

    def forward(self, values: Tensor, noise: JetNoise | None = None) -> Tensor:
        """Pass values through all layers.

        Parameters
        ----------
        values : [B, ..., inputs]
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, ..., outputs]
        """
        mlp, *layers = self
        hidden: Tensor = mlp(values, noise)
        for layer in layers:
            hidden = layer(hidden)
        return hidden


def full_precision(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method in float32 under autocast too.

    Vectors need it: what is left of p.p after boosts, and the angles of collimated particles, are
    small differences that half precision does not hold.

    Parameters
    ----------
    forward : callable
        A method.

    Returns
    -------
    callable
    """

    def raised(value: Any) -> Any:
        if isinstance(value, TensorRecord):
            return value.map(raised)
        half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
        return value.float() if half else value

    @functools.wraps(forward)
    def wrapped(self: nn.Module, first: Tensor | TensorRecord, *args: Any, **kwargs: Any) -> Any:
        device = first.device if isinstance(first, Tensor) else first.tensors()[0].device
        with torch.autocast(device.type, enabled=False):
            return forward(
                self,
                raised(first),
                *(raised(value) for value in args),
                **{name: raised(value) for name, value in kwargs.items()},
            )

    return wrapped


def one_hot(index: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """[...] int64 -> [..., classes] of a floating-point type.

    Unlike `torch.nn.functional.one_hot` it never asks for the values, for which the host would have
    to wait on a GPU.

    Parameters
    ----------
    index : [...] int64
    classes : int
        Number of classes.
    dtype : torch.dtype
        Of the result.

    Returns
    -------
    [..., classes]
    """
    return (index.unsqueeze(-1) == torch.arange(classes, device=index.device)).to(dtype)


def pool(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean and maximum over tokens.

    Parameters
    ----------
    values : [B, T, C]
    weights : [B, T]
        How many items a token stands for; 0 for padding.

    Returns
    -------
    [B, 2 C]
        Zeros for a jet without tokens, so that every jet pools to finite numbers. Of tokens that
        share the maximum, one gets its gradient.
    """
    total = weights.sum(dim=1, keepdim=True)
    share = weights / total.clamp_min(1.0)
    mean = torch.einsum("bt,btc->bc", share.to(values.dtype), values)
    if values.shape[1] == 0:
        return torch.cat([mean, torch.zeros_like(mean)], dim=-1)
    absent = (weights <= 0).unsqueeze(-1)
    highest = values.masked_fill(absent, torch.finfo(values.dtype).min).max(dim=1).values
    return torch.cat([mean, torch.where(total > 0, highest, torch.zeros_like(highest))], dim=-1)

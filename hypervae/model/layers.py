"""Building blocks: residual MLPs, masked pooling, and L-GATr behind one interface."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.dropout import Dropout, use_jet_dropout
from hypervae.records import TensorRecord


class ReadOut(nn.Linear):
    """A linear layer whose outputs are read as they are: logits, means, velocities.

    It computes what `torch.nn.Linear` does; optimizers that treat maps between hidden channels in a
    way of their own (Muon) leave it out.
    """


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
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, width),
                nn.GELU(),
                Dropout(dropout),
                nn.Linear(width, width),
            )
            for _ in range(blocks)
        )

    def forward(self, values: Tensor) -> Tensor:
        """[..., inputs] -> [..., width]."""
        hidden = self.embed(values)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return hidden


def full_precision(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method in float32 under autocast too.

    Vectors need it: what is left of p.p after boosts, and the angles of collimated particles, are
    small differences that half precision does not hold.
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


class LorentzNetwork(nn.Module):
    """L-GATr on four-vectors and scalars, the slim or the full network, with a mask.

    Sources: L-GATr, arXiv:2405.14806 (and 2305.18415), package ``lgatr``.

    Parameters
    ----------
    config : ModelConfig
    vectors_in, scalars_in, vectors_out, scalars_out : int
        Channels.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        vectors_in: int,
        scalars_in: int,
        vectors_out: int,
        scalars_out: int,
    ):
        super().__init__()
        import lgatr

        self.full = config.lgatr == "full"
        scalars = {
            "in_s_channels": scalars_in,
            "out_s_channels": scalars_out,
            "hidden_s_channels": config.scalar_channels,
        }
        if self.full:
            # The package's own defaults are the other way round from the config's: for large GPUs.
            primitives = {"sparse_gp": config.sparse_gp, "sparse_linear": config.sparse_linear}
            self.net = lgatr.LGATr(
                num_blocks=config.blocks,
                in_mv_channels=vectors_in,
                out_mv_channels=vectors_out,
                hidden_mv_channels=config.vector_channels,
                attention={"num_heads": config.heads},
                mlp={},
                primitives=primitives,
                dropout_prob=config.dropout or None,
                **scalars,
            )
        else:
            self.net = lgatr.LGATrSlim(
                num_blocks=config.blocks,
                in_v_channels=vectors_in,
                out_v_channels=vectors_out,
                hidden_v_channels=config.vector_channels,
                num_heads=config.heads,
                dropout_prob=config.dropout or None,
                **scalars,
            )

        if config.dropout:
            use_jet_dropout(self.net, config.dropout)

    @property
    def recompute(self) -> bool:
        """Whether blocks are computed again in the backward pass instead of being kept."""
        return self.net._checkpoint_blocks

    @recompute.setter
    def recompute(self, on: bool) -> None:
        # lgatr takes this at construction alone, but reads it in each forward pass
        self.net._checkpoint_blocks = on

    def forward(self, vectors: Tensor, scalars: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network; absent tokens are never attended to.

        Parameters
        ----------
        vectors : [B, T, vectors_in, 4]
        scalars : [B, T, scalars_in]
        mask : [B, T] bool

        Returns
        -------
        [B, T, vectors_out, 4], [B, T, scalars_out]
        """
        attend = mask[:, None, None, :]
        if not self.full:
            return self.net(vectors, scalars, attn_mask=attend)
        from lgatr import embed_vector, extract_vector

        multivectors, out = self.net(embed_vector(vectors), scalars=scalars, attn_mask=attend)
        return extract_vector(multivectors), out

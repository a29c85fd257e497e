"""A transformer whose norms know the jet and the time: the fastest trunk on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hypervae.config import ModelConfig
from hypervae.model.shape_flow import Seen, ShapeNetwork
from hypervae.scaffold.shapes import SlotTables


class AdaptiveBlock(nn.Module):
    """Pre-norm transformer block; a condition sets scales and shifts of its norms.

    As DiT's blocks (Peebles, Xie, arXiv:2212.09748), without gates. What it adds starts at zero.
    Attention is written out in training, where masked fused attention has no fast kernel in half
    precision on CPUs; without gradients the fused one is faster. What no gradient needs is
    overwritten: a block is bound by memory as much as by arithmetic.

    Parameters
    ----------
    width, heads, ratio : int
        The ratio is that of the inner width of the MLP.
    """

    def __init__(self, width: int, heads: int, ratio: int = 2):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.condition = nn.Linear(width, 4 * width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.widen = nn.Linear(width, ratio * width)
        self.narrow = nn.Linear(ratio * width, width)
        for layer in (self.condition, self.attended, self.narrow):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, values: Tensor, condition: Tensor, bias: Tensor) -> Tensor:
        """[B, P, W], condition [B, W], bias of the attention [B, 1, 1, P] -> [B, P, W].

        Parameters
        ----------
        values : [B, P, W]
        condition : [B, W]
        bias : [B, 1, 1, P]
            Added to the logits of the attention.

        Returns
        -------
        [B, P, W]
        """
        scale1, shift1, scale2, shift2 = self.condition(condition).unsqueeze(1).chunk(4, dim=-1)
        batch, slots, width = values.shape
        normed = torch.addcmul(shift1, self.norms[0](values), 1 + scale1)
        query, key, value = (
            self.query_key_value(normed)
            .view(batch, slots, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        if torch.is_grad_enabled() or query.dtype.itemsize < 4:
            logits = (query @ key.transpose(-1, -2)).mul_((width // self.heads) ** -0.5)
            logits = _added(logits, bias)
            mixed = logits.softmax(dim=-1).to(value.dtype) @ value
        else:
            mixed = nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=bias.to(query.dtype)
            )
        attended = self.attended(mixed.transpose(1, 2).reshape(batch, slots, width))
        values = _added(attended, values)
        normed = torch.addcmul(shift2, self.norms[1](values), 1 + scale2)
        inner = nn.functional.silu(self.widen(normed), inplace=not torch.is_grad_enabled())
        return _added(self.narrow(inner), values)


def _added(own: Tensor, other: Tensor) -> Tensor:
    """Their sum, in place of what nothing else reads, unless autocast halved its precision."""
    return own.add_(other) if own.dtype == other.dtype else own + other


class TransformerShapes(ShapeNetwork):
    """Adaptive blocks on what is seen of the particles.

    Parameters
    ----------
    tables : SlotTables
    condition : int
    config : ModelConfig
        ``width``, ``blocks`` and ``heads`` of its section ``hierarchical``.
    """

    def __init__(self, tables: SlotTables, condition: int, config: ModelConfig):
        super().__init__(tables, condition, config)
        own = config.hierarchical
        self.blocks = nn.ModuleList(AdaptiveBlock(own.width, own.heads) for _ in range(own.blocks))

    def attend(self, values: Tensor, state: Tensor, seen: Seen) -> Tensor:
        """See `ShapeNetwork.attend`."""
        mask = seen.context.slots.mask
        bias = values.new_zeros(mask.shape).masked_fill_(~mask, -1e4)[:, None, None]
        for block in self.blocks:
            if self.recompute and torch.is_grad_enabled():
                values = checkpoint(block, values, state, bias, use_reentrant=False)
            else:
                values = block(values, state, bias)
        return values

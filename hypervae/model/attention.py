"""Attention between tokens (edges or hyperedges) and particles, and among tokens.

All of it runs in `torch.nn.functional.scaled_dot_product_attention`, whose fused kernels keep no
matrix of weights. A token that stands for n equal items carries ln n on its logits, which does to a
softmax what n copies of it would do.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypervae.model.dropout import Dropout
from hypervae.model.noise import JetNoise

#: Logit of an absent token. e to this is 0 in every floating-point type, and unlike minus infinity
#: it leaves a row of absent tokens finite, in float16 too.
ABSENT = -3e4


def mask_logits(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, T] which tokens are present -> [B, T] logits: 0 or `ABSENT`.

    Parameters
    ----------
    mask : [B, T] bool
    dtype : torch.dtype
        Of the logits.

    Returns
    -------
    [B, T]
    """
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, ABSENT)


def count_logits(count: Tensor) -> Tensor:
    """[B, T] how many items each token stands for -> [B, T] logits: ln(count), or `ABSENT`.

    Parameters
    ----------
    count : [B, T]
        0 for absent tokens.

    Returns
    -------
    [B, T]
    """
    tiny = torch.finfo(count.dtype).tiny
    return count.clamp_min(tiny).log().masked_fill(count <= 0, ABSENT)


def split_heads(values: Tensor, heads: int) -> Tensor:
    """[B, T, heads C] -> [B, heads, T, C], without a copy.

    Parameters
    ----------
    values : [B, T, heads C]
    heads : int

    Returns
    -------
    [B, heads, T, C]
    """
    return values.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(values: Tensor) -> Tensor:
    """[B, heads, T, C] -> [B, T, heads C].

    Parameters
    ----------
    values : [B, heads, T, C]

    Returns
    -------
    [B, T, heads C]
    """
    return values.transpose(1, 2).flatten(-2)


def head_width(width: int, heads: int) -> int:
    """Channels of a head: together they have `width`, rounded up to a multiple of the heads.

    Parameters
    ----------
    width : int
        Channels of all heads.
    heads : int

    Returns
    -------
    int
    """
    return -(-width // heads)


class ReadParticles(nn.Module):
    """Tokens read particles: multi-head attention (arXiv:1706.03762), added to the tokens.

    Parameters
    ----------
    width, particle_width : int
        Channels of a token and of a particle.
    heads : int
    """

    def __init__(self, width: int, particle_width: int, heads: int):
        super().__init__()
        self.heads, inner = heads, heads * head_width(width, heads)
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, inner)
        self.particle_norm = nn.LayerNorm(particle_width)
        self.key_value = nn.Linear(particle_width, 2 * inner)
        self.out = nn.Linear(inner, width)

    def project(self, particles: Tensor) -> tuple[Tensor, Tensor]:
        """[B, P, S] -> keys and values, [B, heads, P, C] each.

        Parameters
        ----------
        particles : [B, P, S]

        Returns
        -------
        keys, values : [B, heads, P, C]
        """
        keys, values = self.key_value(self.particle_norm(particles)).chunk(2, dim=-1)
        return split_heads(keys, self.heads), split_heads(values, self.heads)

    def forward(self, tokens: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Update tokens.

        Parameters
        ----------
        tokens : [B, T, width]
        keys, values : [B, heads, P, C]
            Of `project`.
        mask : [B, P]
            Present particles.

        Returns
        -------
        [B, T, width]
        """
        query = split_heads(self.query(self.norm(tokens)), self.heads)
        logits = mask_logits(mask, query.dtype)[:, None, None]
        read = F.scaled_dot_product_attention(query, keys, values, attn_mask=logits)
        return tokens + self.out(merge_heads(read))


class ReadTokens(nn.Module):
    """Particles read tokens: multi-query attention (arXiv:1911.02150).

    Each head of each particle has a query of its own, and all share the tokens themselves as keys
    and as values: nothing is computed or stored per token and head.

    Parameters
    ----------
    width, particle_width : int
        Channels of a token and of a particle.
    heads : int
    """

    def __init__(self, width: int, particle_width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(particle_width)
        self.query = nn.Linear(particle_width, heads * width)
        self.out = nn.Linear(heads * width, particle_width)

    def project(self, particles: Tensor) -> Tensor:
        """[B, P, S] -> queries [B, P heads, width].

        Parameters
        ----------
        particles : [B, P, S]

        Returns
        -------
        [B, P heads, width]
        """
        return self.query(self.norm(particles)).unflatten(-1, (self.heads, -1)).flatten(1, 2)

    def finish(self, read: Tensor) -> Tensor:
        """What the queries read, [B, P heads, width] -> update of the particles [B, P, S].

        Parameters
        ----------
        read : [B, P heads, width]

        Returns
        -------
        [B, P, S]
        """
        return self.out(read.unflatten(1, (-1, self.heads)).flatten(2))

    def forward(self, particles: Tensor, tokens: Tensor, count: Tensor) -> Tensor:
        """Update of the particles, [B, P, S].

        Parameters
        ----------
        particles : [B, P, S]
        tokens : [B, T, width]
        count : [B, T]
            How many items a token stands for.

        Returns
        -------
        [B, P, S]
        """
        query, keys = self.project(particles).unsqueeze(1), tokens.unsqueeze(1)
        mask = count_logits(count)[:, None, None].to(query.dtype)
        read = F.scaled_dot_product_attention(query, keys, keys, attn_mask=mask)
        return self.finish(read.squeeze(1))


class SelfAttention(nn.Module):
    """Tokens attend to all tokens of their jet, added to the tokens.

    Parameters
    ----------
    width, heads : int
    dropout : float
        Of what is added.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        self.heads, inner = heads, heads * head_width(width, heads)
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * inner)
        self.out, self.dropout = nn.Linear(inner, width), Dropout(dropout)

    def add(self, tokens: Tensor, read: Tensor, noise: JetNoise | None) -> Tensor:
        """Add to tokens what they read of each other.

        Parameters
        ----------
        tokens : [B, T, width]
        read : [B, T, heads C]
        noise : JetNoise, optional
            See `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, T, width]
        """
        added: Tensor = tokens + self.dropout(self.out(read), noise)
        return added

    def forward(self, tokens: Tensor, logits: Tensor, noise: JetNoise | None = None) -> Tensor:
        """Let tokens attend to each other.

        Parameters
        ----------
        tokens : [B, T, width]
        logits : [B, T]
            Of the tokens as keys: `count_logits` or `mask_logits`.
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, T, width]
        """
        query, keys, values = (
            split_heads(part, self.heads)
            for part in self.query_key_value(self.norm(tokens)).chunk(3, dim=-1)
        )
        mask = logits[:, None, None].to(query.dtype)
        read = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return self.add(tokens, merge_heads(read), noise)


class WindowAttention(SelfAttention):
    """Tokens attend to those near them in the sequence: to their window and the two beside it.

    The sequence is cut into windows of equal size, as in Longformer's chunked sliding window
    (arXiv:2004.05150): memory and time are linear in the number of tokens.

    Parameters
    ----------
    width, heads : int
    window : int
        Tokens in a window.
    dropout : float
        Of what is added.
    """

    def __init__(self, width: int, heads: int, window: int, dropout: float = 0.0):
        super().__init__(width, heads, dropout)
        self.window = window

    def forward(self, tokens: Tensor, logits: Tensor, noise: JetNoise | None = None) -> Tensor:
        """Let tokens attend to those near them; see `SelfAttention.forward`."""
        batch, length, _ = tokens.shape
        if length == 0:
            return tokens
        windows = -(-length // self.window)
        missing = windows * self.window - length
        query, keys, values = self.query_key_value(self.norm(tokens)).chunk(3, dim=-1)

        def cut(part: Tensor) -> Tensor:
            """[B, T, ...] -> [B, windows, window, ...]."""
            pad = (0, 0) * (part.dim() - 2) + (0, missing)
            return F.pad(part, pad).unflatten(1, (windows, self.window))

        def around(part: Tensor, fill: float = 0.0) -> Tensor:
            """[B, windows, window, ...] -> [B windows, 3 window, ...]."""
            pad = (0, 0) * (part.dim() - 2) + (1, 1)
            wide = F.pad(part, pad, value=fill)
            return torch.cat([wide[:, :-2], part, wide[:, 2:]], dim=2).flatten(0, 1)

        present = F.pad(logits, (0, missing), value=ABSENT).unflatten(1, (windows, self.window))
        read = F.scaled_dot_product_attention(
            split_heads(cut(query).flatten(0, 1), self.heads),
            split_heads(around(cut(keys)), self.heads),
            split_heads(around(cut(values)), self.heads),
            attn_mask=around(present, ABSENT)[:, None, None].to(query.dtype),
        )
        read = merge_heads(read).reshape(batch, windows * self.window, -1)[:, :length]
        return self.add(tokens, read, noise)

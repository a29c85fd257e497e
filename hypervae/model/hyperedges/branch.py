"""A branch of the encoder: tokens (edges or hyperedges) that exchange with the particles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hypervae.model.attention import ReadParticles, ReadTokens, count_logits
from hypervae.model.layers import ResidualMLP, pool
from hypervae.model.noise import JetNoise

#: Makes attention among tokens: a module of tokens [B, T, width] and their logits [B, T].
SelfAttentionFactory = Callable[[], nn.Module]


@dataclass(frozen=True)
class BranchConfig:
    """Sizes of a branch of tokens.

    Attributes
    ----------
    features : int
        Of a token.
    width : int
        Channels of a token within the network.
    particle_width : int
        S, channels of a particle.
    heads, blocks : int
        Attention heads; residual blocks of the MLP.
    dropout : float
        In the MLP, and of what tokens read of each other.
    cross_attention : bool
        Whether tokens and particles read each other.
    chunk : int
        Tokens per jet that are computed at once, where that is done in chunks.
    """

    features: int
    width: int
    particle_width: int
    heads: int
    blocks: int = 1
    dropout: float = 0.0
    cross_attention: bool = True
    chunk: int = 1024


class TokenNetwork(nn.Module):
    """What happens to each token: MLP, attention to other tokens and to particles, norm.

    Parameters
    ----------
    config : BranchConfig
    self_attention : callable, optional
        Makes the attention among tokens; without, they do not see each other.
    """

    def __init__(self, config: BranchConfig, self_attention: SelfAttentionFactory | None = None):
        super().__init__()
        width = config.width
        self.mlp = ResidualMLP(config.features, width, blocks=config.blocks, dropout=config.dropout)
        self.self_attention = None if self_attention is None else self_attention()
        self.particles = (
            ReadParticles(width, config.particle_width, config.heads)
            if config.cross_attention
            else None
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        features: Tensor,
        count: Tensor,
        keys: Tensor | None,
        values: Tensor | None,
        mask: Tensor,
        noise: JetNoise | None = None,
    ) -> Tensor:
        """Encode tokens.

        Parameters
        ----------
        features : [B, T, features]
        count : [B, T]
            Items that a token stands for; used where tokens attend to each other.
        keys, values : [B, heads, P, C], optional
            Of the particles; used with cross-attention.
        mask : [B, P] bool
            Present particles.
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, T, width]
        """
        tokens = self.mlp(features, noise)
        if self.self_attention is not None:
            tokens = self.self_attention(tokens, count_logits(count), noise)
        if self.particles is not None:
            tokens = self.particles(tokens, keys, values, mask)
        normed: Tensor = self.norm(tokens)
        return normed


class TokenBranch(nn.Module):
    """Encode tokens, exchange with the particles, pool.

    A token's features pass a residual MLP; the token then reads the other tokens, if it may, and
    the particles, and is normed; the particles read all tokens; the tokens' mean and maximum are
    the summary. How many items a token stands for weights the mean, adds its logarithm to attention
    logits, and enters nothing else.

    Parameters
    ----------
    config : BranchConfig
    self_attention : callable, optional
        See `TokenNetwork`.
    """

    def __init__(self, config: BranchConfig, self_attention: SelfAttentionFactory | None = None):
        super().__init__()
        self.chunk, self.width = config.chunk, config.width
        #: Whether to compute activations again in the backward pass (gradient checkpointing).
        self.recompute = False
        self.network = TokenNetwork(config, self_attention)
        self.reader = (
            ReadTokens(config.width, config.particle_width, config.heads)
            if config.cross_attention
            else None
        )

    def forward(
        self,
        features: Tensor,
        count: Tensor,
        particles: Tensor,
        mask: Tensor,
        noise: JetNoise | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Encode the tokens of a batch.

        Parameters
        ----------
        features : [B, T, features]
            T may be 0.
        count : [B, T]
            How many items a token stands for; 0 for padding, of which nothing else matters.
        particles : [B, P, S]
        mask : [B, P] bool
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        summary : [B, 2 width]
            Weighted mean and maximum over tokens; zeros for a jet without any.
        update : [B, P, S]
            To be added to the particles; zeros for a jet without tokens, for absent particles, and
            without cross-attention.
        """
        if features.shape[1] == 0:  # one token of padding: parameters keep (zero) gradients
            features = features.new_zeros(len(features), 1, features.shape[2])
            count = count.new_zeros(len(count), 1)
        summary, update = self.exchange(features, count, particles, mask, noise)
        if update is None:
            return summary, torch.zeros_like(particles)
        real = (count > 0).any(dim=1)[:, None] & mask
        return summary, update * real.unsqueeze(-1)

    def exchange(
        self,
        features: Tensor,
        count: Tensor,
        particles: Tensor,
        mask: Tensor,
        noise: JetNoise | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Summary and update as `forward` for T > 0, but with updates where nothing is to change.

        Parameters
        ----------
        features, count, particles, mask, noise
            See `forward`.

        Returns
        -------
        summary : [B, 2 width]
        update : [B, P, S], optional
            None without cross-attention.
        """
        keys, values = self.particle_keys(particles)
        tokens = self._tokens(features, count, keys, values, mask, noise)
        summary = pool(tokens, count)
        return summary, None if self.reader is None else self.reader(particles, tokens, count)

    def particle_keys(self, particles: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """[B, P, S] -> keys and values that tokens read, [B, heads, P, C] each, if they do.

        Parameters
        ----------
        particles : [B, P, S]

        Returns
        -------
        keys, values : [B, heads, P, C]
            None where the tokens read no particles.
        """
        if self.network.particles is None:
            return None, None
        return self.network.particles.project(particles)

    def _tokens(
        self,
        features: Tensor,
        count: Tensor,
        keys: Tensor | None,
        values: Tensor | None,
        mask: Tensor,
        noise: JetNoise | None,
    ) -> Tensor:
        """[B, T, width] of the network, with gradient checkpointing if that is on."""
        if not (self.recompute and torch.is_grad_enabled()):
            tokens: Tensor = self.network(features, count, keys, values, mask, noise)
            return tokens
        # in pieces, where tokens do not see each other: one at a time is computed again
        apart = self.network.self_attention is None
        size = self.chunk if apart else max(features.shape[1], 1)
        pieces = zip(
            torch.split(features, size, dim=1), torch.split(count, size, dim=1), strict=True
        )
        parts = [
            checkpoint(self.network, *piece, keys, values, mask, noise, use_reentrant=False)
            for piece in pieces
        ]
        return torch.cat(parts, dim=1)

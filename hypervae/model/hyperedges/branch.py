"""A branch of the encoder: tokens (edges or hyperedges) that exchange with the particles."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hypervae.model.attention import (
    ReadParticles,
    ReadTokens,
    SelfAttention,
    WindowAttention,
    count_logits,
)
from hypervae.model.hyperedges.chunked import chunked_summary
from hypervae.model.layers import ResidualMLP, pool

#: Modes in which tokens attend to each other.
SELF_ATTENTION = ("attention", "clustered", "sparse")


class TokenNetwork(nn.Module):
    """What happens to each token: MLP, attention to other tokens in some modes, to particles, norm.

    Parameters
    ----------
    As `TokenBranch`.
    """

    def __init__(
        self,
        features: int,
        width: int,
        particle_width: int,
        *,
        heads: int,
        blocks: int,
        dropout: float,
        cross_attention: bool,
        mode: str,
        window: int,
    ):
        super().__init__()
        self.mlp = ResidualMLP(features, width, blocks=blocks, dropout=dropout)
        self.among = None
        if mode == "sparse":
            self.among = WindowAttention(width, heads, window, dropout)
        elif mode in SELF_ATTENTION:
            self.among = SelfAttention(width, heads, dropout)
        self.particles = ReadParticles(width, particle_width, heads) if cross_attention else None
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        features: Tensor,
        count: Tensor,
        keys: Tensor | None,
        values: Tensor | None,
        mask: Tensor,
    ) -> Tensor:
        """[B, T, features] -> [B, T, width].

        Parameters
        ----------
        features : [B, T, features]
        count : [B, T]
            Used where tokens attend to each other.
        keys, values : [B, heads, P, C]
            Of the particles; used with cross-attention.
        mask : [B, P]
            Present particles.
        """
        tokens = self.mlp(features)
        if self.among is not None:
            tokens = self.among(tokens, count_logits(count))
        if self.particles is not None:
            tokens = self.particles(tokens, keys, values, mask)
        return self.norm(tokens)


class TokenBranch(nn.Module):
    """Encode tokens, exchange with the particles, pool.

    A token's features pass a residual MLP; the token then reads the particles, and is normed; the
    particles read all tokens; the tokens' mean and maximum are the summary. How many items a token
    stands for weights the mean, adds its logarithm to attention logits, and enters nothing else.

    ========================= ======================================================================
    mode                      tokens
    ========================= ======================================================================
    mlp, sampled, binned      as above
    chunked                   as above, with the same result, some at a time and computed again in
                              the backward pass
    attention, clustered      attend to all tokens of the jet, after the MLP
    sparse                    attend to tokens near them in the sequence (`tokens` sorts them by
                              order, R_L and ln w), after the MLP
    ========================= ======================================================================

    Modes of the first two rows have the same parameters.

    Parameters
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
        In the MLP.
    cross_attention : bool
        Whether tokens and particles read each other.
    mode : str
    chunk : int
        Tokens per jet that `chunked` takes at once.
    window : int
        Tokens in a window of `sparse`.
    """

    def __init__(
        self,
        features: int,
        width: int,
        particle_width: int,
        *,
        heads: int,
        blocks: int = 1,
        dropout: float = 0.0,
        cross_attention: bool = True,
        mode: str = "mlp",
        chunk: int = 1024,
        window: int = 32,
    ):
        super().__init__()
        self.mode, self.chunk, self.width = mode, chunk, width
        #: Whether to compute activations again in the backward pass (gradient checkpointing).
        self.recompute = False
        self.network = TokenNetwork(
            features,
            width,
            particle_width,
            heads=heads,
            blocks=blocks,
            dropout=dropout,
            cross_attention=cross_attention,
            mode=mode,
            window=window,
        )
        self.reader = ReadTokens(width, particle_width, heads) if cross_attention else None

    def forward(
        self, features: Tensor, count: Tensor, particles: Tensor, mask: Tensor
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
        keys = values = None
        if self.reader is not None:
            keys, values = self.network.particles.project(particles)
        if self.mode == "chunked":
            query = particles.new_zeros(len(particles), 0, self.width)
            if self.reader is not None:
                query = self.reader.project(particles)
            summary, read = chunked_summary(
                self.network, features, count, query, keys, values, mask, self.chunk
            )
            if self.reader is None:
                return summary, torch.zeros_like(particles)
            update = self.reader.finish(read)
        else:
            tokens = self._tokens(features, count, keys, values, mask)
            summary = pool(tokens, count)
            if self.reader is None:
                return summary, torch.zeros_like(particles)
            update = self.reader(particles, tokens, count)
        real = (count > 0).any(dim=1)[:, None] & mask
        return summary, update * real.unsqueeze(-1)

    def _tokens(
        self,
        features: Tensor,
        count: Tensor,
        keys: Tensor | None,
        values: Tensor | None,
        mask: Tensor,
    ) -> Tensor:
        """As the network's forward, with gradient checkpointing if that is on."""
        if not (self.recompute and torch.is_grad_enabled()):
            return self.network(features, count, keys, values, mask)
        # in pieces, where tokens do not see each other: one at a time is computed again
        size = max(features.shape[1], 1) if self.mode in SELF_ATTENTION else self.chunk
        pieces = zip(features.split(size, dim=1), count.split(size, dim=1), strict=True)
        parts = [
            checkpoint(self.network, *piece, keys, values, mask, use_reentrant=False)
            for piece in pieces
        ]
        return torch.cat(parts, dim=1)

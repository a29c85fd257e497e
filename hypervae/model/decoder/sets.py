"""Hyperedge decoders that predict sets (or clusters of sets) one by one, in O(K) memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hypervae.config import ModelConfig
from hypervae.model.attention import SelfAttention, WindowAttention, mask_logits
from hypervae.model.layers import ResidualMLP
from hypervae.model.tokens import cluster_members, complete_members
from hypervae.normalization import Normalization


class SetDecoder(nn.Module):
    """Features of sets of slots: an MLP of the sum of what their members give.

    A set's vector is the sum of its members' and of an embedding of its order, so the order of the
    members does not matter. ``attention`` and ``sparse`` let sets attend to each other (to all, or
    to those next to them in colexicographic order, which share members); ``chunked`` recomputes in
    the backward pass; ``sampled`` predicts the sets that the batch names; ``clustered`` predicts
    the mean over all sets with the same two hardest members.

    Parameters
    ----------
    config : ModelConfig
    normalization : Normalization
        Gives orders, slots and features.
    scalars : int
        Channels of the slots.
    """

    def __init__(self, config: ModelConfig, normalization: Normalization, scalars: int):
        super().__init__()
        self.mode, self.chunk = config.hyperedge_decoder, config.hyperedge_chunk
        self.recompute = False  # gradient checkpointing
        orders = normalization.hyperedge_orders
        slots = min(
            normalization.max_particles, normalization.settings["hyperedges"]["max_particles"]
        )
        list_of = cluster_members if self.mode == "clustered" else complete_members
        members, order = list_of(slots, tuple(orders))
        # the row of no slot, for all slots that the particle decoder has
        members = members.masked_fill(members == slots, normalization.max_particles)
        self.register_buffer("_members", members, persistent=False)
        self.register_buffer("_order", order, persistent=False)
        width = config.hyperedge_width
        self.ends = nn.Linear(scalars, width)
        self.order_embedding = nn.Embedding(max(len(orders), 1), width)
        self.mix: nn.Module | None = None
        if self.mode == "attention":
            self.mix = SelfAttention(width, config.heads)
        elif self.mode == "sparse":
            self.mix = WindowAttention(width, config.heads, config.hyperedge_window)
        self.head = nn.Sequential(
            ResidualMLP(width, width, config.token_blocks, config.dropout),
            nn.GELU(),
            nn.Linear(width, len(normalization.hyperedge.names)),
        )

    def forward(self, scalars: Tensor, present: Tensor, index: Tensor | None = None) -> Tensor:
        """Decode sets.

        Parameters
        ----------
        scalars : [B, P, S]
        present : [B, P] bool
            Slots in use; sets attend to sets of such slots only.
        index : [B, K] int64, optional
            Numbers of the sets; all when left out.

        Returns
        -------
        [B, K, F]
        """
        # one row of absent slots at the end pads the members of the smaller sets
        ends = nn.functional.pad(self.ends(scalars), (0, 0, 0, 1))
        if self.mode == "sampled" and index is not None:
            return self._run(ends, self._members[index], self._order[index])
        numbers = slice(None) if index is None else index[0]  # the same for all jets
        members, order = self._members[numbers], self._order[numbers]
        if self.mode == "chunked":
            pieces = zip(members.split(self.chunk), order.split(self.chunk), strict=True)
            return torch.cat(
                [
                    checkpoint(self._decode, ends, some, kind, use_reentrant=False)
                    for some, kind in pieces
                ],
                dim=1,
            )
        logits = None
        if self.mix is not None:
            padded = nn.functional.pad(present, (0, 1), value=True)
            logits = mask_logits(padded[:, members].all(dim=-1), ends.dtype)
        return self._run(ends, members, order, logits)

    def _run(self, *arguments: Tensor | None) -> Tensor:
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self._decode, *arguments, use_reentrant=False)
        return self._decode(*arguments)

    def _decode(
        self, ends: Tensor, members: Tensor, order: Tensor, logits: Tensor | None = None
    ) -> Tensor:
        """Decode sets of members [K, N] or [B, K, N]."""
        tokens = self.order_embedding(order)
        if members.ndim == 2:
            for place in range(members.shape[1]):
                tokens = tokens + ends[:, members[:, place]]
        else:
            rows = torch.arange(len(ends), device=ends.device).unsqueeze(1)
            for place in range(members.shape[2]):
                tokens = tokens + ends[rows, members[..., place]]
        if self.mix is not None and logits is not None:
            tokens = self.mix(tokens, logits)
        return self.head(tokens)

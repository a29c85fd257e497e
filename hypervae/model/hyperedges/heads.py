"""The head of modes that predict sets (or clusters of sets) one by one, in O(K) memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hypervae.config import ModelConfig
from hypervae.model.attention import mask_logits
from hypervae.model.hyperedges.branch import SelfAttentionFactory
from hypervae.model.hyperedges.interface import HyperedgeHead
from hypervae.model.hyperedges.listing import SetList
from hypervae.model.hyperedges.sets import ListedSets, ListedTargets
from hypervae.model.layers import MLPHead, ReadOut, ResidualMLP
from hypervae.model.noise import JetNoise
from hypervae.normalization import Normalization


class ListedHead(HyperedgeHead[ListedSets, ListedTargets]):
    """Features of sets of slots: an MLP of the sum of what their members give.

    A set's vector is the sum of its members' and of an embedding of its order, so the order of the
    members does not matter.

    Parameters
    ----------
    config : ModelConfig
    normalization : Normalization
        Gives orders, slots and features.
    scalars : int
        Channels of the slots.
    sets : SetList
        What can be predicted.
    self_attention : callable, optional
        Makes attention among sets of slots in use; without, they do not see each other.
    """

    _members: Tensor
    _order: Tensor

    def __init__(
        self,
        config: ModelConfig,
        normalization: Normalization,
        scalars: int,
        sets: SetList,
        self_attention: SelfAttentionFactory | None = None,
    ):
        super().__init__()
        self.chunk = config.hyperedge_chunk
        #: Whether to compute activations again in the backward pass (gradient checkpointing).
        self.recompute = False
        # the row of no slot, for all slots that the particle decoder has
        absent = sets.members == normalization.hyperedge_particles
        members = sets.members.masked_fill(absent, normalization.max_particles)
        self.register_buffer("_members", members, persistent=False)
        self.register_buffer("_order", sets.order, persistent=False)
        width = config.hyperedge_width
        self.ends = nn.Linear(scalars, width)
        self.order_embedding = nn.Embedding(max(len(normalization.hyperedge_orders), 1), width)
        self.self_attention = None if self_attention is None else self_attention()
        self.head = MLPHead(
            ResidualMLP(width, width, config.token_blocks, config.dropout),
            nn.GELU(),
            ReadOut(width, len(normalization.hyperedge.names)),
        )

    def forward(
        self,
        state: Tensor,
        scalars: Tensor,
        present: Tensor,
        targets: ListedTargets | None = None,
        noise: JetNoise | None = None,
    ) -> ListedSets:
        """Predict sets.

        Parameters
        ----------
        state : [B, hidden]
            Not read.
        scalars : [B, P, S]
        present : [B, P] bool
            Slots in use; sets attend to sets of such slots only.
        targets : ListedTargets, optional
            Names the sets; all when left out.
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        ListedSets
        """
        # one row of absent slots at the end pads the members of the smaller sets
        ends = nn.functional.pad(self.ends(scalars), (0, 0, 0, 1))
        members, order = self.asked_for(targets)
        return ListedSets(self.predict(ends, members, order, present, noise))

    def asked_for(self, targets: ListedTargets | None) -> tuple[Tensor, Tensor]:
        """Members and orders of the sets to predict, by default the same for all jets.

        Parameters
        ----------
        targets : ListedTargets, optional

        Returns
        -------
        members : [K, N] or [B, K, N] int64
        order : [K] or [B, K] int64
        """
        if targets is None:
            return self._members, self._order
        return self._members[targets.index[0]], self._order[targets.index[0]]

    def predict(
        self,
        ends: Tensor,
        members: Tensor,
        order: Tensor,
        present: Tensor,
        noise: JetNoise | None,
    ) -> Tensor:
        """Predict sets of given members.

        Parameters
        ----------
        ends : [B, P + 1, width]
            Of the slots, and of no slot.
        members, order
            See `asked_for`.
        present : [B, P] bool
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, K, F]
        """
        logits = None
        if self.self_attention is not None:
            padded = nn.functional.pad(present, (0, 1), value=True)
            logits = mask_logits(padded[:, members].all(dim=-1), ends.dtype)
        if self.recompute and torch.is_grad_enabled():
            predicted: Tensor = checkpoint(
                self.decode, ends, members, order, logits, noise, use_reentrant=False
            )
            return predicted
        return self.decode(ends, members, order, logits, noise)

    def decode(
        self,
        ends: Tensor,
        members: Tensor,
        order: Tensor,
        logits: Tensor | None = None,
        noise: JetNoise | None = None,
    ) -> Tensor:
        """Network of the sets.

        Parameters
        ----------
        ends, members, order
            See `predict`.
        logits : [B, K], optional
            Of attention among the sets.
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, K, F]
        """
        tokens: Tensor = self.order_embedding(order)
        if members.ndim == 2:
            for place in range(members.shape[1]):
                tokens = tokens + ends[:, members[:, place]]
        else:
            rows = torch.arange(len(ends), device=ends.device).unsqueeze(1)
            for place in range(members.shape[2]):
                tokens = tokens + ends[rows, members[..., place]]
        if self.self_attention is not None and logits is not None:
            tokens = self.self_attention(tokens, logits, noise)
        features: Tensor = self.head(tokens, noise)
        return features

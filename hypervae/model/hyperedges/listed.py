"""What the modes have in common whose hyperedges are sets (or clusters of sets), one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.config import ModelConfig
from hypervae.model.hyperedges.branch import BranchConfig, SelfAttentionFactory, TokenBranch
from hypervae.model.hyperedges.consistency import HyperedgeConsistency, ListedConsistency
from hypervae.model.hyperedges.heads import ListedHead
from hypervae.model.hyperedges.interface import HyperedgeMode
from hypervae.model.hyperedges.listing import (
    SetList,
    complete_features,
    complete_list,
    numbers_in_list,
    set_counts_of,
)
from hypervae.model.hyperedges.sets import ListedSets, ListedTargets
from hypervae.model.hyperedges.source import HyperedgeSource, Tokens
from hypervae.model.losses.squares import masked_mse
from hypervae.normalization import Normalization


class ListedMode(HyperedgeMode[ListedSets, ListedTargets]):
    """A token, and a target, for each set of a jet; tokens and sets do not see each other.

    A mode of this kind overrides what it does in another way.
    """

    def list_of(self, normalization: Normalization) -> SetList:
        """What the head can predict; `ListedTargets.index` numbers it.

        Parameters
        ----------
        normalization : Normalization

        Returns
        -------
        SetList
        """
        return complete_list(
            normalization.hyperedge_particles, tuple(normalization.hyperedge_orders)
        )

    def most_tokens(self, config: ModelConfig, normalization: Normalization) -> int:
        """Tokens that a jet has at most: all sets."""
        particles = normalization.hyperedge_particles
        return sum(set_counts_of(particles, normalization.hyperedge_orders))

    def encoder_attention(
        self, config: BranchConfig, model: ModelConfig
    ) -> SelfAttentionFactory | None:
        """What makes the attention among tokens; none by default.

        Parameters
        ----------
        config : BranchConfig
        model : ModelConfig

        Returns
        -------
        SelfAttentionFactory, optional
        """
        return None

    def head_attention(self, config: ModelConfig) -> SelfAttentionFactory | None:
        """What makes the attention among predicted sets; none by default.

        Parameters
        ----------
        config : ModelConfig

        Returns
        -------
        SelfAttentionFactory, optional
        """
        return None

    def tokens(self, source: HyperedgeSource) -> Tokens:
        """One token for each set, order by order; see `complete_features`."""
        values, mask = source.once(complete_features)
        lengths = set_counts_of(source.most, source.orders)
        order = np.repeat(np.arange(len(source.orders)), lengths)
        return Tokens(values, order, mask.astype(source.array_type))

    def branch(self, config: BranchConfig, model: ModelConfig) -> TokenBranch:
        """The encoder's branch, with the attention of the mode."""
        return TokenBranch(config, self.encoder_attention(config, model))

    def head(self, config: ModelConfig, normalization: Normalization, scalars: int) -> ListedHead:
        """What predicts the sets, with the attention of the mode."""
        return ListedHead(
            config,
            normalization,
            scalars,
            self.list_of(normalization),
            self.head_attention(config),
        )

    def targets(self, source: HyperedgeSource) -> ListedTargets:
        """Features of every set of each jet."""
        values, mask = source.once(complete_features)
        slots = source.normalization.hyperedge_particles
        here, there = (set_counts_of(n, source.orders) for n in (source.most, slots))
        index = source.of_each_jet(numbers_in_list(here, there))
        return ListedTargets(source.tensor(values[..., :-1]), index, torch.from_numpy(mask))

    def loss(self, decoded: ListedSets, targets: ListedTargets) -> Tensor:
        """[B] mean squared difference of the features of the sets that a jet has."""
        if not decoded.features.shape[1]:
            return decoded.features.new_zeros(len(decoded))
        return masked_mse(decoded.features, targets.features, targets.mask)

    def consistency(self, normalization: Normalization) -> HyperedgeConsistency:
        """Cramer distance between the distributions of each feature over the sets."""
        return ListedConsistency(normalization)

    def export_metadata(self, normalization: Normalization) -> dict[str, Any]:
        """Names of the columns of ``hyperedge_attr``."""
        return {"hyperedge_attr": list(normalization.hyperedge.names)}

    def export(
        self, decoded: ListedSets, multiplicity: NDArray[np.int64], normalization: Normalization
    ) -> list[dict[str, Tensor]]:
        """``hyperedge_attr`` [K, F] and ``hyperedge_index`` [2, incidences] of each jet."""
        features = decoded.features.double().cpu().numpy()
        restored = torch.from_numpy(normalization.hyperedge.inverse(features).astype(np.float32))
        found = []
        for row, particles in enumerate(multiplicity):
            kept, incidence = self._incidence(int(particles), normalization)
            found.append({"hyperedge_attr": restored[row, kept], "hyperedge_index": incidence})
        return found

    def unnamed_members(self, order: Tensor, orders: list[int]) -> Tensor | int:
        """Members of a set that its entry in the list does not name, and that come after these.

        Parameters
        ----------
        order : [K] int64
            Index of the order of each entry.
        orders : list of int

        Returns
        -------
        Tensor | int
        """
        return 0

    def _incidence(self, particles: int, normalization: Normalization) -> tuple[Tensor, Tensor]:
        """Numbers of the sets of the hardest particles, and their incidence with these."""
        members, order = self.list_of(normalization)
        present = members < normalization.hyperedge_particles
        last = members.masked_fill(~present, -1).amax(dim=1)
        last = last + self.unnamed_members(order, normalization.hyperedge_orders)
        kept = torch.nonzero(last < particles).flatten()
        sets, places = torch.nonzero(present[kept], as_tuple=True)
        return kept, torch.stack([members[kept][sets, places], sets])

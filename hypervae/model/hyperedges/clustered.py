"""Mode ``clustered``: one token for all sets of an order with the same two hardest members."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.config import ModelConfig
from hypervae.correlators import sets
from hypervae.correlators.clusters import cluster_counts, cluster_features
from hypervae.model.attention import SelfAttention
from hypervae.model.hyperedges.branch import BranchConfig, SelfAttentionFactory
from hypervae.model.hyperedges.consistency import (
    HyperedgeConsistency,
    ListedConsistency,
    stratified_indices,
)
from hypervae.model.hyperedges.listed import ListedMode
from hypervae.model.hyperedges.listing import SetList, numbers_in_list, padded_list
from hypervae.model.hyperedges.sets import ListedTargets
from hypervae.model.hyperedges.source import HyperedgeSource, Tokens
from hypervae.model.losses.recomputed import colex_members, interpolated
from hypervae.model.noise import JetNoise
from hypervae.normalization import Normalization

# Sets drawn of a cluster.
_SETS_OF_CLUSTER = 8


@functools.lru_cache(maxsize=16)
def cluster_list(slots: int, orders: tuple[int, ...]) -> SetList:
    """The two hardest members of each cluster of sets of slots, which are sorted by falling pT.

    Pairs are in the order of `geometry.pair_indices`.

    Parameters
    ----------
    slots : int
    orders : tuple of int
        Sizes of the sets.

    Returns
    -------
    SetList
    """
    # the pair is followed by the set's other members
    pairs = [sets.set_members(max(slots - order + 2, 0), 2) for order in orders]
    return padded_list(pairs, slots, 2)


def clustered_features(
    source: HyperedgeSource,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Mean features of the clusters.

    Parameters
    ----------
    source : HyperedgeSource

    Returns
    -------
    values : [n, K, F + 1]
        Scaled means of ln(ENC/E2C) per order and of ln w, and ln of the sum of w.
    count : [n, K]
        Sets of each cluster; 0 for one that a jet does not have.
    """
    arrays = (
        source.pair_bins,
        source.multiplicity,
        source.log_weight,
        source.orders,
        source.ratios,
    )
    means, count, total = cluster_features(*arrays)
    values = np.zeros((*count.shape, source.ratios.shape[1] + 2), dtype=source.array_type)
    present = count > 0
    values[present, :-2] = means[present, :-1]
    values[present, -2] = source.scale_log(means[present, -1])
    values[present, -1] = source.scale_log(np.log(total[present]))
    return values, count.astype(source.array_type)


class Clustered(ListedMode):
    """Clusters of sets; those of a jet attend to each other. O(P^2) clusters of P particles."""

    def list_of(self, normalization: Normalization) -> SetList:
        """The clusters of all slots; see `cluster_list`."""
        return cluster_list(
            normalization.hyperedge_particles, tuple(normalization.hyperedge_orders)
        )

    def most_tokens(self, config: ModelConfig, normalization: Normalization) -> int:
        """Tokens that a jet has at most: all clusters."""
        particles = normalization.hyperedge_particles
        return sum(cluster_counts(particles, normalization.hyperedge_orders))

    def tokens(self, source: HyperedgeSource) -> Tokens:
        """One token for each cluster, standing for its sets."""
        values, count = source.once(clustered_features)
        lengths = cluster_counts(source.most, source.orders)
        return Tokens(values, np.repeat(np.arange(len(lengths)), lengths), count)

    def encoder_attention(self, config: BranchConfig, model: ModelConfig) -> SelfAttentionFactory:
        """Full attention among clusters."""
        return functools.partial(SelfAttention, config.width, config.heads, config.dropout)

    def targets(self, source: HyperedgeSource) -> ListedTargets:
        """Mean features of the clusters that each jet has."""
        values, count = source.once(clustered_features)
        slots = source.normalization.hyperedge_particles
        here, there = (cluster_counts(n, source.orders) for n in (source.most, slots))
        index = source.of_each_jet(numbers_in_list(here, there))
        return ListedTargets(source.tensor(values[..., :-1]), index, torch.from_numpy(count > 0))

    def consistency(self, normalization: Normalization) -> HyperedgeConsistency:
        """As of single sets, for the mean features of the clusters."""
        return ClusteredConsistency(normalization)

    def unnamed_members(self, order: Tensor, orders: list[int]) -> Tensor:
        """All members but the two hardest; see `ListedMode.unnamed_members`."""
        return torch.tensor(orders)[order] - 2


class ClusteredConsistency(ListedConsistency):
    """Per order the Cramer distance between the distributions over clusters of each feature.

    Parameters
    ----------
    normalization : Normalization
    """

    def entries_drawn(self) -> int:
        """Clusters of a jet, of all orders, that stand for all."""
        return super().entries_drawn() // (_SETS_OF_CLUSTER // 2)

    def entries(self, order: int) -> int:
        """Clusters of an order; see `cluster_list`."""
        return math.comb(max(self.slots - order + 2, 0), 2)

    def recomputed(
        self,
        number: Tensor,
        order: int,
        squared: Tensor,
        logs: Tensor,
        used: Tensor,
        noise: JetNoise,
    ) -> tuple[Tensor, Tensor]:
        """Mean features of all sets with the same two hardest members.

        The mean ratios are of a sample of these sets, the mean ln w is of all.

        Parameters
        ----------
        number, order, squared, logs, used, noise
            See `ListedConsistency.recomputed`.

        Returns
        -------
        features : [B, K, F]
        valid : [B, K] bool
            Whether there is such a set.
        """
        batch, width = number.shape
        hardest = colex_members(number, 2, self.binomials)
        last = hardest[..., 1]
        softer = (used[:, : self.slots].sum(1, keepdim=True) - 1 - last).clamp_min(0)
        total = self.binomials[softer, order - 2]
        rest, valid = stratified_indices(total, _SETS_OF_CLUSTER, noise)
        others = colex_members(rest, order - 2, self.binomials) + last[..., None, None] + 1
        pair = hardest.unsqueeze(2).expand(-1, -1, _SETS_OF_CLUSTER, -1)
        members = torch.cat([pair, others.clamp_max(self.slots - 1)], dim=-1)
        position = self.bin_position(squared, members.flatten(1, 2))
        ratios = interpolated(self.ln_ratio.to(logs.dtype), position)
        weights = valid / valid.sum(-1, keepdim=True).clamp_min(1)
        ratios = (
            ratios.view(batch, width, _SETS_OF_CLUSTER, -1) * weights.to(logs.dtype).unsqueeze(-1)
        ).sum(2)
        present = logs.masked_fill(~used, 0)[:, : self.slots]
        after = present.flip(1).cumsum(1).flip(1) - present  # sum over the softer ones
        mean_after = after.gather(1, last) / softer.clamp_min(1)
        both = logs.gather(1, hardest.flatten(1)).view_as(hardest).sum(-1)
        log_weight = (both + (order - 2) * mean_after).unsqueeze(-1)
        return torch.cat([ratios, log_weight], dim=-1), total > 0


CLUSTERED = Clustered()

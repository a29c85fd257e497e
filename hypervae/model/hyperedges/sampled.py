"""Mode ``sampled``: some sets of each jet, drawn at random."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.config import ModelConfig
from hypervae.correlators.sampled_sets import SampledSets, sample_sets
from hypervae.model.hyperedges.heads import ListedHead
from hypervae.model.hyperedges.listed import ListedMode
from hypervae.model.hyperedges.listing import set_counts_of
from hypervae.model.hyperedges.sets import ListedTargets
from hypervae.model.hyperedges.source import HyperedgeSource, Tokens
from hypervae.normalization import Normalization


def sampled_features(
    source: HyperedgeSource,
) -> tuple[SampledSets, NDArray[np.floating], NDArray[np.bool_]]:
    """Sets drawn without replacement, with their features.

    Parameters
    ----------
    source : HyperedgeSource

    Returns
    -------
    sample : SampledSets
        S sets at most.
    values : [n, S, F + 1]
        Scaled ln(ENC/E2C) per order, and ln w twice.
    mask : [n, S] bool
        Which are there.
    """
    sample = sample_sets(
        source.pair_bins,
        source.multiplicity,
        source.log_weight,
        source.orders,
        source.hyperedge_samples,
        source.keys,
    )
    mask = np.arange(sample.rl_bin.shape[1]) < sample.size[:, None]
    values = np.empty((*mask.shape, source.ratios.shape[1] + 2), dtype=source.array_type)
    values[..., :-2] = source.ratios[sample.rl_bin]
    values[..., -2:] = source.scale_log(sample.log_weight)[..., None]
    values *= mask[..., None]
    return sample, values, mask


class SampledHead(ListedHead):
    """A head that predicts, in training, the sets that were drawn of each jet."""

    def asked_for(self, targets: ListedTargets | None) -> tuple[Tensor, Tensor]:
        """Members and orders of the sets of each jet; see `ListedHead.asked_for`."""
        if targets is None:
            return super().asked_for(targets)
        return self._members[targets.index], self._order[targets.index]


class Sampled(ListedMode):
    """``hyperedge_samples`` sets of each jet, weighted so that means are unbiased: O(S) memory."""

    saves_memory = True

    def most_tokens(self, config: ModelConfig, normalization: Normalization) -> int:
        """Tokens that a jet has at most: the sets drawn."""
        return min(super().most_tokens(config, normalization), config.hyperedge_samples)

    def tokens(self, source: HyperedgeSource) -> Tokens:
        """One token for each set drawn, standing for (sets of the jet) / (sets drawn)."""
        sample, values, mask = source.once(sampled_features)
        share = sample.total / np.maximum(sample.size, 1)
        count = (mask * share[:, None]).astype(source.array_type)
        return Tokens(values, sample.order, count)

    def head(self, config: ModelConfig, normalization: Normalization, scalars: int) -> ListedHead:
        """What predicts the sets drawn."""
        return SampledHead(config, normalization, scalars, self.list_of(normalization))

    def targets(self, source: HyperedgeSource) -> ListedTargets:
        """Features of the sets drawn."""
        sample, values, mask = source.once(sampled_features)
        slots = source.normalization.hyperedge_particles
        starts = np.cumsum([0, *set_counts_of(slots, source.orders)])
        index = source.of_each_jet((starts[sample.order] + sample.number) * mask)
        return ListedTargets(source.tensor(values[..., :-1]), index, torch.from_numpy(mask))


SAMPLED = Sampled()

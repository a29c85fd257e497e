"""Consistency of decoded edges and hyperedges with those of the decoded particles.

Which side gives way matters. Edges and single sets are trained by a squared error each, which gives
means, and these spread less than the truth: so they follow the particles, which get no gradient. A
binned hyperedge decoder is trained on whole distributions, of which the Chamfer distance sees
nothing: so the particles follow it, and it follows them with a small share of the gradient. What a
flow's particles are in training is an estimate of their mean, which nothing else may pull at: they
get no gradient. docs/decisions.md says what was measured.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from hypervae.correlators.features import DELTA_FLOOR
from hypervae.correlators.geometry import pair_indices
from hypervae.correlators.sets import set_counts
from hypervae.model import noise
from hypervae.model.decoder.interface import Decoded
from hypervae.model.inputs import JetBatch
from hypervae.model.losses.histogram import cramer_distance, soft_histogram
from hypervae.model.losses.recomputed import (
    angular_differences,
    bin_position,
    colex_members,
    edge_features,
    farthest,
    interpolated,
    log_weights,
)
from hypervae.normalization import Normalization

# Share of the gradient of binned hyperedges that reaches the hyperedge head; all of it reaches the
# particles.
_HEAD_SHARE = 0.25
# Bins of scaled features, from the center of the first to that of the last: around mean 0 and width
# 1, or around [0, 1].
_SCALED_RANGE = {"zscore": (-6.0, 6.0), "minmax": (-0.25, 1.25)}
_SCALED_BINS = 49
# Sets drawn for each jet and order, and sets drawn of a cluster.
_SETS = 256
_SETS_OF_CLUSTER = 8


def yielding(values: Tensor, share: float) -> Tensor:
    """The same values, with `share` of their gradient."""
    return values.detach() + share * (values - values.detach())


def feature_distance(
    decoded: Tensor, recomputed: Tensor, weights: Tensor, low: float, width: float
) -> Tensor:
    """Cramer distance between the distributions of decoded and of recomputed features.

    Parameters
    ----------
    decoded, recomputed : [B, N, F]
        Scaled.
    weights : [B, N]
        Sum to 1 (or all are 0: then the distance is 0).
    low, width : float
        Center of the first bin, width of the bins.

    Returns
    -------
    [B]
        In units of the scaled features; mean over the features.
    """
    one, other = (
        soft_histogram((values - low) / width, weights, _SCALED_BINS)
        for values in (decoded, recomputed)
    )
    return width * cramer_distance(one - other).mean(-1)


def drawn(total: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Draw `count` of the numbers 0 to total - 1 without preference, one of each of `count` parts.

    Parameters
    ----------
    total : [B, ...] int64
        Where it is not above `count`, each number comes once.
    count : int

    Returns
    -------
    number : [B, ..., count] int64
    valid : [B, ..., count] bool
        Whether there is such a number.
    """
    place = torch.arange(count, device=total.device)
    total = total.unsqueeze(-1)
    # double precision: there are more sets than float32 has integers
    double = torch.empty(0, dtype=torch.float64, device=total.device)
    where = place + noise.uniform(*total.shape[:-1], count, like=double)
    number = torch.minimum((where * (total / count)).long(), total - 1)
    few = total <= count
    number = torch.where(few, torch.minimum(place, total - 1), number)
    return number.clamp_min(0), ~few | (place < total)


class EdgeConsistency(nn.Module):
    """Distribution over the pairs of slots in use of each edge feature: decoded, and recomputed.

    The edge head is trained by the squared error of each pair, which gives means; this term asks
    for the spread that the particles have. It trains the edge head, and what that reads.

    Parameters
    ----------
    normalization : Normalization
    """

    def __init__(self, normalization: Normalization):
        super().__init__()
        binning = normalization.binning
        self.ln_low = math.log(binning.low)
        self.ln_width = math.log(binning.high / binning.low) / binning.bins
        self.low, high = _SCALED_RANGE[normalization.method]
        self.width = (high - self.low) / (_SCALED_BINS - 1)
        self.jet_offset = float(normalization.jet.offset[0])
        self.jet_scale = float(normalization.jet.scale[0])
        first, second = pair_indices(normalization.max_particles)
        for name, values in {
            "first": first,
            "second": second,
            "ln_e2c": normalization.ln_e2c,
            "offset": normalization.edge.offset,
            "scale": normalization.edge.scale,
        }.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, decoded: Decoded) -> Tensor:
        """[B] mean over the features of the Cramer distance, in scaled units."""
        coordinates = decoded.coordinates.detach()
        real = coordinates.dtype
        # (the jet's pT only sets the unit of kT and m^2)
        ln_jet_pt = decoded.jet[:, 0].detach() * self.jet_scale + self.jet_offset
        values = edge_features(
            coordinates,
            ln_jet_pt,
            self.first,
            self.second,
            self.ln_e2c.to(real),
            self.ln_low,
            self.ln_width,
        )
        recomputed = (values - self.offset.to(real)) / self.scale.to(real)
        used = decoded.presence > 0.5
        pairs = (used[:, self.first] & used[:, self.second]).to(real)
        weights = pairs / pairs.sum(1, keepdim=True).clamp_min(1)
        return feature_distance(decoded.edges, recomputed, weights, self.low, self.width)


class HyperedgeConsistency(nn.Module):
    """Hyperedges of the slots in use: decoded, and recomputed from a sample of their sets.

    For the binned decoder, per order the squared distance of the cumulative distributions in R_L
    (in bins) and the squared difference of the mean ln w, as in `tokens.histogram_distance`. For
    decoders of single sets, per order the Cramer distance between the distributions over sets of
    each feature, in scaled units.

    Parameters
    ----------
    normalization : Normalization
    clustered : bool
        Whether the decoder predicts clusters of sets.
    """

    def __init__(self, normalization: Normalization, clustered: bool = False):
        super().__init__()
        settings, binning = normalization.settings, normalization.binning
        self.orders, self.clustered = normalization.hyperedge_orders, clustered
        self.slots = min(normalization.max_particles, settings["hyperedges"]["max_particles"])
        self.bins = binning.size
        self.ln_low = math.log(binning.low)
        self.ln_width = math.log(binning.high / binning.low) / binning.bins
        self.low, high = _SCALED_RANGE[normalization.method]
        self.width = (high - self.low) / (_SCALED_BINS - 1)
        self.exponent = float(settings["exponent"])
        self.energy = settings["weight"] == "energy"
        self.eta_offset = float(normalization.jet.offset[1])
        self.eta_scale = float(normalization.jet.scale[1])
        first, second = pair_indices(self.slots)
        for name, values in {
            "first": first,
            "second": second,
            "binomials": set_counts(self.slots, max([2, *self.orders])),
            "ln_ratio": normalization.ln_ratio,
            "offset": normalization.hyperedge.offset,
            "scale": normalization.hyperedge.scale,
        }.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(values)), persistent=False)

    def forward(self, decoded: Decoded, batch: JetBatch) -> Tensor:
        """[B] mean over the orders that have sets; 0 without any."""
        binned = bool(decoded.set_log_weight.shape[-1])
        coordinates = decoded.coordinates
        if not binned or decoded.matching is not None:
            coordinates = coordinates.detach()
        used = decoded.presence > 0.5
        eta = None
        if self.energy:
            eta = decoded.jet[:, 1].detach() * self.eta_scale + self.eta_offset
        logs = log_weights(coordinates, used, self.exponent, eta)
        if binned:
            return self._binned(decoded, coordinates, logs, used)
        if decoded.sets.shape[1] and self.orders:
            return self._listed(decoded.sets, batch, coordinates, logs, used)
        return coordinates.new_zeros(len(coordinates))

    def _squared(self, coordinates: Tensor) -> Tensor:
        d_eta, d_phi = angular_differences(coordinates[:, : self.slots], self.first, self.second)
        return d_eta.square() + d_phi.square()

    def _position(self, squared: Tensor, members: Tensor) -> Tensor:
        """[B, K] R_L of sets, in bins."""
        ln_distance = 0.5 * farthest(squared, members).clamp_min(DELTA_FLOOR**2).log()
        return bin_position(ln_distance, self.ln_low, self.ln_width)

    def _binned(self, decoded: Decoded, coordinates: Tensor, logs: Tensor, used: Tensor) -> Tensor:
        if self.slots < used.shape[1]:  # sets are formed of the hardest
            hardness = coordinates[..., 2].detach().masked_fill(~used, -torch.inf)
            chosen = hardness.topk(self.slots, dim=1).indices
            coordinates = coordinates.gather(1, chosen.unsqueeze(-1).expand(-1, -1, 3))
            logs, used = logs.gather(1, chosen), used.gather(1, chosen)
        number_used = used.sum(1)
        squared = self._squared(coordinates)
        # each particle is in equally many sets: the mean over sets of ln w needs no sample
        mean_log = logs.masked_fill(~used, 0).sum(1) / number_used.clamp_min(1)
        fraction = torch.softmax(yielding(decoded.set_fraction_logits, _HEAD_SHARE), dim=-1)
        decoded_log = (fraction * yielding(decoded.set_log_weight, _HEAD_SHARE)).sum(-1)
        total = coordinates.new_zeros(len(coordinates))
        found = torch.zeros_like(total)
        for place, order in enumerate(self.orders):
            sets = self.binomials[number_used, order]
            number, valid = drawn(sets, _SETS)
            position = self._position(squared, colex_members(number, order, self.binomials))
            weights = valid / valid.sum(1, keepdim=True).clamp_min(1)
            filled = soft_histogram(position.unsqueeze(-1), weights.to(position.dtype), self.bins)
            recomputed = filled.squeeze(1)
            wanted = (order * mean_log - self.offset[-1]) / self.scale[-1]
            distance = cramer_distance(fraction[:, place] - recomputed)
            distance = distance + (decoded_log[:, place] - wanted).square()
            total = total + torch.where(sets > 0, distance, 0)
            found = found + (sets > 0)
        return (total / found.clamp_min(1)).to(coordinates.dtype)

    def _listed(
        self, sets: Tensor, batch: JetBatch, coordinates: Tensor, logs: Tensor, used: Tensor
    ) -> Tensor:
        index, mask = batch.set_index, batch.set_mask
        count = _SETS * len(self.orders) // (_SETS_OF_CLUSTER // 2 if self.clustered else 1)
        if index.shape[1] > count:  # some of the sets that the jet has
            reached = mask.cumsum(1, dtype=torch.int32)
            number, mask = drawn(reached[:, -1].long(), count)
            column = torch.searchsorted(reached, number.int() + 1).clamp_max(index.shape[1] - 1)
            index = index.gather(1, column)
            sets = sets.gather(1, column.unsqueeze(-1).expand(-1, -1, sets.shape[-1]))
        squared = self._squared(coordinates)
        real = sets.dtype
        total = sets.new_zeros(len(sets))
        found = torch.zeros_like(total)
        first = 0
        for order in self.orders:
            # numbered as `tokens.cluster_members` and `tokens.complete_members` do
            last = max(self.slots - order + 2, 0)
            size = math.comb(last, 2) if self.clustered else math.comb(self.slots, order)
            here = mask & (index >= first) & (index < first + size)
            number = torch.where(here, index - first, 0)
            first += size
            make = self._clusters if self.clustered else self._sets
            values, valid = make(number, order, squared, logs, used)
            recomputed = (values - self.offset.to(real)) / self.scale.to(real)
            weights = (here & valid).to(real)
            some = weights.sum(1, keepdim=True)
            weights = weights / some.clamp_min(1)
            total = total + feature_distance(sets, recomputed, weights, self.low, self.width)
            found = found + (some[:, 0] > 0)
        return total / found.clamp_min(1)

    def _sets(
        self, number: Tensor, order: int, squared: Tensor, logs: Tensor, used: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features [B, K, F] of sets, and whether all their members are in use."""
        members = colex_members(number, order, self.binomials)
        flat = members.flatten(1)
        log_weight = logs.gather(1, flat).view_as(members).sum(-1, keepdim=True)
        ratios = interpolated(self.ln_ratio.to(logs.dtype), self._position(squared, members))
        valid = used.gather(1, flat).view_as(members).all(dim=-1)
        return torch.cat([ratios, log_weight], dim=-1), valid

    def _clusters(
        self, number: Tensor, order: int, squared: Tensor, logs: Tensor, used: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean features [B, K, F] of all sets with the same two hardest members.

        The mean ratios are of a sample of these sets, the mean ln w is of all.
        """
        batch, width = number.shape
        hardest = colex_members(number, 2, self.binomials)
        last = hardest[..., 1]
        softer = (used[:, : self.slots].sum(1, keepdim=True) - 1 - last).clamp_min(0)
        sets = self.binomials[softer, order - 2]
        rest, drawn_mask = drawn(sets, _SETS_OF_CLUSTER)
        others = colex_members(rest, order - 2, self.binomials) + last[..., None, None] + 1
        pair = hardest.unsqueeze(2).expand(-1, -1, _SETS_OF_CLUSTER, -1)
        members = torch.cat([pair, others.clamp_max(self.slots - 1)], dim=-1)
        position = self._position(squared, members.flatten(1, 2))
        ratios = interpolated(self.ln_ratio.to(logs.dtype), position)
        weights = drawn_mask / drawn_mask.sum(-1, keepdim=True).clamp_min(1)
        ratios = (
            ratios.view(batch, width, _SETS_OF_CLUSTER, -1) * weights.to(logs.dtype).unsqueeze(-1)
        ).sum(2)
        present = logs.masked_fill(~used, 0)[:, : self.slots]
        after = present.flip(1).cumsum(1).flip(1) - present  # sum over the softer ones
        mean_after = after.gather(1, last) / softer.clamp_min(1)
        both = logs.gather(1, hardest.flatten(1)).view_as(hardest).sum(-1)
        log_weight = (both + (order - 2) * mean_after).unsqueeze(-1)
        return torch.cat([ratios, log_weight], dim=-1), sets > 0

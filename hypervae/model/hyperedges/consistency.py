"""Consistency of decoded hyperedges with those of the decoded particles.

Which side gives way matters. Single sets are trained by a squared error each, which gives means,
and these spread less than the truth: so they follow the particles, which get no gradient. Binned
hyperedges are trained on whole distributions, of which the Chamfer distance sees nothing: so the
particles follow them, and they follow the particles with a small share of the gradient. What a
flow's particles are in training is an estimate of their mean, which nothing else may pull at: they
get no gradient. docs/decisions.md says what was measured.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from hypervae.correlators.features import DELTA_FLOOR
from hypervae.correlators.geometry import pair_indices
from hypervae.correlators.sets import set_counts
from hypervae.model.losses.histogram import ScaledBins, feature_distance
from hypervae.model.losses.recomputed import (
    angular_differences,
    bin_position,
    colex_members,
    farthest,
    interpolated,
    log_weights,
)
from hypervae.model.noise import JetNoise
from hypervae.normalization import Normalization

if TYPE_CHECKING:
    from hypervae.model.decoder.interface import Decoded
    from hypervae.model.hyperedges.sets import ListedSets, ListedTargets

# Sets drawn for each jet and order.
_SETS = 256


def stratified_indices(total: Tensor, count: int, noise: JetNoise) -> tuple[Tensor, Tensor]:
    """Draw `count` of the numbers 0 to total - 1 without preference, one of each of `count` parts.

    Parameters
    ----------
    total : [B, ...] int64
        Where it is not above `count`, each number comes once.
    count : int
    noise : JetNoise

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


class HyperedgeConsistency(nn.Module, ABC):
    """Compares decoded hyperedges with those of the slots in use, recomputed from their particles.

    Parameters
    ----------
    normalization : Normalization

    Attributes
    ----------
    sets_drawn : int
        Sets that stand for all of a jet and order.
    """

    first: Tensor
    second: Tensor
    binomials: Tensor
    ln_ratio: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(self, normalization: Normalization):
        super().__init__()
        settings = normalization.settings
        self.sets_drawn = _SETS
        self.orders, self.slots = normalization.hyperedge_orders, normalization.hyperedge_particles
        self.binning = normalization.binning
        self.exponent = settings.exponent
        self.energy = settings.weight == "energy"
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

    @abstractmethod
    def forward(
        self, decoded: Decoded, targets: Any, noise: JetNoise, *, estimated: bool = False
    ) -> Tensor:
        """Distance of the decoded from the recomputed hyperedges.

        Parameters
        ----------
        decoded : Decoded
            With hyperedges.
        targets : ListedTargets or BinnedTargets
            Names the sets that are decoded where these are listed.
        noise : JetNoise
            Decides the sample of sets.
        estimated : bool
            Whether the particles are an estimate, which gets no gradient.

        Returns
        -------
        [B]
            Mean over the orders that have sets; 0 without any.
        """

    def log_weights(self, decoded: Decoded, coordinates: Tensor, used: Tensor) -> Tensor:
        """[B, P] logarithms of the particles' weights.

        Parameters
        ----------
        decoded : Decoded
            Gives eta of the jets, where weights are energies.
        coordinates : [B, P, 3]
        used : [B, P] bool
            Slots in use.

        Returns
        -------
        [B, P]
        """
        eta = None
        if self.energy:
            eta = decoded.jet[:, 1].detach() * self.eta_scale + self.eta_offset
        return log_weights(coordinates, used, self.exponent, eta)

    def squared_distances(self, coordinates: Tensor) -> Tensor:
        """[B, P, 3] -> [B, E] of the pairs of slots that form sets.

        Parameters
        ----------
        coordinates : [B, P, 3]
            (etarel, phirel, ln ptrel).

        Returns
        -------
        [B, E]
        """
        d_eta, d_phi = angular_differences(coordinates[:, : self.slots], self.first, self.second)
        return d_eta.square() + d_phi.square()

    def bin_position(self, squared: Tensor, members: Tensor) -> Tensor:
        """[B, K] R_L of sets, in bins.

        Parameters
        ----------
        squared : [B, E]
            See `squared_distances`.
        members : [B, K, N] int64

        Returns
        -------
        [B, K]
        """
        ln_distance = 0.5 * farthest(squared, members).clamp_min(DELTA_FLOOR**2).log()
        return bin_position(ln_distance, self.binning.ln_low, self.binning.ln_width)


class ListedConsistency(HyperedgeConsistency):
    """Per order the Cramer distance between the distributions over sets of each feature.

    In scaled units; decoded sets follow the particles, which get no gradient.

    Parameters
    ----------
    normalization : Normalization
    """

    def __init__(self, normalization: Normalization):
        super().__init__(normalization)
        self.bins = ScaledBins.of(normalization.method)

    def forward(
        self,
        decoded: Decoded,
        targets: ListedTargets,
        noise: JetNoise,
        *,
        estimated: bool = False,
    ) -> Tensor:
        """[B]; see `HyperedgeConsistency.forward`."""
        coordinates = decoded.log_coordinates.detach()
        used = decoded.presence > 0.5
        logs = self.log_weights(decoded, coordinates, used)
        sets: ListedSets = decoded.hyperedges  # type: ignore[assignment]
        features, index, mask = sets.features, targets.index, targets.mask
        if not (features.shape[1] and self.orders):
            return coordinates.new_zeros(len(coordinates))
        count = self.entries_drawn()
        if index.shape[1] > count:  # some of the sets that the jet has
            reached = mask.cumsum(1, dtype=torch.int32)
            number, mask = stratified_indices(reached[:, -1].long(), count, noise)
            column = torch.searchsorted(reached, number.int() + 1).clamp_max(index.shape[1] - 1)
            index = index.gather(1, column)
            features = features.gather(1, column.unsqueeze(-1).expand(-1, -1, features.shape[-1]))
        squared = self.squared_distances(coordinates)
        real = features.dtype
        total = features.new_zeros(len(features))
        found = torch.zeros_like(total)
        first = 0
        for order in self.orders:
            size = self.entries(order)
            here = mask & (index >= first) & (index < first + size)
            number = torch.where(here, index - first, 0)
            first += size
            values, valid = self.recomputed(number, order, squared, logs, used, noise)
            scaled = (values - self.offset.to(real)) / self.scale.to(real)
            weights = (here & valid).to(real)
            some = weights.sum(1, keepdim=True)
            weights = weights / some.clamp_min(1)
            total = total + feature_distance(features, scaled, weights, self.bins)
            found = found + (some[:, 0] > 0)
        return total / found.clamp_min(1)

    def entries_drawn(self) -> int:
        """Sets of a jet, of all orders, that stand for all.

        Returns
        -------
        int
        """
        return self.sets_drawn * len(self.orders)

    def entries(self, order: int) -> int:
        """Length of the part of the list of all sets (`ListedMode.list_of`) that an order has.

        Parameters
        ----------
        order : int
            Size of the sets.

        Returns
        -------
        int
        """
        return math.comb(self.slots, order)

    def recomputed(
        self,
        number: Tensor,
        order: int,
        squared: Tensor,
        logs: Tensor,
        used: Tensor,
        noise: JetNoise,
    ) -> tuple[Tensor, Tensor]:
        """Features of sets from the particles.

        Parameters
        ----------
        number : [B, K] int64
            Within the part of the list that the order has.
        order : int
            Size of the sets.
        squared : [B, E]
            See `squared_distances`.
        logs : [B, P]
            See `log_weights`.
        used : [B, P] bool
            Slots in use.
        noise : JetNoise

        Returns
        -------
        features : [B, K, F]
            Not scaled.
        valid : [B, K] bool
            Whether all members are in use.
        """
        members = colex_members(number, order, self.binomials)
        flat = members.flatten(1)
        log_weight = logs.gather(1, flat).view_as(members).sum(-1, keepdim=True)
        ratios = interpolated(self.ln_ratio.to(logs.dtype), self.bin_position(squared, members))
        valid = used.gather(1, flat).view_as(members).all(dim=-1)
        return torch.cat([ratios, log_weight], dim=-1), valid

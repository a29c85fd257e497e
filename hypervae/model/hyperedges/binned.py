"""Mode ``binned``: hyperedges as histograms in R_L, one for each order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.correlators.histograms import set_histograms, weighted_histograms
from hypervae.model.hyperedges.consistency import HyperedgeConsistency, stratified_indices
from hypervae.model.hyperedges.interface import HyperedgeHead, HyperedgeMode
from hypervae.model.hyperedges.sets import BinnedSets, BinnedTargets
from hypervae.model.hyperedges.source import HyperedgeSource, Tokens
from hypervae.model.layers import MLPHead, ReadOut, ResidualMLP
from hypervae.model.losses.histogram import cramer_distance, soft_histogram
from hypervae.model.losses.recomputed import colex_members
from hypervae.model.noise import JetNoise
from hypervae.normalization import Normalization

if TYPE_CHECKING:
    from hypervae.model.decoder.interface import Decoded

# Share of the gradient of the consistency that reaches the head; all of it reaches the particles.
_HEAD_SHARE = 0.25


def plain_histograms(
    source: HyperedgeSource,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Sets of each order and R_L bin, and the sum of their ln w, [n, orders, bins + 2] each.

    Parameters
    ----------
    source : HyperedgeSource

    Returns
    -------
    numbers, log_weight_sums : [n, orders, bins + 2]
    """
    if source.has(full_histograms):
        return source.once(full_histograms)[:2]
    arrays = (source.log_weight, source.multiplicity, source.pair_bins)
    size = source.normalization.binning.size
    return set_histograms(*arrays, source.orders, size, source.array_type)


def full_histograms(
    source: HyperedgeSource,
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.float64]]:
    """`plain_histograms`, and the sum of w.

    Parameters
    ----------
    source : HyperedgeSource

    Returns
    -------
    numbers, log_weight_sums, weight_sums : [n, orders, bins + 2]
    """
    arrays = (source.log_weight, source.multiplicity, source.pair_bins)
    size = source.normalization.binning.size
    return weighted_histograms(*arrays, source.orders, size, source.array_type)


def histogram_distance(decoded: BinnedSets, targets: BinnedTargets) -> Tensor:
    """Distance of predicted histograms from true ones.

    sum_k (F_k - G_k)^2 + sum_k g_k (a_k - b_k)^2, mean over the orders that have sets: with F and
    G the cumulative distributions of the sets over the R_L bins k, their first term is Cramer's
    distance in bins (Szekely, Rizzo, J. Stat. Plan. Inference 143 (2013) 1249); a and b
    are the mean ln w per bin, and g the true fraction.

    Parameters
    ----------
    decoded : BinnedSets
    targets : BinnedTargets

    Returns
    -------
    [B]
    """
    fraction = targets.fraction
    present = (fraction.sum(-1) > 0.5).to(decoded.fraction_logits.dtype)  # [B, orders]
    cumulative = (torch.softmax(decoded.fraction_logits, dim=-1) - fraction).cumsum(-1)
    weights = (decoded.log_weight - targets.log_weight).square() * fraction
    distance = cumulative.square().sum(-1) + weights.sum(-1)
    return (distance * present).sum(1) / present.sum(1).clamp_min(1)


class BinnedHead(HyperedgeHead[BinnedSets, BinnedTargets]):
    """Per order the fraction of sets in each R_L bin, and their mean ln w, from the jet's state.

    Parameters
    ----------
    config : ModelConfig
    normalization : Normalization
        Gives orders and bins.
    """

    def __init__(self, config: ModelConfig, normalization: Normalization):
        super().__init__()
        self.orders = len(normalization.hyperedge_orders)
        self.bins = normalization.binning.size
        self.head = MLPHead(
            ResidualMLP(config.hidden, config.hyperedge_width, dropout=config.dropout),
            nn.GELU(),
            ReadOut(config.hyperedge_width, self.orders * self.bins * 2),
        )

    def forward(
        self,
        state: Tensor,
        scalars: Tensor,
        present: Tensor,
        targets: BinnedTargets | None = None,
        noise: JetNoise | None = None,
    ) -> BinnedSets:
        """Predict histograms.

        Parameters
        ----------
        state : [B, hidden]
        scalars, present, targets
            Not read.
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        BinnedSets
        """
        values = self.head(state, noise).unflatten(-1, (self.orders, 2, self.bins))
        return BinnedSets(values[:, :, 0], values[:, :, 1])


class Binned(HyperedgeMode[BinnedSets, BinnedTargets]):
    """One token for all sets of an order in an R_L bin: exact, but for the spread of their ln w.

    Memory does not depend on the number of sets. The head predicts the histograms as a whole.
    """

    saves_memory = True

    def suits(self, sets: int, device: torch.device | str) -> bool:
        """Taken by ``auto`` on a CPU, for the many sets that attention is not for."""
        return not str(device).startswith("cuda")

    def most_tokens(self, config: ModelConfig, normalization: Normalization) -> int:
        """Tokens that a jet has at most: bins of all orders."""
        return len(normalization.hyperedge_orders) * normalization.binning.size

    def tokens(self, source: HyperedgeSource) -> Tokens:
        """One token for each order and occupied bin; padded to the fullest jet of the batch."""
        count, log_sum, weight_sum = source.once(full_histograms)
        jets = len(count)
        jet, order, bin_number = np.nonzero(count)
        occupied = np.bincount(jet, minlength=jets)
        starts = np.cumsum(occupied) - occupied
        place = np.arange(len(jet)) - starts[jet]
        shape = (jets, int(occupied.max(initial=0)))
        values = np.zeros((*shape, source.ratios.shape[1] + 2), dtype=source.array_type)
        orders = np.zeros(shape, dtype=np.int64)
        counts = np.zeros(shape, dtype=source.array_type)
        here = count[jet, order, bin_number]
        values[jet, place, :-2] = source.ratios[bin_number]
        values[jet, place, -2] = source.scale_log(log_sum[jet, order, bin_number] / here)
        values[jet, place, -1] = source.scale_log(np.log(weight_sum[jet, order, bin_number]))
        orders[jet, place] = order
        counts[jet, place] = here
        return Tokens(values, orders, counts)

    def head(self, config: ModelConfig, normalization: Normalization, scalars: int) -> BinnedHead:
        """What predicts the histograms."""
        return BinnedHead(config, normalization)

    def targets(self, source: HyperedgeSource) -> BinnedTargets:
        """The histograms of each jet."""
        count, log_sum = source.once(plain_histograms)
        fraction = count / np.maximum(count.sum(axis=-1, keepdims=True), 1.0)
        mean = source.scale_log(log_sum / np.maximum(count, 1.0))
        log_weight = np.where(count > 0, mean, 0.0)
        return BinnedTargets(source.tensor(fraction), source.tensor(log_weight))

    def loss(self, decoded: BinnedSets, targets: BinnedTargets) -> Tensor:
        """[B] distance of the histograms; see `histogram_distance`."""
        return histogram_distance(decoded, targets)

    def consistency(self, normalization: Normalization) -> HyperedgeConsistency:
        """Distance of the predicted histograms from those of the decoded particles."""
        return BinnedConsistency(normalization)

    def export_metadata(self, normalization: Normalization) -> dict[str, Any]:
        """Edges of the R_L bins."""
        return {"r_l_edges": normalization.binning.edges.tolist()}

    def export(
        self, decoded: BinnedSets, multiplicity: NDArray[np.int64], normalization: Normalization
    ) -> list[dict[str, Tensor]]:
        """``hyperedge_fraction`` and ``hyperedge_ln_w`` [orders, bins + 2] of each jet."""
        scaler = normalization.hyperedge
        fraction = torch.softmax(decoded.fraction_logits.double(), dim=-1).float().cpu()
        ln_w = decoded.log_weight.double().cpu() * scaler.scale[-1] + scaler.offset[-1]
        return [
            {"hyperedge_fraction": fraction[row].clone(), "hyperedge_ln_w": ln_w[row].float()}
            for row in range(len(multiplicity))
        ]


def scale_gradient(values: Tensor, share: float) -> Tensor:
    """The same values, with `share` of their gradient.

    Parameters
    ----------
    values : tensor of any shape
    share : float
        In [0, 1].

    Returns
    -------
    tensor of the same shape
    """
    return values.detach() + share * (values - values.detach())


class BinnedConsistency(HyperedgeConsistency):
    """Predicted histograms, and histograms of a sample of the sets of the decoded particles.

    Per order the squared distance of the cumulative distributions in R_L (in bins) and the squared
    difference of the mean ln w, as in `histogram_distance`.

    Parameters
    ----------
    normalization : Normalization
    """

    def forward(
        self,
        decoded: Decoded,
        targets: BinnedTargets | None,
        noise: JetNoise,
        *,
        estimated: bool = False,
    ) -> Tensor:
        """[B]; see `HyperedgeConsistency.forward`. Targets are not read."""
        predicted: BinnedSets = decoded.hyperedges  # type: ignore[assignment]
        coordinates = decoded.log_coordinates
        if estimated:
            coordinates = coordinates.detach()
        used = decoded.presence > 0.5
        logs = self.log_weights(decoded, coordinates, used)
        if self.slots < used.shape[1]:  # sets are formed of the hardest
            hardness = coordinates[..., 2].detach().masked_fill(~used, -torch.inf)
            chosen = hardness.topk(self.slots, dim=1).indices
            coordinates = coordinates.gather(1, chosen.unsqueeze(-1).expand(-1, -1, 3))
            logs, used = logs.gather(1, chosen), used.gather(1, chosen)
        number_used = used.sum(1)
        squared = self.squared_distances(coordinates)
        # each particle is in equally many sets: the mean over sets of ln w needs no sample
        mean_log = logs.masked_fill(~used, 0).sum(1) / number_used.clamp_min(1)
        fraction = torch.softmax(scale_gradient(predicted.fraction_logits, _HEAD_SHARE), dim=-1)
        decoded_log = (fraction * scale_gradient(predicted.log_weight, _HEAD_SHARE)).sum(-1)
        total = coordinates.new_zeros(len(coordinates))
        found = torch.zeros_like(total)
        for place, order in enumerate(self.orders):
            sets = self.binomials[number_used, order]
            recomputed = self._histogram(squared, sets, order, noise)
            wanted = (order * mean_log - self.offset[-1]) / self.scale[-1]
            distance = cramer_distance(fraction[:, place] - recomputed)
            distance = distance + (decoded_log[:, place] - wanted).square()
            total = total + torch.where(sets > 0, distance, 0)
            found = found + (sets > 0)
        return (total / found.clamp_min(1)).to(coordinates.dtype)

    def _histogram(self, squared: Tensor, sets: Tensor, order: int, noise: JetNoise) -> Tensor:
        """[B, bins + 2] of a sample of the sets of an order, of which jets have [B]."""
        number, valid = stratified_indices(sets, self.sets_drawn, noise)
        members = colex_members(number, order, self.binomials)
        position = self.bin_position(squared, members).unsqueeze(-1)
        weights = (valid / valid.sum(1, keepdim=True).clamp_min(1)).to(position.dtype)
        return soft_histogram(position, weights, self.binning.size).squeeze(1)


BINNED = Binned()

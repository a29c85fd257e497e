"""Hyperedges as tokens of the encoder and as targets of the decoder, per mode."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.correlators import sets
from hypervae.correlators.clusters import cluster_counts, cluster_features
from hypervae.correlators.histograms import set_histograms, weighted_histograms
from hypervae.correlators.sampling import SampledSets, sample_sets
from hypervae.correlators.set_features import set_features
from hypervae.normalization import Normalization

#: Modes in which a token (or a target) is one set, and all sets of a jet are listed.
COMPLETE = ("attention", "mlp", "chunked", "sparse")


class Tokens(NamedTuple):
    """Tokens of n jets; those of a jet that has fewer are padded with zeros.

    Attributes
    ----------
    values : [n, T, F + 1]
        Scaled ln(ENC/E2C) per order, mean ln w and ln of the sum of w.
    order : [n, T] or [T] int64
        Index of the order.
    count : [n, T]
        Sets that the token stands for; 0 for padding.
    """

    values: NDArray[np.floating]
    order: NDArray[np.int64]
    count: NDArray[np.floating]


class Targets(NamedTuple):
    """Sets (or clusters) of n jets that a decoder is to predict.

    Attributes
    ----------
    values : [n, K, F]
        Scaled ln(ENC/E2C) per order and (mean) ln w.
    index : [n, K] or [K] int64
        Numbers in `complete_members` or `cluster_members`.
    mask : [n, K] bool
    """

    values: NDArray[np.floating]
    index: NDArray[np.int64]
    mask: NDArray[np.bool_]


@dataclass
class HyperedgeSource:
    """What tokens and targets are made from.

    Attributes
    ----------
    codes : [n, P (P - 1) / 2]
        Pair bins.
    log_weight : [n, P] float64
        Logarithms of the weights of the particles, which are sorted by falling pT.
    counts : [n] int64
        Sets are formed of the first so many.
    normalization : Normalization
    samples : int
        Sets that ``sampled`` draws per jet.
    keys : [n] uint64, optional
        Seeds of ``sampled``, which alone needs them.
    dtype : floating type
    """

    codes: NDArray[np.unsignedinteger]
    log_weight: NDArray[np.float64]
    counts: NDArray[np.int64]
    normalization: Normalization
    samples: int
    keys: NDArray[np.uint64] | None
    dtype: type[np.floating]

    @property
    def orders(self) -> list[int]:
        """Sizes of the sets."""
        return self.normalization.hyperedge_orders

    @functools.cached_property
    def ratios(self) -> NDArray[np.float64]:
        """[bins + 2, orders] scaled ln(ENC/E2C)."""
        scaler = self.normalization.hyperedge
        return (self.normalization.ln_ratio.T - scaler.offset[:-1]) / scaler.scale[:-1]

    def scale_log(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Scale ln w."""
        scaler = self.normalization.hyperedge
        return (values - scaler.offset[-1]) / scaler.scale[-1]

    @functools.cached_property
    def histograms(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Sets per order and R_L bin, and the sum of their ln w: [n, orders, bins + 2]."""
        size = self.normalization.binning.size
        arrays = (self.log_weight, self.counts, self.codes)
        return set_histograms(*arrays, self.orders, size, self.dtype)

    @functools.cached_property
    def weighted(
        self,
    ) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.float64]]:
        """`histograms`, and the sum of w."""
        size = self.normalization.binning.size
        arrays = (self.log_weight, self.counts, self.codes)
        found = weighted_histograms(*arrays, self.orders, size, self.dtype)
        self.histograms = found[:2]  # not to be computed again
        return found

    @functools.cached_property
    def complete(self) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        """Features [n, K, F + 1] of every set, ln w twice; and which are there, [n, K]."""
        scaler = self.normalization.hyperedge
        scale, shift = scaler.scale[-1], -scaler.offset[-1] / scaler.scale[-1]
        logs = self.log_weight / scale
        arrays = (self.codes, self.counts, logs, self.orders, self.ratios)
        values, sizes = set_features(*arrays, shift, times=2, dtype=self.dtype)
        mask = np.zeros(values.shape[:2], dtype=bool)
        start = 0
        for row, length in enumerate(self.lengths):
            mask[:, start : start + length] = np.arange(length) < sizes[:, row, None]
            start += length
        return values, mask

    @property
    def lengths(self) -> list[int]:
        """Sets of each order of the fullest jet."""
        return [sets.set_count(int(self.counts.max(initial=0)), order) for order in self.orders]

    @functools.cached_property
    def sampled(self) -> tuple[SampledSets, NDArray[np.floating], NDArray[np.bool_]]:
        """Sets drawn, their features [n, S, F + 1] with ln w twice, and which are there."""
        drawn = sample_sets(
            self.codes, self.counts, self.log_weight, self.orders, self.samples, self.keys
        )
        mask = np.arange(drawn.code.shape[1]) < drawn.size[:, None]
        values = np.empty((*mask.shape, self.ratios.shape[1] + 2), dtype=self.dtype)
        values[..., :-2] = self.ratios[drawn.code]
        values[..., -2:] = self.scale_log(drawn.log_weight)[..., None]
        values *= mask[..., None]
        return drawn, values, mask

    @functools.cached_property
    def clustered(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Mean features [n, K, F + 1] of the clusters, and how many sets each has."""
        arrays = (self.codes, self.counts, self.log_weight, self.orders, self.ratios)
        means, count, total = cluster_features(*arrays)
        values = np.zeros((*count.shape, self.ratios.shape[1] + 2), dtype=self.dtype)
        present = count > 0
        values[present, :-2] = means[present, :-1]
        values[present, -2] = self.scale_log(means[present, -1])
        values[present, -1] = self.scale_log(np.log(total[present]))
        return values, count.astype(self.dtype)


def encoder_tokens(source: HyperedgeSource, mode: str) -> Tokens:
    """Tokens of a mode of ``hyperedge_encoder``, but for ``auto``.

    attention, mlp, chunked
        One for each set.
    sparse
        The same, sorted by order, R_L bin and ln w.
    sampled
        One for each set drawn, standing for (sets of the jet) / (sets drawn).
    binned
        One for each order and occupied R_L bin.
    clustered
        One for each order and two hardest members; see `correlators.clusters`.
    """
    if mode == "binned":
        return _binned(source)
    if mode == "sampled":
        drawn, values, mask = source.sampled
        share = drawn.total / np.maximum(drawn.size, 1)
        return Tokens(values, drawn.order, (mask * share[:, None]).astype(source.dtype))
    if mode == "clustered":
        values, count = source.clustered
        most = int(source.counts.max(initial=0))
        lengths = cluster_counts(most, source.orders)
        return Tokens(values, np.repeat(np.arange(len(lengths)), lengths), count)
    values, mask = source.complete
    order = np.repeat(np.arange(len(source.orders)), source.lengths)
    if mode == "sparse":
        place = _near_each_other(source, order, mask)
        values = np.take_along_axis(values, place[..., None], axis=1)
        mask, order = np.take_along_axis(mask, place, axis=1), order[place]
    return Tokens(values, order, mask.astype(source.dtype))


def decoder_targets(source: HyperedgeSource, mode: str) -> Targets:
    """Targets of a mode of ``hyperedge_decoder``, but for ``auto``; none for ``binned``."""
    jets, width = len(source.counts), source.ratios.shape[1] + 1
    if mode == "binned":
        empty = np.zeros((jets, 0), dtype=bool)
        return Targets(np.zeros((jets, 0, width), dtype=source.dtype), np.zeros(0, int), empty)
    settings = source.normalization.settings["hyperedges"]
    slots = min(source.normalization.max_particles, settings["max_particles"])
    if mode == "sampled":
        drawn, values, mask = source.sampled
        lengths = [sets.set_count(slots, order) for order in source.orders]
        starts = np.cumsum([0, *lengths])
        return Targets(values[..., :-1], (starts[drawn.order] + drawn.number) * mask, mask)
    most = int(source.counts.max(initial=0))
    if mode == "clustered":
        values, count = source.clustered
        mask = count > 0
        here, there = (cluster_counts(particles, source.orders) for particles in (most, slots))
    else:
        values, mask = source.complete
        here = source.lengths
        there = [sets.set_count(slots, order) for order in source.orders]
    # those of the hardest particles come first in the longer list of each order
    starts = np.cumsum([0, *there])
    index = [start + np.arange(length) for start, length in zip(starts, here, strict=False)]
    return Targets(values[..., :-1], np.concatenate([np.zeros(0, int), *index]), mask)


def _binned(source: HyperedgeSource) -> Tokens:
    """One token for each order and occupied R_L bin; padded to the fullest jet of the batch."""
    count, log_sum, weight_sum = source.weighted
    jets = len(count)
    jet, order, code = np.nonzero(count)
    occupied = np.bincount(jet, minlength=jets)
    starts = np.cumsum(occupied) - occupied
    place = np.arange(len(jet)) - starts[jet]
    shape = (jets, int(occupied.max(initial=0)))
    values = np.zeros((*shape, source.ratios.shape[1] + 2), dtype=source.dtype)
    orders = np.zeros(shape, dtype=np.int64)
    counts = np.zeros(shape, dtype=source.dtype)
    here = count[jet, order, code]
    values[jet, place, :-2] = source.ratios[code]
    values[jet, place, -2] = source.scale_log(log_sum[jet, order, code] / here)
    values[jet, place, -1] = source.scale_log(np.log(weight_sum[jet, order, code]))
    orders[jet, place] = order
    counts[jet, place] = here
    return Tokens(values, orders, counts)


def _near_each_other(
    source: HyperedgeSource, order: NDArray[np.int64], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """[n, T] the order of tokens by order, R_L bin and ln w, padding last."""
    size = source.normalization.binning.size
    bins = np.arange(size, dtype=np.float64)[:, None]
    arrays = (source.codes, source.counts, source.log_weight, source.orders, bins)
    values, _ = set_features(*arrays, dtype=np.float64)
    code, log_weight = values[..., 0], values[..., 1]
    # one number to sort by: order and bin, then ln w as a fraction
    low = log_weight.min(initial=0.0)
    fraction = (log_weight - low) / (1.0 + log_weight.max(initial=0.0) - low)
    key = order * size + code + fraction
    return np.argsort(np.where(mask, key, np.inf), axis=1, kind="stable")


@functools.lru_cache(maxsize=16)
def complete_members(slots: int, orders: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Every set of the slots, in the order of `JetBatch.set_index`: order by order, colex.

    Returns
    -------
    members : [K, largest order] int64
        Ascending; padded with ``slots``, the number of no slot.
    order : [K] int64
        Index of the order.
    """
    members = [sets.set_members(slots, order) for order in orders]
    return _padded(members, slots, max(orders, default=0))


@functools.lru_cache(maxsize=16)
def cluster_members(slots: int, orders: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The two hardest members of each cluster of sets, in the order of `JetBatch.set_index`.

    Order by order, pairs in the order of `geometry.pair_indices`; slots are sorted by falling pT.

    Returns
    -------
    members : [K, 2] int64
    order : [K] int64
        Index of the order.
    """
    # the pair is followed by the set's other members
    return _padded([sets.set_members(max(slots - order + 2, 0), 2) for order in orders], slots, 2)


def _padded(parts: list[NDArray[np.uint8]], fill: int, width: int) -> tuple[Tensor, Tensor]:
    members = np.full((sum(map(len, parts)), width), fill, dtype=np.int64)
    start = 0
    for part in parts:
        members[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    order = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return torch.from_numpy(members), torch.from_numpy(order)

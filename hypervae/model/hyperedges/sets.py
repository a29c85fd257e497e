"""Hyperedges of a batch of jets: what a decoder predicts, and what it is to predict."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hypervae.records import TensorRecord


@dataclass
class BinnedSets(TensorRecord):
    """Decoded hyperedges as histograms over the R_L bins of their sets.

    Attributes
    ----------
    fraction_logits : [B, orders, bins + 2]
        Logarithms, up to a constant, of the fraction of the sets of an order in each R_L bin.
    log_weight : [B, orders, bins + 2]
        Their mean ln w, scaled.
    """

    fraction_logits: Tensor
    log_weight: Tensor


@dataclass
class ListedSets(TensorRecord):
    """Decoded hyperedges as a list of sets (or of clusters of sets) of slots.

    Attributes
    ----------
    features : [B, K, F]
        Scaled ln(ENC/E2C) per order and (mean) ln w.
    """

    features: Tensor


@dataclass
class BinnedTargets(TensorRecord):
    """What `BinnedSets` are to be.

    Attributes
    ----------
    fraction : [B, orders, bins + 2]
        Fraction of the sets of an order in each R_L bin; zeros for an order without sets.
    log_weight : [B, orders, bins + 2]
        Their mean ln w, scaled; zero in empty bins.
    """

    fraction: Tensor
    log_weight: Tensor


@dataclass
class ListedTargets(TensorRecord):
    """What `ListedSets` are to be.

    Attributes
    ----------
    features : [B, K, F]
        Scaled features; zeros for padding.
    index : [B, K] int64
        Number of each set in the list that the decoder predicts from.
    mask : [B, K] bool
        Sets that the jet has.
    """

    features: Tensor
    index: Tensor
    mask: Tensor


#: What a hyperedge decoder predicts, and what it is to predict.
DecodedHyperedges = BinnedSets | ListedSets
HyperedgeTargets = BinnedTargets | ListedTargets

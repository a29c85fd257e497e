"""Mode ``sparse``: one token for each set, and attention to those near it."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from hypervae.config import ModelConfig
from hypervae.correlators.set_features import set_features
from hypervae.model.attention import WindowAttention
from hypervae.model.hyperedges.branch import BranchConfig, SelfAttentionFactory
from hypervae.model.hyperedges.listed import ListedMode
from hypervae.model.hyperedges.source import HyperedgeSource, Tokens


class Sparse(ListedMode):
    """Sets attend to their window of the sequence and the two beside it: O(K) memory and time.

    Tokens are sorted by order, R_L bin and ln w. Predicted sets stay in colexicographic order, in
    which those next to each other share members.
    """

    def tokens(self, source: HyperedgeSource) -> Tokens:
        """One token for each set, sorted by order, R_L bin and ln w; padding comes last."""
        tokens = super().tokens(source)
        place = _near_each_other(source, tokens.order, tokens.count > 0)
        values = np.take_along_axis(tokens.values, place[..., None], axis=1)
        count = np.take_along_axis(tokens.count, place, axis=1)
        return Tokens(values, tokens.order[place], count)

    def encoder_attention(self, config: BranchConfig, model: ModelConfig) -> SelfAttentionFactory:
        """Attention to near tokens."""
        window = model.hyperedge_window
        return functools.partial(
            WindowAttention, config.width, config.heads, window, config.dropout
        )

    def head_attention(self, config: ModelConfig) -> SelfAttentionFactory:
        """Attention to near sets."""
        return functools.partial(
            WindowAttention, config.hyperedge_width, config.heads, config.hyperedge_window
        )


def _near_each_other(
    source: HyperedgeSource, order: NDArray[np.int64], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """[n, T] the order of tokens by order, R_L bin and ln w, padding last."""
    size = source.normalization.binning.size
    bins = np.arange(size, dtype=np.float64)[:, None]
    arrays = (source.pair_bins, source.multiplicity, source.log_weight, source.orders, bins)
    values, _ = set_features(*arrays)
    bin_number, log_weight = values[..., 0], values[..., 1]
    # one number to sort by: order and bin, then ln w as a fraction
    low = log_weight.min(initial=0.0)
    fraction = (log_weight - low) / (1.0 + log_weight.max(initial=0.0) - low)
    key = order * size + bin_number + fraction
    return np.argsort(np.where(mask, key, np.inf), axis=1, kind="stable")


SPARSE = Sparse()

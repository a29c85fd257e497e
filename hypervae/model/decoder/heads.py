"""What is decoded beside the particles: edges and hyperedges of the slots."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.correlators.features import EDGE_FEATURES
from hypervae.correlators.geometry import pair_indices
from hypervae.model.layers import ResidualMLP


class EdgeHead(nn.Module):
    """Features of every pair of slots: an MLP of the sum of what its two ends give.

    Parameters
    ----------
    scalars, width, slots : int
    """

    def __init__(self, scalars: int, width: int, slots: int):
        super().__init__()
        self.ends = nn.Linear(scalars, 2 * width)
        self.head = nn.Sequential(nn.GELU(), nn.Linear(width, len(EDGE_FEATURES)))
        first, second = pair_indices(slots)
        self.register_buffer("_first", torch.from_numpy(first), persistent=False)
        self.register_buffer("_second", torch.from_numpy(second), persistent=False)

    def forward(self, scalars: Tensor) -> Tensor:
        """[B, P, S] -> [B, E, 5], in the order of `pair_indices`."""
        one, other = self.ends(scalars).chunk(2, dim=-1)
        return self.head(one[:, self._first] + other[:, self._second])


class BinnedHyperedgeHead(nn.Module):
    """Per order the fraction of sets in each R_L bin, and their mean ln w, from the jet's state.

    Parameters
    ----------
    config : ModelConfig
    orders, bins : int
        Bins with underflow and overflow.
    """

    def __init__(self, config: ModelConfig, orders: int, bins: int):
        super().__init__()
        self.orders, self.bins = orders, bins
        self.head = nn.Sequential(
            ResidualMLP(config.hidden, config.hyperedge_width, dropout=config.dropout),
            nn.GELU(),
            nn.Linear(config.hyperedge_width, orders * bins * 2),
        )

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """[B, hidden] -> logits of the fractions and mean ln w (scaled), [B, orders, bins] each."""
        values = self.head(state).unflatten(-1, (self.orders, 2, self.bins))
        return values[:, :, 0], values[:, :, 1]

"""What is decoded beside particles and hyperedges: edges of the slots."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.correlators.features import EDGE_FEATURES
from hypervae.correlators.geometry import pair_indices
from hypervae.model.layers import ReadOut


class EdgeHead(nn.Module):
    """Features of every pair of slots: an MLP of the sum of what its two ends give.

    Parameters
    ----------
    scalars, width, slots : int
    """

    def __init__(self, scalars: int, width: int, slots: int):
        super().__init__()
        self.ends = nn.Linear(scalars, 2 * width)
        self.head = nn.Sequential(nn.GELU(), ReadOut(width, len(EDGE_FEATURES)))
        first, second = pair_indices(slots)
        self.register_buffer("_first", torch.from_numpy(first), persistent=False)
        self.register_buffer("_second", torch.from_numpy(second), persistent=False)

    def forward(self, scalars: Tensor) -> Tensor:
        """[B, P, S] -> [B, E, 5], in the order of `pair_indices`.

        Parameters
        ----------
        scalars : [B, P, S]

        Returns
        -------
        [B, E, 5]
        """
        one, other = self.ends(scalars).chunk(2, dim=-1)
        return self.head(one[:, self._first] + other[:, self._second])

"""Mode ``mlp``: one token for each set, by an MLP alone."""

from __future__ import annotations

import torch

from hypervae.model.hyperedges.listed import ListedMode


class Mlp(ListedMode):
    """Every set is read and predicted by itself: O(K) memory for K sets."""

    def suits(self, sets: int, device: torch.device | str) -> bool:
        """Taken by ``auto`` on CUDA, for the many sets that attention is not for."""
        return str(device).startswith("cuda")


MLP = Mlp()

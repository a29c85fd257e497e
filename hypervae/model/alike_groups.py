"""Groups of latent dimensions that are alike: the same numbers of each part of a jet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AlikeGroups:
    """Groups of latent dimensions that are alike, one after the other.

    Attributes
    ----------
    start : int
        First dimension of the first group.
    number, size : int
        Of groups, and of dimensions in each.
    """

    start: int = 0
    number: int = 0
    size: int = 0

    def rest(self, dimensions: int) -> list[int]:
        """The dimensions that are in no group.

        Parameters
        ----------
        dimensions : int
            Of the latent vectors.

        Returns
        -------
        list of int
        """
        stop = self.start + self.number * self.size
        return [place for place in range(dimensions) if not self.start <= place < stop]

    def of(self, latent: Tensor) -> Tensor:
        """[B, dimensions] -> [B, number, size].

        Parameters
        ----------
        latent : [B, dimensions]

        Returns
        -------
        [B, number, size]
        """
        stop = self.start + self.number * self.size
        return latent[:, self.start : stop].unflatten(1, (self.number, self.size))

    def joined(self, rest: Tensor, groups: Tensor) -> Tensor:
        """[B, dimensions] of the other dimensions [B, ...] and the groups [B number, size].

        Parameters
        ----------
        rest : [B, dimensions - number size]
        groups : [B number, size]

        Returns
        -------
        [B, dimensions]
        """
        parts = rest[:, : self.start], groups.reshape(len(rest), -1), rest[:, self.start :]
        return torch.cat(parts, dim=-1)


NO_GROUPS = AlikeGroups()

"""Groups of latent dimensions that are alike, and the order in which a prior draws dimensions."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    order, within : tuple of int
        In which the dimensions that are in no group are drawn, those that are not named last; and
        those of a group, all of them, counted from its first. Empty: as they come.
    """

    start: int = 0
    number: int = 0
    size: int = 0
    order: tuple[int, ...] = ()
    within: tuple[int, ...] = ()

    def listed(self) -> AlikeGroups:
        """The same groups with all dimensions in the order in which they come.

        Returns
        -------
        AlikeGroups
        """
        return replace(self, order=(), within=())

    def rest(self, dimensions: int) -> list[int]:
        """The dimensions that are in no group, in the order in which they are drawn.

        Parameters
        ----------
        dimensions : int
            Of the latent vectors.

        Returns
        -------
        list of int
        """
        stop, named = self.start + self.number * self.size, set(self.order)
        free = (place for place in range(dimensions) if not self.start <= place < stop)
        return [*self.order, *(place for place in free if place not in named)]

    def of(self, latent: Tensor) -> Tensor:
        """[B, dimensions] -> [B, number, size], each group in the order in which it is drawn.

        Parameters
        ----------
        latent : [B, dimensions]

        Returns
        -------
        [B, number, size]
        """
        stop = self.start + self.number * self.size
        groups = latent[:, self.start : stop].unflatten(1, (self.number, self.size))
        return groups[:, :, list(self.within)] if self.within else groups

    def joined(self, rest: Tensor, groups: Tensor) -> Tensor:
        """[B, dimensions] of the other dimensions [B, ...] and the groups [B number, size].

        Parameters
        ----------
        rest : [B, dimensions - number size]
            In the order of `rest`.
        groups : [B number, size]
            In the order of `of`.

        Returns
        -------
        [B, dimensions]
        """
        drawn = torch.cat([rest, groups.reshape(len(rest), self.number * self.size)], dim=-1)
        places = self.rest(drawn.shape[1])
        inside = self.within or range(self.size)
        for first in range(self.start, self.start + self.number * self.size, max(self.size, 1)):
            places += [first + place for place in inside]
        return drawn[:, sorted(range(len(places)), key=places.__getitem__)]


NO_GROUPS = AlikeGroups()

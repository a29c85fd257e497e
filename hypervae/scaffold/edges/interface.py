"""What an unfolding of the plane about the jet axis has to do.

Anti-kT jets end at their radius R: hardly a particle lies beyond. What a network makes of normal
numbers has no edges, so that one jet in ten would have particles out there. With lengths unfolded,
steeply near R, the same numbers fall off smoothly, and what is folded back ends where jets do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

# No particle is farther from the axis of its subjet [rad]: none of a jet is.
_FARTHEST = 1.6
# No length is 0 / 0.
_SMALLEST = 1e-12


class Edge(ABC):
    """A monotonic map of the lengths about the jet axis; directions stay."""

    @abstractmethod
    def lengths(self, unfolded: Tensor, along: Tensor) -> Tensor:
        """Lengths of unfolded ones.

        Parameters
        ----------
        unfolded : [...]
        along : [...]
            Squared cosine of the angle to the beam's direction, etarel.

        Returns
        -------
        [...]
        """

    @abstractmethod
    def unfolded(self, lengths: Tensor, along: Tensor) -> Tensor:
        """Unfolded lengths, of which `lengths` makes these again.

        Parameters
        ----------
        lengths, along : [...]

        Returns
        -------
        [...]
        """

    def fold(self, positions: Tensor) -> Tensor:
        """Positions about the jet axis, of unfolded ones.

        Parameters
        ----------
        positions : [.., 2]
            Unfolded (etarel, phirel).

        Returns
        -------
        [.., 2]
        """
        return _stretched(positions, self.lengths)

    def unfold(self, positions: Tensor) -> Tensor:
        """Unfolded positions, which `fold` puts back where they were, in their precision.

        Parameters
        ----------
        positions : [.., 2]
            (etarel, phirel).

        Returns
        -------
        [.., 2]
        """
        return _stretched(positions, self.unfolded)

    @property
    def farthest(self) -> float:
        """The largest distance of a particle from an axis of its jet, unfolded."""
        far = torch.tensor([_FARTHEST, 0.0], dtype=torch.float64)
        return float(self.unfold(far).norm())


class NoEdge(Edge):
    """The plane as it is."""

    def lengths(self, unfolded: Tensor, along: Tensor) -> Tensor:
        """See `Edge.lengths`."""
        return unfolded

    def unfolded(self, lengths: Tensor, along: Tensor) -> Tensor:
        """See `Edge.unfolded`."""
        return lengths

    def fold(self, positions: Tensor) -> Tensor:
        """See `Edge.fold`."""
        return positions

    def unfold(self, positions: Tensor) -> Tensor:
        """See `Edge.unfold`."""
        return positions


def _stretched(positions: Tensor, new_lengths: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Positions with other lengths, of their lengths and squared cosines to the first axis."""
    length = positions.norm(dim=-1)
    divisor = length.clamp_min(_SMALLEST)
    along = (positions[..., 0] / divisor).square()
    stretch = new_lengths(length, along) / divisor
    return positions * torch.where(length > 0, stretch, 1.0).unsqueeze(-1)

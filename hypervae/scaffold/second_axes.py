"""Second axes within subjets: which particles gather away from the subjet's own axis, and where.

A subjet of at least three particles gets a second axis, the particle that lowers its tau the most,
and so two cells: particles belong to the nearer axis. With s the particles' shares of the subjet's
pT, d their distances to its axis and e those to the second one, in units of the subjet's width w
(the mean of d), sums over the second cell give the coordinates: its part a = sum(s d) of the
subjet's tau, its share of the pT zeta = sum(s), its reach v = a / zeta, its own width sum(s e) /
zeta, the place of its axis and its number of particles. zeta is not a coordinate: it is a / v.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Fewest particles of a subjet that has a second axis.
FEWEST = 3
_SMALLEST = 1e-6
# The subjet's own axis keeps a part of the pT.
_MOST_SHARE = 0.98
# ln of the longest and the shortest reach of a second cell in widths of the subjet: a lone soft
# particle far out is thousands of widths away.
_LN_REACH = (-5.0, 9.0)


@numba.njit(cache=True, nogil=True)
def _split_subjet(
    places: NDArray[np.float64],
    share: NDArray[np.float64],
    second: NDArray[np.bool_],
    values: NDArray[np.float64],
) -> int:
    """Split one subjet whose first particle is its axis; the particle that is the second axis."""
    particles = len(share)
    own = np.sqrt(places[:, 0] ** 2 + places[:, 1] ** 2)
    axis, least = -1, np.inf
    for j in range(1, particles):
        cost = 0.0
        for i in range(particles):
            far = np.hypot(places[i, 0] - places[j, 0], places[i, 1] - places[j, 1])
            cost += share[i] * min(own[i], far)
        if cost < least:
            axis, least = j, cost
    moment, shares, other, count = 0.0, 0.0, 0.0, 0
    for i in range(1, particles):
        far = np.hypot(places[i, 0] - places[axis, 0], places[i, 1] - places[axis, 1])
        second[i] = i == axis or far < own[i]
        if second[i]:
            moment += share[i] * own[i]
            shares += share[i]
            other += share[i] * far
            count += 1
    total = (share * own).sum()
    part, reach = moment / total, moment / shares / total
    values[5] = count
    values[4] = np.arctan2(places[axis, 1], places[axis, 0])
    values[1] = np.log(max(reach, _SMALLEST))
    if count + 1 < particles:  # the axis alone has no tau: the second cell's part is all
        values[0] = np.log(max(part, _SMALLEST) / max(1 - part, _SMALLEST))
    if count > 1:
        values[2] = np.log(max(other / moment, _SMALLEST))
        values[3] = np.log(max(reach * total, _SMALLEST) / max(own[axis], _SMALLEST))
    return axis


@numba.njit(cache=True, nogil=True)
def _split(
    places: NDArray[np.float64],
    share: NDArray[np.float64],
    multiplicities: NDArray[np.int64],
    second: NDArray[np.bool_],
    axes: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    for jet in range(len(multiplicities)):
        first = 0
        for subjet in range(multiplicities.shape[1]):
            stop = first + multiplicities[jet, subjet]
            if multiplicities[jet, subjet] >= FEWEST:
                axes[jet, subjet] = first + _split_subjet(
                    places[jet, first:stop],
                    share[jet, first:stop],
                    second[jet, first:stop],
                    values[jet, subjet],
                )
            first = stop


@dataclass(frozen=True)
class SecondAxes:
    """Second axes of the subjets of n jets.

    Attributes
    ----------
    coordinates : [n, K, 6]
        NaN where a subjet has no such number.
    second : [n, P] bool
        Whether a particle belongs to the second cell of its subjet.
    axes : [n, K] int64
        The particle that is the second axis; -1 where there is none.
    """

    coordinates: NDArray[np.float64]
    second: NDArray[np.bool_]
    axes: NDArray[np.int64]


def find_second_axes(
    places: NDArray[np.floating], share: NDArray[np.floating], multiplicities: NDArray[np.int64]
) -> SecondAxes:
    """Find the second axes of subjets.

    Parameters
    ----------
    places : [n, P, 2]
        In units of the widths of the subjets, about their axes; by subjet, its axis first.
    share : [n, P]
        Of the subjet's pT.
    multiplicities : [n, K] int64
        Particles of each subjet.

    Returns
    -------
    SecondAxes
    """
    jets, subjets = multiplicities.shape
    values = np.full((jets, subjets, 6), np.nan)
    second = np.zeros(share.shape, dtype=np.bool_)
    axes = np.full((jets, subjets), -1, dtype=np.int64)
    # one layout of the arrays is one compilation
    columns = (np.ascontiguousarray(given, dtype=np.float64) for given in (places, share))
    _split(*columns, np.ascontiguousarray(multiplicities), second, axes, values)
    return SecondAxes(values, second, axes)


@dataclass(frozen=True)
class Cells:
    """Cells of the subjets of B jets: that of a subjet's own axis, then that of the second one.

    Attributes
    ----------
    hop : [B, 2 K, 2]
        From the subjet's axis to the cell's.
    width, reach : [B, 2 K]
        Mean distances of the cell's particles, to its axis and to the subjet's.
    share : [B, 2 K]
        Of the jet's pT.
    multiplicities : [B, 2 K] int64
    """

    hop: Tensor
    width: Tensor
    reach: Tensor
    share: Tensor
    multiplicities: Tensor


def cells_of(
    values: Tensor, width: Tensor, share: Tensor, multiplicities: Tensor, farthest: float
) -> Cells:
    """The cells of subjets whose second axes have any coordinates.

    What the subjet says holds: the two cells share its pT, its particles and its tau. Where the
    part of tau and the reach would leave the second cell more pT than there is, the reach grows;
    where the cell would lie outside any jet, it shrinks, and the cell has more pT.

    Parameters
    ----------
    values : [B, K, 6]
        Finite; not read of subjets with fewer than three particles.
    width, share : [B, K]
        Of the subjets.
    multiplicities : [B, K] int64
    farthest : float
        Particles of a second cell are on average at most so far from the subjet's axis.

    Returns
    -------
    Cells
    """
    split = multiplicities >= FEWEST
    moment, reach, narrowing, over_hop, angle, wanted = values.unbind(-1)
    most = (multiplicities - 1).clamp_min(1).to(values.dtype)
    second = torch.minimum(wanted.round().clamp_min(1.0), most).long() * split
    part = torch.where(multiplicities - second > 1, moment.sigmoid(), 1.0) * split
    reach = torch.minimum(reach.clamp(*_LN_REACH).exp(), farthest / width.clamp_min(_SMALLEST))
    zeta = (part / reach).clamp(_SMALLEST, _MOST_SHARE) * split
    reach = torch.where(split, part / zeta.clamp_min(_SMALLEST), 0.0)
    several = second > 1
    hop = reach * torch.where(several, (-over_hop.clamp(-5.0, 5.0)).exp(), 1.0)
    own = torch.where(split, (1 - part) / (1 - zeta), 1.0) * width * (multiplicities - second > 1)
    across = torch.where(several, narrowing.clamp(-8.0, 2.0).exp(), 0.0) * reach * width
    place = (hop * width).unsqueeze(-1) * torch.stack([angle.cos(), angle.sin()], dim=-1)

    def both(first: Tensor, other: Tensor) -> Tensor:
        return torch.stack([first, other], dim=2).flatten(1, 2)

    return Cells(
        hop=both(torch.zeros_like(place), place),
        width=both(own, across),
        reach=both(own, reach * width),
        share=both(share * (1 - zeta), share * zeta),
        multiplicities=both(multiplicities - second, second),
    )

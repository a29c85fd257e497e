"""The projected correlators in torch, for GPUs: all sets of a batch of jets at once.

The sum over ordered tuples is grouped by the set of distinct members: N! times the coefficient of
x^N of the product over the members of p_t(x) = sum_{k >= 1} (w_t x)^k / k!. On a CPU the compiled
`kernel` is faster by far.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.correlators.kernel import Groups
from hypervae.correlators.sets import set_members

#: Numbers in memory at once for the sets of a batch: 64 M of 8 bytes are 512 MB.
NUMBERS_AT_ONCE = 64_000_000


def correlate_torch(
    weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: list[int],
    size: int,
    groups: Groups | None = None,
    device: str = "cuda",
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sum correlators and their products on a device.

    Parameters
    ----------
    weight, multiplicity, pair_bins, orders, size, groups
        See `kernel.correlate`.
    device : str
        A torch device.

    Returns
    -------
    total, squares, cross : [groups, len(orders), size] float64
        See `kernel.correlate`.
    """
    group, number = groups or Groups(np.zeros(len(weight), dtype=np.int64), 1)
    slots, highest = weight.shape[1], max(orders)
    sets = math.comb(slots, min(highest, max(slots // 2, 1)))
    batch = max(1, NUMBERS_AT_ONCE // max(sets * (highest + 4), 1))
    sums = np.zeros((3, number, len(orders), size))
    for start in range(0, len(weight), batch):
        part = slice(start, start + batch)
        histograms = _batch(
            torch.from_numpy(np.ascontiguousarray(weight[part])).to(device),
            torch.from_numpy(pair_bins[part].astype(np.int32)).to(device),
            [2, *orders],
            size,
        )
        found = histograms.cpu().numpy()
        for place in range(number):
            chosen = found[group[part] == place]
            pairs, chosen = chosen[:, :1], chosen[:, 1:]
            sums[0, place] += chosen.sum(axis=0)
            sums[1, place] += (chosen**2).sum(axis=0)
            sums[2, place] += (chosen * pairs).sum(axis=0)
    return sums[0], sums[1], sums[2]


def _batch(weight: Tensor, pair_bins: Tensor, orders: list[int], size: int) -> Tensor:
    """[B, orders, size] correlators of each jet; absent particles have weight 0 and add nothing."""
    jets, slots = weight.shape
    highest = max(orders)
    histograms = weight.new_zeros(jets, len(orders), size)
    power = [weight**k / math.factorial(k) for k in range(highest + 1)]
    for place, order in enumerate(orders):
        histograms[:, place, 0] = (weight**order).sum(dim=1)
    for members_count in range(2, min(highest, slots) + 1):
        members = torch.from_numpy(set_members(slots, members_count).astype(np.int64))
        members = members.to(weight.device)
        farthest = pair_bins.new_zeros(jets, len(members))
        for b in range(1, members_count):
            for a in range(b):
                j, i = members[:, b], members[:, a]
                farthest = torch.maximum(farthest, pair_bins[:, pair_index(i, j)])
        # coefficients of x^members_count ... x^highest of the product over the members
        terms = {0: weight.new_ones(jets, len(members))}
        for b in range(members_count):
            grown: dict[int, Tensor] = {}
            left = members_count - b - 1  # members still to come, each with a power of 1 at least
            for degree, value in terms.items():
                for k in range(1, highest - degree - left + 1):
                    addend = value * power[k][:, members[:, b]]
                    grown[degree + k] = (
                        grown[degree + k] + addend if degree + k in grown else addend
                    )
            terms = grown
        for place, order in enumerate(orders):
            if order >= members_count:
                addend = math.factorial(order) * terms[order]
                histograms[:, place].scatter_add_(1, farthest.long(), addend)
    return histograms


def pair_index(first: Tensor, second: Tensor) -> Tensor:
    """Number of the pair of `first` < `second`; see `geometry.pair_indices`.

    Parameters
    ----------
    first, second : [...] int64
        Particles of the pairs.

    Returns
    -------
    [...] int64
    """
    return second * (second - 1) // 2 + first

"""Lists of sets of particles, in the order in which listed hyperedges are numbered."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.correlators import sets
from hypervae.correlators.set_features import set_features
from hypervae.model.hyperedges.source import HyperedgeSource


class SetList(NamedTuple):
    """Sets of slots, order by order, each order in colexicographic order.

    Attributes
    ----------
    members : [K, N] int64
        Ascending; padded with the number of slots, which is that of no slot.
    order : [K] int64
        Index of the order.
    """

    members: Tensor
    order: Tensor


@functools.lru_cache(maxsize=16)
def complete_list(slots: int, orders: tuple[int, ...]) -> SetList:
    """Every set of the slots.

    Parameters
    ----------
    slots : int
    orders : tuple of int
        Sizes of the sets.

    Returns
    -------
    SetList
    """
    return padded_list(
        [sets.set_members(slots, order) for order in orders], slots, max(orders, default=0)
    )


def padded_list(parts: list[NDArray[np.uint8]], fill: int, width: int) -> SetList:
    """A list of the sets of several orders.

    Parameters
    ----------
    parts : list of [K_i, N_i] uint8
        Members of the sets of each order.
    fill : int
        Number of no slot.
    width : int
        N, of the list.

    Returns
    -------
    SetList
    """
    members = np.full((sum(map(len, parts)), width), fill, dtype=np.int64)
    start = 0
    for part in parts:
        members[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    order = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return SetList(torch.from_numpy(members), torch.from_numpy(order))


def set_counts_of(particles: int, orders: list[int]) -> list[int]:
    """Sets of each order of so many particles.

    Parameters
    ----------
    particles : int
        Of a jet.
    orders : list of int

    Returns
    -------
    list of int
        One of each order.
    """
    return [sets.set_count(particles, order) for order in orders]


def numbers_in_list(here: list[int], there: list[int]) -> NDArray[np.int64]:
    """Numbers in a list of all slots of the sets of the hardest particles.

    Parameters
    ----------
    here, there : list of int
        Sets of each order of the hardest particles, and of all slots. The former come first.

    Returns
    -------
    [sum(here)] int64
    """
    starts = np.cumsum([0, *there])
    index = [start + np.arange(length) for start, length in zip(starts, here, strict=False)]
    return np.concatenate([np.zeros(0, int), *index])


def complete_features(
    source: HyperedgeSource,
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Features of every set.

    Parameters
    ----------
    source : HyperedgeSource

    Returns
    -------
    values : [n, K, F + 1]
        Scaled ln(ENC/E2C) per order, and ln w twice.
    mask : [n, K] bool
        Which sets a jet has.
    """
    scaler = source.normalization.hyperedge
    scale, shift = scaler.scale[-1], -scaler.offset[-1] / scaler.scale[-1]
    logs = (source.log_weight / scale).astype(source.array_type)
    arrays = (source.pair_bins, source.multiplicity, logs, source.orders, source.ratios)
    values, sizes = set_features(*arrays, shift, times=2)
    mask = np.zeros(values.shape[:2], dtype=bool)
    start = 0
    for row, length in enumerate(set_counts_of(source.most, source.orders)):
        mask[:, start : start + length] = np.arange(length) < sizes[:, row, None]
        start += length
    return values, mask

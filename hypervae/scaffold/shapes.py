"""Shapes of cells in coordinates that are standard normal in each slot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor, nn

from hypervae.scaffold.geometry import Slots

_INTERVALS = 64
# Largest radius in standard deviations of each component, and largest score of a share.
_FURTHEST = 4.5
_SHARE_FURTHEST = 4.0
# Slots with fewer training particles take the tables of the rank before.
_FEWEST = 100


class SlotTables(nn.Module):
    """Maps between shapes of cells and numbers that are standard normal in each slot.

    A slot is a cell and a rank within it. The offset of a particle from its axis keeps its
    direction, and its length is mapped to the Rayleigh distribution of a two-dimensional standard
    normal. The logarithm of its share of the cell's pT is fitted by a parabola in the logarithm
    of the cell's number of particles; the rest is mapped to a standard normal number. The axis
    itself (rank 0) has no offset, and lone particles have no share but 1.

    Parameters
    ----------
    cells, slots, types : int
    """

    radius: Tensor
    residual: Tensor
    parabola: Tensor

    def __init__(self, cells: int, slots: int, types: int):
        super().__init__()
        self.cells, self.slots = cells, slots
        number = cells * slots
        radii = torch.linspace(0, _FURTHEST, _INTERVALS + 1)
        scores = torch.linspace(-_SHARE_FURTHEST, _SHARE_FURTHEST, _INTERVALS + 1)
        self.register_buffer("radius", radii.repeat(types, number, 1))
        self.register_buffer("residual", scores.repeat(types, number, 1))
        self.register_buffer("parabola", torch.zeros(types, number, 3))

    @torch.no_grad()
    def fit(
        self,
        offsets: NDArray[np.float32],
        ln_share: NDArray[np.float32],
        multiplicities: NDArray[np.int64],
        type_index: int,
    ) -> None:
        """Take the quantiles of jets of one type; arrays as `ScaffoldedJets` has them.

        Parameters
        ----------
        offsets : [n, P, 2] float32
        ln_share : [n, P] float32
        multiplicities : [n, C] int64
        type_index : int
            Of the jets.
        """
        radius, residual, parabola = (
            values[type_index].double().cpu().numpy().copy()
            for values in (self.radius, self.residual, self.parabola)
        )
        grid = np.linspace(0, _FURTHEST, _INTERVALS + 1)
        scores = np.linspace(-_SHARE_FURTHEST, _SHARE_FURTHEST, _INTERVALS + 1)
        lengths = np.linalg.norm(offsets, axis=-1)
        for slot, rows, columns, logs in self._by_slot(multiplicities):
            rank = slot % self.slots
            if len(rows) < _FEWEST:
                if rank:
                    for table in (radius, residual, parabola):
                        table[slot] = table[slot - 1]
                continue
            least = 0.5 / len(rows)
            share = ln_share[rows, columns].astype(np.float64)
            normal = logs.T @ logs + 1e-3 * np.eye(3)
            parabola[slot] = np.linalg.solve(normal, logs.T @ share)
            at = np.clip(ndtr(scores), least, 1 - least)
            residual[slot] = np.quantile(share - logs @ parabola[slot], at) + 1e-5 * scores
            if rank:
                at = np.minimum(1 - np.exp(-(grid**2) / 2), 1 - least)
                radius[slot] = np.quantile(lengths[rows, columns], at) + 1e-5 * grid
                radius[slot, 0] = 0.0
        for buffer, values in (
            (self.radius, radius),
            (self.residual, residual),
            (self.parabola, parabola),
        ):
            buffer[type_index] = torch.from_numpy(values)

    def _by_slot(
        self, multiplicities: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
        """Slot by slot: its particles (jet and place), and (1, ln n, ln^2 n) of their cells."""
        starts = np.cumsum(multiplicities, axis=1) - multiplicities
        for slot in range(self.cells * self.slots):
            cell, rank = divmod(slot, self.slots)
            here = multiplicities[:, cell]
            rows = np.flatnonzero((here > rank) & (here > 1))
            logs = np.log(here[rows].astype(np.float64))
            yield slot, rows, starts[rows, cell] + rank, np.stack([logs**0, logs, logs**2], 1)

    def scores(
        self,
        offsets: Tensor,
        ln_share: Tensor,
        slots: Slots,
        multiplicities: Tensor,
        jet_type: Tensor,
    ) -> Tensor:
        """[B, P, 3] standard normal numbers of shapes; 0 where there is nothing to choose.

        Parameters
        ----------
        offsets : [B, P, 2]
        ln_share : [B, P]
        slots : Slots
        multiplicities : [B, C] int64
        jet_type : [B] int64

        Returns
        -------
        [B, P, 3]
        """
        index = self._index(slots, jet_type)
        length = offsets.norm(dim=-1)
        table = self.radius.flatten(0, 1)[index].to(offsets.dtype)
        radius = _turned_round(table, length, 0.0, _FURTHEST)
        plane = offsets * (radius / length.clamp_min(1e-9)).unsqueeze(-1)
        table = self.residual.flatten(0, 1)[index].to(offsets.dtype)
        rest = ln_share - self._expected(index, slots, multiplicities, offsets.dtype)
        share = _turned_round(table, rest, -_SHARE_FURTHEST, _SHARE_FURTHEST)
        return torch.cat([plane, share.unsqueeze(-1)], dim=-1) * free_directions(
            slots, multiplicities
        )

    def shapes(
        self, scores: Tensor, slots: Slots, multiplicities: Tensor, jet_type: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Offsets [B, P, 2] and ln shares [B, P] of numbers [B, P, 3]; see `scores`.

        Parameters
        ----------
        scores : [B, P, 3]
        slots : Slots
            Of the jets.
        multiplicities : [B, C] int64
        jet_type : [B] int64

        Returns
        -------
        offsets : [B, P, 2]
        ln_share : [B, P]
        """
        index = self._index(slots, jet_type)
        plane = scores[..., :2]
        length = plane.square().sum(-1).clamp_min(1e-12).sqrt()
        radius = _looked_up(self.radius.flatten(0, 1), index, length, 0.0, _FURTHEST)
        share = _looked_up(
            self.residual.flatten(0, 1), index, scores[..., 2], -_SHARE_FURTHEST, _SHARE_FURTHEST
        )
        share = share + self._expected(index, slots, multiplicities, scores.dtype)
        wide = multiplicities.gather(1, slots.cell) > 1
        share = torch.where(wide & slots.mask, share, 0.0)
        moves = (slots.mask & (slots.rank > 0)).unsqueeze(-1)
        return plane * (radius / length).unsqueeze(-1) * moves, share

    def _index(self, slots: Slots, jet_type: Tensor) -> Tensor:
        """[B, P] row in the tables of all types."""
        number = self.cells * self.slots
        return jet_type.unsqueeze(1) * number + slots.cell * self.slots + slots.rank

    def _expected(
        self, index: Tensor, slots: Slots, multiplicities: Tensor, real: torch.dtype
    ) -> Tensor:
        logs = multiplicities.gather(1, slots.cell).to(real).clamp_min(1.0).log()
        a, b, c = self.parabola.flatten(0, 1)[index].to(real).unbind(-1)
        return a + b * logs + c * logs.square()


def free_directions(slots: Slots, multiplicities: Tensor) -> Tensor:
    """[B, P, 3] 1 where a number of a shape is free: no offset of an axis, no share of a lone one.

    Parameters
    ----------
    slots : Slots
    multiplicities : [B, C] int64

    Returns
    -------
    [B, P, 3]
    """
    wide = slots.mask & (multiplicities.gather(1, slots.cell) > 1)
    moves = wide & (slots.rank > 0)
    return torch.stack([moves, moves, wide], dim=-1).float()


def _looked_up(tables: Tensor, index: Tensor, scores: Tensor, low: float, high: float) -> Tensor:
    """Values of tables [rows, intervals + 1] at scores within [low, high], linear beyond by one."""
    width = (high - low) / _INTERVALS
    place = (scores.clamp(low - 1 if low else low, high + 1) - low) / width
    below = place.detach().floor().clamp(0, _INTERVALS - 1)
    flat = index * (_INTERVALS + 1) + below.long()
    values = tables.reshape(-1).to(scores.dtype)
    first, second = values[flat], values[flat + 1]
    return first + (place - below) * (second - first)


def _turned_round(tables: Tensor, values: Tensor, low: float, high: float) -> Tensor:
    """Scores within [low, high] at which tables [.., intervals + 1] have the values [..]."""
    wanted = values.unsqueeze(-1).contiguous()
    upper = torch.searchsorted(tables.contiguous(), wanted).clamp(1, _INTERVALS)
    below, above = tables.gather(-1, upper - 1), tables.gather(-1, upper)
    part = ((wanted - below) / (above - below).clamp_min(1e-12)).clamp(0.0, 1.0)
    return ((upper - 1 + part) * ((high - low) / _INTERVALS) + low).squeeze(-1)

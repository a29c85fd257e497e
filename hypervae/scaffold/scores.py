"""Coordinates of scaffolds as normal scores: each standard normal over the training jets."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor, nn

from hypervae.scaffold.coordinates import Layout, coordinates

# Scores at which the tables hold a value: 4.5 is one jet in 300,000.
_FURTHEST = 4.5
_INTERVALS = 720
# Whole numbers are spread evenly over their unit; other numbers by this part of their width, so
# that jets that share a value (a distance of exactly that of the axis) do not share a score.
_SPREAD = 1e-3
# Coordinates that hardly vary are spread as if they had this width.
_NARROWEST = 1e-3


class NormalScores(nn.Module):
    """Monotonic maps between each coordinate and a standard normal number, per jet type.

    The maps are tables of quantiles, linear in between, so that what is standard normal in each
    coordinate has the training jets' distribution in each. Numbers that a jet has not get a random
    score.

    Parameters
    ----------
    layout : Layout
    types : int
    """

    quantiles: Tensor
    spread: Tensor

    def __init__(self, layout: Layout, types: int):
        super().__init__()
        known = coordinates(layout)
        self._whole = [coordinate.integer for coordinate in known]
        start = torch.linspace(-_FURTHEST, _FURTHEST, _INTERVALS + 1)
        self.register_buffer("quantiles", start.repeat(types, len(known), 1))
        self.register_buffer("spread", torch.zeros(types, len(known)))

    @torch.no_grad()
    def fit(self, values: NDArray[np.float64], type_index: int, seed: int) -> None:
        """Take the quantiles of jets of one type.

        Parameters
        ----------
        values : [n, len(coordinates)]
            As `analyse` gives them, with NaN for numbers that a jet has not.
        type_index : int
        seed : int
            Of what spreads equal values.
        """
        generator = np.random.default_rng(seed)
        probability = ndtr(np.linspace(-_FURTHEST, _FURTHEST, _INTERVALS + 1))
        for place, whole in enumerate(self._whole):
            column = values[:, place]
            column = column[np.isfinite(column)]
            if len(column) == 0:
                continue
            spread = 1.0 if whole else _SPREAD * max(float(column.std()), _NARROWEST)
            column = column + spread * (generator.random(len(column)) - 0.5)
            # the k-th of n sorted values lies at (k + 1/2) / n
            at = (np.arange(len(column)) + 0.5) / len(column)
            table = np.interp(probability, at, np.sort(column))
            self.quantiles[type_index, place] = torch.from_numpy(table)
            self.spread[type_index, place] = spread

    def forward(self, values: Tensor, jet_type: Tensor, noise: Tensor) -> Tensor:
        """Normal scores of coordinates.

        Parameters
        ----------
        values : [B, D]
            NaN for numbers that a jet has not.
        jet_type : [B] int64
        noise : [B, D]
            Uniform in (0, 1): spreads equal values, and is the score of missing ones.

        Returns
        -------
        [B, D]
        """
        spread = values + self.spread[jet_type].to(values.dtype) * (noise - 0.5)
        filled = spread.nan_to_num()
        score = torch.empty_like(filled)
        for index in jet_type.unique():  # one look-up in the tables of each type
            rows = jet_type == index
            score[rows] = self._score(filled[rows], self.quantiles[index].to(values.dtype))
        # u = 0 or 1 by rounding would be infinite
        inside = noise.clamp(1e-7, 1 - 1e-7)
        drawn = math.sqrt(2) * torch.erfinv(2 * inside - 1)
        return torch.where(values.isfinite(), score, drawn)

    def inverse(self, scores: Tensor, jet_type: Tensor) -> Tensor:
        """Coordinates [B, D] of scores [B, D]; beyond the training jets' range its ends.

        Parameters
        ----------
        scores : [B, D]
        jet_type : [B] int64

        Returns
        -------
        [B, D]
        """
        place = (scores.clamp(-_FURTHEST, _FURTHEST) + _FURTHEST) * (_INTERVALS / (2 * _FURTHEST))
        below = place.floor().clamp(max=_INTERVALS - 1)
        size = self.quantiles.shape[1]
        row = jet_type.unsqueeze(1) * size + torch.arange(size, device=scores.device)
        flat = row * (_INTERVALS + 1) + below.long()
        tables = self.quantiles.reshape(-1).to(scores.dtype)
        return torch.lerp(tables[flat], tables[flat + 1], place - below)

    @staticmethod
    def _score(values: Tensor, table: Tensor) -> Tensor:
        """Scores [n, D] of values [n, D] by one type's quantiles [D, intervals + 1]."""
        upper = torch.searchsorted(table.contiguous(), values.T.contiguous()).clamp(1, _INTERVALS)
        low, high = table.gather(1, upper - 1), table.gather(1, upper)
        part = ((values.T - low) / (high - low).clamp_min(1e-12)).clamp(0.0, 1.0)
        return ((upper - 1 + part) * (2 * _FURTHEST / _INTERVALS) - _FURTHEST).T

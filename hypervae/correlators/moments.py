"""Sums that give mean, width and range, and that merge exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Count, sums of (x - shift) and of its square, and range of one feature.

    A constant shift near the mean keeps the width accurate, and makes merging plain addition, so
    that the way jets fall into shards does not matter beyond rounding.
    """

    shift: float
    count: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    @classmethod
    def of(cls, values: NDArray[np.floating], shift: float) -> Moments:
        """Moments of an array.

        Parameters
        ----------
        values : [...]
            All of them count.
        shift : float
            Subtracted before squares are summed.

        Returns
        -------
        Moments
        """
        if values.size == 0:
            return cls(shift)
        centred = values.astype(np.float64, copy=False) - shift
        return cls(
            shift,
            float(values.size),
            float(centred.sum()),
            float((centred * centred).sum()),
            float(values.min()),
            float(values.max()),
        )

    @classmethod
    def merge(cls, parts: Iterable[Moments]) -> Moments:
        """Moments of the union; all parts must share the shift.

        Parameters
        ----------
        parts : iterable of Moments

        Returns
        -------
        Moments
        """
        parts = list(parts)
        shifts = {part.shift for part in parts}
        if len(shifts) != 1:
            raise ValueError(f"moments with different shifts cannot be merged: {sorted(shifts)}")
        return cls(
            shifts.pop(),
            math.fsum(part.count for part in parts),
            math.fsum(part.total for part in parts),
            math.fsum(part.squares for part in parts),
            min(part.low for part in parts),
            max(part.high for part in parts),
        )

    @property
    def mean(self) -> float:
        """Mean; 0 of nothing."""
        return self.shift + self.total / self.count if self.count else 0.0

    @property
    def width(self) -> float:
        """Standard deviation; 0 of nothing."""
        if not self.count:
            return 0.0
        variance = self.squares / self.count - (self.total / self.count) ** 2
        return math.sqrt(max(variance, 0.0))

    def to_array(self) -> NDArray[np.float64]:
        """[6] (shift, count, total, squares, low, high), as stored.

        Returns
        -------
        [6] float64
        """
        return np.array([self.shift, self.count, self.total, self.squares, self.low, self.high])

    @classmethod
    def from_array(cls, values: NDArray[np.float64]) -> Moments:
        """Moments from the numbers that `to_array` gives.

        Parameters
        ----------
        values : [6] float64

        Returns
        -------
        Moments
        """
        return cls(*(float(value) for value in values))

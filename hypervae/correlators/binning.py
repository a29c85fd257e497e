"""Logarithmic bins in R_L, with underflow (0) and overflow (bins + 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hypervae.config import CorrelatorsConfig


@dataclass(frozen=True)
class Binning:
    """Logarithmic bins of an angular distance.

    Parameters
    ----------
    bins : int
        Number of bins inside the range.
    low, high : float
        The range. A value on an edge belongs to the bin above it.
    """

    bins: int
    low: float
    high: float

    @classmethod
    def of(cls, config: CorrelatorsConfig) -> Binning:
        """The R_L bins of a section ``correlators``.

        Parameters
        ----------
        config : CorrelatorsConfig

        Returns
        -------
        Binning
        """
        return cls(config.bins, *config.range)

    @property
    def size(self) -> int:
        """Bins with underflow and overflow."""
        return self.bins + 2

    @property
    def ln_low(self) -> float:
        """Logarithm of the lower end of the range."""
        return math.log(self.low)

    @property
    def ln_width(self) -> float:
        """Width of a bin inside the range, in ln R_L."""
        return math.log(self.high / self.low) / self.bins

    @property
    def edges(self) -> NDArray[np.float64]:
        """[bins + 1] edges."""
        return np.geomspace(self.low, self.high, self.bins + 1)

    @property
    def centers(self) -> NDArray[np.float64]:
        """[bins] geometric centers."""
        return np.sqrt(self.edges[1:] * self.edges[:-1])

    @property
    def dtype(self) -> type[np.unsignedinteger]:
        """The smallest type that holds a bin number."""
        return np.uint8 if self.size <= 256 else np.uint16

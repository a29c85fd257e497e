"""Scaling of features to numbers of order one, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scaler:
    """(x - offset) / scale, and its inverse.

    Both methods are affine, so the inverse is exact to rounding everywhere, zero included.

    Parameters
    ----------
    names : tuple of str
        Names of the features.
    offset, scale : [F] float64
        ``zscore``: mean and width; ``minmax``: minimum and range. A zero scale is taken as 1.
    """

    names: tuple[str, ...]
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, names: tuple[str, ...], stats: NDArray[np.float64], method: str) -> Scaler:
        """From statistics [F, 4] = (mean, width, low, high).

        Parameters
        ----------
        names : tuple of str
            Of the F features.
        stats : [F, 4] float64
        method : str
            Of the normalization.

        Returns
        -------
        Scaler
        """
        mean, width, low, high = np.asarray(stats, dtype=np.float64).reshape(-1, 4).T
        offset, scale = (mean, width) if method == "zscore" else (low, high - low)
        return cls(names, offset.copy(), np.where(scale > 0, scale, 1.0))

    def forward(self, values: NDArray) -> NDArray:
        """Scale [..., F].

        Parameters
        ----------
        values : [..., F]

        Returns
        -------
        [..., F]
        """
        return (values - self.offset) / self.scale

    def inverse(self, values: NDArray) -> NDArray:
        """Undo `forward`.

        Parameters
        ----------
        values : [..., F]
            Scaled.

        Returns
        -------
        [..., F]
        """
        return values * self.scale + self.offset

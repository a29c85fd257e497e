"""Sums over jets of numbers of each, with those of their products: means with their covariance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from hypervae.errors import ArgumentError

S = TypeVar("S")


@dataclass(frozen=True)
class Sums(Generic[S]):
    """Sums over jets.

    Attributes
    ----------
    settings : object
        What the numbers are; only sums with the same settings merge.
    n_jets : int
    total : [orders, columns]
        Of the jets' correlators.
    products : [orders columns, orders columns]
        Of the jets' products of any two of these numbers.
    """

    settings: S
    n_jets: int
    total: NDArray[np.float64]
    products: NDArray[np.float64]

    @classmethod
    def of(cls, settings: S, values: NDArray[np.float64]) -> Self:
        """The sums of jets.

        Parameters
        ----------
        settings : object
        values : [n, orders, columns]
            Of each jet.

        Returns
        -------
        Sums
        """
        flat = values.reshape(len(values), -1)
        return cls(settings, len(values), values.sum(axis=0), flat.T @ flat)

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """The sums of all jets together.

        Parameters
        ----------
        parts : iterable of Sums
            At least one, all with the same settings.

        Returns
        -------
        Sums

        Raises
        ------
        ArgumentError
            If there is none, or settings differ.
        """
        merged: Self | None = None
        for part in parts:
            if merged is None:
                merged = replace(part, total=part.total.copy(), products=part.products.copy())
                continue
            if part.settings != merged.settings:
                raise ArgumentError(
                    "spectra", found=str(part.settings), expected=f"{merged.settings}, as before"
                )
            merged = replace(merged, n_jets=merged.n_jets + part.n_jets)
            merged.total.__iadd__(part.total)
            merged.products.__iadd__(part.products)
        if merged is None:
            raise ArgumentError("spectra", found="none", expected="at least one jet")
        return merged

    @property
    def mean(self) -> NDArray[np.float64]:
        """[orders, columns] per jet."""
        return self.total / self.n_jets

    def covariance(self) -> NDArray[np.float64]:
        """Of the means: [orders, columns, orders, columns], NaN of one jet.

        Returns
        -------
        [orders, columns, orders, columns] float64
        """
        mean, shape = self.mean.ravel(), self.total.shape
        free = self.n_jets - 1 if self.n_jets > 1 else np.nan
        spread: NDArray[np.float64] = self.products / self.n_jets - np.outer(mean, mean)
        return (spread / free).reshape(*shape, *shape)

    @property
    def error(self) -> NDArray[np.float64]:
        """[orders, columns] standard deviations of the means, NaN of one jet."""
        variance = np.diagonal(self.covariance().reshape(self.products.shape))
        return np.sqrt(np.maximum(variance, 0.0)).reshape(self.total.shape)

"""What hyperedge modes make their tokens and targets from."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.normalization import Normalization

R = TypeVar("R")


@dataclass(frozen=True)
class Tokens:
    """Hyperedge tokens of n jets; those of a jet that has fewer are padded with zeros.

    Attributes
    ----------
    values : [n, T, F + 1]
        Scaled ln(ENC/E2C) per order, mean ln w and ln of the sum of w.
    order : [n, T] or [T] int64
        Index of the order.
    count : [n, T]
        Sets that the token stands for; 0 for padding.
    """

    values: NDArray[np.floating]
    order: NDArray[np.int64]
    count: NDArray[np.floating]


@dataclass
class HyperedgeSource:
    """The particles of n jets, of which hyperedges are the sets.

    Attributes
    ----------
    pair_bins : [n, P (P - 1) / 2]
        R_L bins of the pairs, in the order of `geometry.pair_indices`.
    log_weight : [n, P] float64
        Logarithms of the weights of the particles, which are sorted by falling pT.
    multiplicity : [n] int64
        Sets are formed of the first so many.
    normalization : Normalization
    hyperedge_samples : int
        Sets per jet of modes that take a random sample of them.
    keys : [n] uint64
        Seed of each jet's sample.
    dtype : torch.dtype
        Of the tensors; float64 computes in double precision all along.
    """

    pair_bins: NDArray[np.unsignedinteger]
    log_weight: NDArray[np.float64]
    multiplicity: NDArray[np.int64]
    normalization: Normalization
    hyperedge_samples: int
    keys: NDArray[np.uint64]
    dtype: torch.dtype
    _made: dict[Callable[..., Any], Any] = field(default_factory=dict, repr=False)

    def once(self, make: Callable[[HyperedgeSource], R]) -> R:
        """What a function makes of this source; made once, also if both sides of a model ask.

        Parameters
        ----------
        make : callable
            Called with this source; what it returns is kept.

        Returns
        -------
        object
            What `make` returned.
        """
        if make not in self._made:
            self._made[make] = make(self)
        return cast(R, self._made[make])

    def has(self, make: Callable[[HyperedgeSource], Any]) -> bool:
        """Whether `once` was asked for this before.

        Parameters
        ----------
        make : callable
            As for `once`.

        Returns
        -------
        bool
        """
        return make in self._made

    def __len__(self) -> int:
        return len(self.multiplicity)

    @property
    def array_type(self) -> type[np.floating]:
        """Type of the arrays that become tensors."""
        return np.float64 if self.dtype == torch.float64 else np.float32

    @property
    def orders(self) -> list[int]:
        """Sizes of the sets."""
        return self.normalization.hyperedge_orders

    @property
    def most(self) -> int:
        """Particles that form sets in the fullest jet."""
        return int(self.multiplicity.max(initial=0))

    @functools.cached_property
    def ratios(self) -> NDArray[np.float64]:
        """[bins + 2, orders] scaled ln(ENC/E2C)."""
        scaler = self.normalization.hyperedge
        return (self.normalization.ln_ratio.T - scaler.offset[:-1]) / scaler.scale[:-1]

    def scale_log(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Scale ln w.

        Parameters
        ----------
        values : [...]

        Returns
        -------
        [...]
        """
        scaler = self.normalization.hyperedge
        scaled: NDArray[np.floating] = (values - scaler.offset[-1]) / scaler.scale[-1]
        return scaled

    def tensor(self, values: NDArray[np.floating]) -> Tensor:
        """A tensor of the source's type.

        Parameters
        ----------
        values : [...]

        Returns
        -------
        [...]
        """
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.dtype)

    def of_each_jet(self, values: NDArray[np.int64]) -> Tensor:
        """[n, T] of integers; one row [T] that all jets share is viewed as many.

        Parameters
        ----------
        values : [n or 1, T] int64

        Returns
        -------
        [n, T] int64
        """
        return torch.from_numpy(values).expand(len(self), -1)

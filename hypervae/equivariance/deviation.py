"""Equivariance, measured: how far outputs move when the jets are transformed.

The physical momenta are transformed in float64 by random boosts and rotations, cast to the type
under test, and given to the network. The RMS deviation of the outputs (over jets and outputs) is
divided by the RMS over outputs of their standard deviation across jets: a deviation of 1 would hide
which jet it was. The largest over all transformations counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.equivariance.transformations import random_transformations
from hypervae.errors import HyperVAEError

#: Largest deviation that rounding may make, by type.
BOUNDS = {torch.float32: 1e-2, torch.float64: 1e-6}
#: Smallest spread between jets, in units of the outputs, of a network that heeds its input.
SMALLEST_SPREAD = 1e-2

#: Outputs [n, ...] of n jets, and which of them exist (broadcast; None: all).
Outputs = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Equivariance:
    """What was measured.

    Attributes
    ----------
    what : str
        The outputs.
    group : str
        Where the transformations come from.
    dtype : torch.dtype
    transformations : int
    deviation : float
        RMS deviation over the spread between jets, the largest over the transformations.
    spread : float
        RMS spread between jets over the RMS of the outputs.
    """

    what: str
    group: str
    dtype: torch.dtype
    transformations: int
    deviation: float
    spread: float

    def broken_bounds(self) -> list[str]:
        """What is wrong with it, in words; empty if nothing is.

        Returns
        -------
        list of str
        """
        found = []
        name = f"{self.what} under {self.group} in {str(self.dtype).removeprefix('torch.')}"
        if self.deviation > BOUNDS[self.dtype]:
            found.append(
                f"{name}: the outputs move by {self.deviation:.2g} of their spread between jets, "
                f"more than {BOUNDS[self.dtype]:g}"
            )
        if self.spread < SMALLEST_SPREAD:
            found.append(
                f"{name}: jets differ by {self.spread:.2g} of the outputs, less than "
                f"{SMALLEST_SPREAD:g}: the network ignores its input"
            )
        return found


@dataclass(frozen=True)
class Transformations:
    """What vectors are transformed by.

    Attributes
    ----------
    group : str
        See `random_transformations`.
    number : int
    seed : int
    """

    group: str
    number: int = 100
    seed: int = 1


def measure(
    function: Callable[..., Outputs],
    vectors: Sequence[NDArray],
    transformations: Transformations,
    *,
    what: str = "outputs",
    dtype: torch.dtype = torch.float64,
    covariant: bool = False,
) -> Equivariance:
    """Measure how far the outputs of a function move under transformations of its input.

    Parameters
    ----------
    function : callable
        Takes the vectors as tensors; gives `Outputs`.
    vectors : sequence of [..., 4] float64
        What is transformed: momenta, and whatever transforms along.
    transformations : Transformations
    what : str
        What the outputs are, for messages.
    dtype : torch.dtype
        The type to which the transformed vectors are cast.
    covariant : bool
        Whether the outputs are vectors [n, ..., 4] that should transform along; else they should
        stay.

    Returns
    -------
    Equivariance

    Raises
    ------
    HyperVAEError
        If an output is not finite.
    """

    def outputs(matrix: NDArray) -> tuple[NDArray, NDArray]:
        cast = [torch.from_numpy(v @ matrix.T).to(dtype) for v in vectors]
        with torch.no_grad():
            values, present = function(*cast)
        found = values.double().cpu().numpy()
        there = np.ones(found.shape, dtype=bool)
        if present is not None:
            there &= present.cpu().numpy()
        if not np.isfinite(found[there]).all():
            raise HyperVAEError(f"{what}: some are not finite, so equivariance is without meaning")
        return np.where(there, found, 0.0), there

    identity = np.eye(4)
    start, there = outputs(identity)
    size = np.sqrt(np.mean(start[there] ** 2))
    tiny = np.finfo(np.float64).tiny
    largest = 0.0
    group, number = transformations.group, transformations.number
    for matrix in random_transformations(group, number, transformations.seed):
        expected = start @ matrix.T if covariant else start
        moved = outputs(matrix)[0] - expected
        deviation = np.sqrt(np.mean(moved[there] ** 2))
        largest = max(largest, deviation / max(_spread(expected, there), tiny))
    return Equivariance(
        what=what,
        group=group,
        dtype=dtype,
        transformations=number,
        deviation=float(min(largest, 1 / tiny)),
        spread=float(_spread(start, there) / max(size, tiny)),
    )


def _spread(values: NDArray, there: NDArray) -> float:
    """RMS over outputs of the standard deviation across the jets that have the output."""
    count = there.sum(axis=0)
    mean = values.sum(axis=0) / np.maximum(count, 1)
    squares = (there * (values - mean) ** 2).sum(axis=0)
    return float(np.sqrt(np.mean(squares[count > 1] / count[count > 1])))

"""Sums over jets of correlators, counts and moments, which merge by addition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.moments import Moments

#: The fields of `JetSums` that are arrays.
SUMMED_ARRAYS = ("enc", "enc_squares", "enc_cross", "pairs", "sets", "multiplicity")


@dataclass
class JetSums:
    """Sums over jets of one split of one shard (or of many, merged).

    ``enc``, ``enc_squares`` and ``enc_cross`` (ENC E2C) are [orders, size], ``pairs`` [size],
    ``sets`` [set orders, size], ``multiplicity`` [P + 1], with size = bins + 2.
    """

    n_jets: int
    enc: NDArray[np.float64]
    enc_squares: NDArray[np.float64]
    enc_cross: NDArray[np.float64]
    pairs: NDArray[np.float64]
    sets: NDArray[np.float64]
    multiplicity: NDArray[np.int64]
    moments: dict[str, Moments] = field(default_factory=dict)

    @classmethod
    def merge(cls, parts: Iterable[JetSums]) -> JetSums:
        """The sums over the union of jets.

        Parameters
        ----------
        parts : iterable of JetSums
            With the same orders and bins.

        Returns
        -------
        JetSums
        """
        parts = list(parts)
        first, rest = parts[0], parts[1:]
        merged = cls(
            first.n_jets,
            *(getattr(first, name).copy() for name in SUMMED_ARRAYS),
        )
        for part in rest:
            merged.n_jets += part.n_jets
            for name in SUMMED_ARRAYS:
                getattr(merged, name).__iadd__(getattr(part, name))
        merged.moments = {
            name: Moments.merge(part.moments[name] for part in parts) for name in first.moments
        }
        return merged

"""Sums over jets of correlators, counts and moments, which merge by addition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.moments import Moments
from hypervae.data.ranges import HIGHEST_ETA, HIGHEST_PHIREL, HIGHEST_PT, HIGHEST_PTREL

#: The fields of `JetSums` that are arrays.
SUMMED_ARRAYS = ("enc", "enc_squares", "enc_cross", "pairs", "sets", "multiplicity")
# What sums of positive terms round to, at least.
LOWEST = -1e-6
# And what they stay below, so that their squares are finite.
LARGEST = 1e60
# The largest size of features that jets are held to when they are read.
HIGHEST = {
    "eta": HIGHEST_ETA,
    "etarel": HIGHEST_ETA,
    "phirel": HIGHEST_PHIREL,
    "pt": HIGHEST_PTREL * HIGHEST_PT,
}


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

    def offence(self) -> str:
        """What no jets can have: sums that are not finite, or ranges beyond those of jets.

        Returns
        -------
        str
            Empty where there is none.
        """
        for name in SUMMED_ARRAYS:
            if not np.isfinite(getattr(self, name)).all():
                return f"NaN or infinity in {name}"
            if getattr(self, name).min(initial=0) < LOWEST:
                return f"numbers below 0 in {name}"
            if getattr(self, name).max(initial=0) > LARGEST:
                return f"{getattr(self, name).max():.3g} in {name}"
        if self.multiplicity.sum() != self.n_jets:
            return f"{self.multiplicity.sum()} multiplicities of {self.n_jets} jets"
        for name, moments in self.moments.items():
            if moments.count <= 0:
                if moments.count < 0 or name == "pt":
                    return f"{moments.count:g} values of {name}"
                continue
            values = moments.to_array()
            if not (np.isfinite(values).all() and np.abs(values).max() < LARGEST):
                return f"NaN, infinity or more than {LARGEST:g} in the moments of {name}"
            most = HIGHEST.get(name, np.inf)
            if max(-moments.low, moments.high) > most:
                return f"{name} of {moments.low:.4g} to {moments.high:.4g}, beyond {most:g}"
        return ""

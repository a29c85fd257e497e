"""Means over jets of the terms of the loss, for the history of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MeanOfTerms:
    """Mean over jets of the terms of the loss."""

    def __init__(self, state: Mapping[str, Any] | None = None):
        self.jets = int(state["jets"]) if state else 0
        self.sums: dict[str, float] = dict(state["sums"]) if state else {}

    def add(self, terms: Mapping[str, float], jets: int) -> None:
        """Add the means of a batch."""
        self.jets += jets
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * jets

    def means(self) -> dict[str, float]:
        """Means over all jets added."""
        return {name: value / max(self.jets, 1) for name, value in self.sums.items()}

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {"jets": self.jets, "sums": dict(self.sums)}

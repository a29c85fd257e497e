"""The history of a run: one row an epoch."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from hypervae.io import write_text


def write_history(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows as CSV, atomically; numbers with seven digits, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["epoch"])
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                key: f"{value:.7g}" if isinstance(value, float) else value
                for key, value in row.items()
            }
        )
    write_text(path, text.getvalue())


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

"""The history of a run as a file that can be read while the training goes on."""

from __future__ import annotations

import os
from pathlib import Path

from hypervae.formats.history import write_history
from hypervae.training.observers.interface import EpochReport, Observer


class HistoryFile(Observer):
    """Writes the whole history after each epoch; the file is never half-written.

    Parameters
    ----------
    path : path-like
        The CSV file.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def on_epoch(self, report: EpochReport) -> None:
        """Write the rows of all epochs, this one included."""
        write_history(self.path, [*report.history, report.row])

"""Curves, histograms and figures of a training for TensorBoard, through Fabric's logger."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hypervae.errors import DiskFull
from hypervae.io.atomic import no_space
from hypervae.training.observers.interface import EpochReport, Observer, Position, StepReport

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

if TYPE_CHECKING:
    from lightning.fabric.loggers import TensorBoardLogger

_LOG = logging.getLogger(__name__)
# Columns of the history, and where TensorBoard shows them; what stands before the first slash is
# the section.
_TAGS = {
    "val_w1m": "validation/w1m",
    "val_floors": "validation/floors",
    "learning_rate": "epoch/learning_rate",
    "gradient_norm": "epoch/gradient_norm",
    "skipped": "epoch/skipped_steps",
    "active_units": "latent/active_units",
    "jets_per_s": "epoch/jets_per_s",
    "peak_gpu_memory_mb": "memory/peak_gpu_mb",
}
_LOSSES = {"train_": "loss/train/", "val_": "loss/validation/"}


class TensorBoard(Observer):
    """Writes a run's event files; see them with ``tensorboard --logdir DIRECTORY``.

    What an earlier attempt wrote of steps that this one takes again is not shown.

    Parameters
    ----------
    directory : path-like
        Holds one file for each attempt at the run.
    every : int
        Optimizer steps between two points of the curves of steps.
    """

    def __init__(self, directory: str | os.PathLike[str], every: int = 5):
        self.directory, self.every = Path(directory), every
        self._logger: TensorBoardLogger | None = None

    @contextmanager
    def _naming_a_full_disk(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # Lightning makes a ValueError of any other
            reason = no_space(error)
            if reason is None:
                raise
            raise DiskFull(self.directory, reason) from error

    def on_start(self, position: Position) -> None:
        """Open a file whose reader drops the points of later steps."""
        from lightning.fabric.loggers import TensorBoardLogger  # takes seconds to import

        self._logger = TensorBoardLogger(
            self.directory.parent,
            name=self.directory.name,
            version="",
            purge_step=position.written + 1,  # TensorBoard drops what has this step or a later one
        )

    def on_step(self, report: StepReport) -> None:
        """Write every so many-th step that was not skipped."""
        if report.skipped or report.step % self.every:
            return
        values = {f"step_loss/{name}": value for name, value in report.terms.items()}
        values["step/learning_rate"] = report.learning_rate
        values["step/gradient_norm"] = report.gradient_norm
        self._scalars(values, report.step)

    def on_epoch(self, report: EpochReport) -> None:
        """Write the row of the history, the KL of each latent dimension, and the figures."""
        if self._logger is None:
            return
        values: dict[str, float | None] = {}
        for column, value in report.row.items():
            prefix = next((side for side in _LOSSES if column.startswith(side)), None)
            if column in _TAGS:
                values[_TAGS[column]] = value
            elif prefix:
                values[_LOSSES[prefix] + column.removeprefix(prefix)] = value
        for dimension, value in enumerate(report.kl_per_dimension):
            values[f"kl_dimension/{dimension:03d}"] = float(value)
        self._scalars(values, report.step)
        writer = self._logger.experiment
        finite = report.kl_per_dimension[np.isfinite(report.kl_per_dimension)]
        with self._naming_a_full_disk():
            if len(finite):
                writer.add_histogram("latent/kl_per_dimension", finite, report.step)
            for name, draw in report.figures.items():
                writer.add_figure(name, draw(), report.step)  # which closes it
            writer.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self._logger is None:
            return
        try:
            self._logger.finalize("success")
        except (OSError, ValueError) as error:
            if no_space(error) is None:
                raise
            _LOG.debug("%s: the last points are missing: %s", self.directory, error)

    def _scalars(self, values: Mapping[str, float | None], step: int) -> None:
        """Write the values that are there."""
        if self._logger is not None:
            present = {tag: value for tag, value in values.items() if value is not None}
            with self._naming_a_full_disk():
                self._logger.log_metrics(present, step)

"""What a training says: one line an epoch, and whatever is out of the ordinary."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from hypervae.training.observers.interface import EpochReport, Observer, Position, StepReport

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

_LOG = logging.getLogger(__name__)


class Messages(Observer):
    """Logs the course of a training, for the terminal and the run's log."""

    def on_resume(self, position: Position) -> None:
        """Say where the training is resumed."""
        if position.epoch >= position.epochs:
            _LOG.info("all %d epochs were trained before", position.epoch)
        else:
            _LOG.info("resuming after epoch %d, step %d", position.epoch, position.step_in_epoch)

    def on_skip(self, report: StepReport) -> None:
        """Say which step was skipped."""
        _LOG.warning("step %d: the loss or its gradient is not finite; step skipped", report.step)

    def on_epoch(self, report: EpochReport) -> None:
        """Sum up an epoch in one line."""
        _LOG.info(epoch_line(report.row, report.epochs, report.model.decoder.particles.loss_terms))

    def on_stop(self, position: Position, reason: str) -> None:
        """Say where and why the training stops early."""
        _LOG.info(
            "stopping after epoch %d, step %d: %s", position.epoch, position.step_in_epoch, reason
        )


def epoch_line(row: Mapping[str, Any], epochs: int, particle_terms: Iterable[str]) -> str:
    """An epoch in one line.

    Parameters
    ----------
    row : mapping
        Its line in the history.
    epochs : int
        Of the whole training.
    particle_terms : iterable of str
        Terms of the loss that are the particle decoder's own.

    Returns
    -------
    str
    """
    particles = sum(row[f"val_{name}"] for name in particle_terms)
    text = (
        f"epoch {row['epoch']}/{epochs}: loss {row['train_total']:.4f}, "
        f"validation {row['val_total']:.4f} (particles {particles:.3f}, "
        f"KL {row['val_kl']:.2f}, {row['active_units']} active units), "
    )
    if row["val_w1m"] is not None:
        text += f"W1M {row['val_w1m']:.4f}, "
    if row["val_floors"] is not None:
        text += f"{row['val_floors']:.2f} floors, "
    return text + f"{row['jets_per_s']:.0f} jets/s"

"""Curves, histograms and figures of a training for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Columns of the history, and where TensorBoard shows them; what stands before the first slash is
# the section.
_TAGS = {
    "val_w1m": "validation/w1m",
    "learning_rate": "epoch/learning_rate",
    "gradient_norm": "epoch/gradient_norm",
    "skipped": "epoch/skipped_steps",
    "active_units": "latent/active_units",
    "jets_per_s": "epoch/jets_per_s",
    "peak_gpu_memory_mb": "memory/peak_gpu_mb",
}
_LOSSES = {"train_": "loss/train/", "val_": "loss/validation/"}


class Board:
    """Writes a run's event files; see them with ``tensorboard --logdir DIRECTORY``.

    Use it as a context manager.

    Parameters
    ----------
    directory : path-like
        Holds one file for each attempt at the run.
    step : int
        The last optimizer step of which all is written: what an earlier attempt wrote of later ones
        is not shown, since this attempt takes them again.
    enabled : bool
        False writes nothing, for processes other than the first.
    """

    def __init__(self, directory: str | os.PathLike[str], step: int, enabled: bool = True):
        self._writer = None
        if enabled:
            from torch.utils.tensorboard import SummaryWriter  # takes seconds to import

            # TensorBoard drops what has this step or a later one
            self._writer = SummaryWriter(str(directory), purge_step=step + 1)

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(
        self,
        step: int,
        terms: Mapping[str, float],
        *,
        learning_rate: float,
        gradient_norm: float,
    ) -> None:
        """Write the numbers of one optimizer step.

        Parameters
        ----------
        step : int
        terms : mapping of str to float
            Terms of the loss.
        learning_rate, gradient_norm : float
        """
        values = {f"step_loss/{name}": value for name, value in terms.items()}
        values |= {"step/learning_rate": learning_rate, "step/gradient_norm": gradient_norm}
        self._scalars(values, step)

    def epoch(self, step: int, row: Mapping[str, Any], kl_per_dimension: NDArray) -> None:
        """Write the numbers of one epoch.

        Parameters
        ----------
        step : int
            Optimizer steps so far.
        row : mapping
            A row of the history; empty cells are None.
        kl_per_dimension : [latent_dim]
            Mean over the validation jets [nats].
        """
        values: dict[str, float | None] = {}
        for column, value in row.items():
            prefix = next((side for side in _LOSSES if column.startswith(side)), None)
            if column in _TAGS:
                values[_TAGS[column]] = value
            elif prefix:
                values[_LOSSES[prefix] + column.removeprefix(prefix)] = value
        for dimension, value in enumerate(kl_per_dimension):
            values[f"kl_dimension/{dimension:03d}"] = value
        self._scalars(values, step)
        finite = kl_per_dimension[np.isfinite(kl_per_dimension)]
        if self._writer is not None:
            if len(finite):
                self._writer.add_histogram("latent/kl_per_dimension", finite, step)
            self._writer.flush()

    def figure(self, name: str, figure: Figure, step: int) -> None:
        """Write a figure, and close it."""
        if self._writer is not None:
            self._writer.add_figure(name, figure, step)
        else:
            import matplotlib.pyplot as plt

            plt.close(figure)

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self._writer is not None:
            self._writer.close()

    def _scalars(self, values: Mapping[str, float | None], step: int) -> None:
        if self._writer is None:
            return
        for tag, value in values.items():
            if value is not None:
                self._writer.add_scalar(tag, value, step)

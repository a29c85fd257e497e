"""The one interface of all that watches a training, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hypervae.model import HyperVAE


@dataclass(frozen=True)
class Position:
    """Where a training is.

    Attributes
    ----------
    epoch : int
        Epochs that ended.
    step_in_epoch : int
        Optimizer steps since then.
    step, jets : int
        Optimizer steps and jets since the beginning, over all epochs.
    written : int
        The last step of which observers have been told all: the end of an epoch comes after its
        last step.
    epochs, jets_per_epoch : int
        Of the whole training.
    """

    epoch: int
    step_in_epoch: int
    step: int
    jets: int
    written: int
    epochs: int
    jets_per_epoch: int


@dataclass(frozen=True)
class StepReport:
    """What one optimizer step did.

    Attributes
    ----------
    step : int
        Its number, from 1, over all epochs.
    epoch : int
        That of its jets, from 0.
    jets : int
    terms : mapping of str to float
        Terms of the loss, means over the jets, with ``total``.
    gradient_norm : float
        Before clipping.
    learning_rate : float
        Of the first group of parameters.
    skipped : bool
        Whether the loss or the gradient was not finite, and nothing was changed.
    """

    step: int
    epoch: int
    jets: int
    terms: Mapping[str, float]
    gradient_norm: float
    learning_rate: float
    skipped: bool


@dataclass
class EpochReport:
    """What an epoch did.

    Attributes
    ----------
    row : dict
        The epoch's line in the history; empty cells are None. An observer may fill cells for those
        that come after it.
    epochs, step : int
        Epochs of the whole training; optimizer steps so far.
    model : HyperVAE
        With the averaged weights.
    kl_per_dimension : [latent_dim]
        Mean over the validation jets [nats].
    history : list of dict
        The rows of the epochs before.
    figures : dict of str to callable
        Draw a figure, by name; an observer may add some for those that come after it.
    """

    row: dict[str, Any]
    epochs: int
    step: int
    model: HyperVAE
    kl_per_dimension: NDArray[np.float64]
    history: list[dict[str, Any]]
    figures: dict[str, Callable[[], Figure]] = field(default_factory=dict)


class Observer:
    """Something that watches a training; each method is called when its moment comes.

    The methods do nothing here. None may change the model, nor draw from torch's generators: with
    or without observers a training gives the same numbers.
    """

    def on_resume(self, position: Position) -> None:
        """A checkpoint was read; the training is where that was written.

        Parameters
        ----------
        position : Position
            Of the checkpoint.
        """

    def on_start(self, position: Position) -> None:
        """The first epoch of this attempt begins.

        Parameters
        ----------
        position : Position
            Where it begins.
        """

    def on_step(self, report: StepReport) -> None:
        """An optimizer step was taken.

        Parameters
        ----------
        report : StepReport
            Of the step.
        """

    def on_skip(self, report: StepReport) -> None:
        """An optimizer step was skipped; `on_step` is called as well.

        Parameters
        ----------
        report : StepReport
            Of the step.
        """

    def on_epoch(self, report: EpochReport) -> None:
        """An epoch was trained and validated, and is not saved yet.

        Parameters
        ----------
        report : EpochReport
            Of the epoch.
        """

    def on_prior_step(self, step: int, steps: int) -> None:
        """A step of the learned prior's fit was taken, after the training: which of how many.

        Parameters
        ----------
        step, steps : int
            Counted from 1, and all of them.
        """

    def on_acceptance_step(self, step: int, steps: int) -> None:
        """A step of the prior's acceptance was taken, after the prior's fit: which of how many.

        Parameters
        ----------
        step, steps : int
            Counted from 1, and all of them.
        """

    def on_stop(self, position: Position, reason: str) -> None:
        """The training stops before its end, after a checkpoint; `reason` is one line.

        Parameters
        ----------
        position : Position
            Of the checkpoint.
        reason : str
            Why it stops.
        """

    def close(self) -> None:
        """The attempt ends, in whatever way; may be called without `on_start`."""


class Observers(Observer):
    """Several observers, called in their order; as a context manager it closes them all.

    Parameters
    ----------
    observers : iterable of Observer
    """

    def __init__(self, observers: Iterable[Observer] = ()):
        self.all = tuple(observers)

    def __enter__(self) -> Observers:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing().__exit__(error_type, error, traceback)

    def on_resume(self, position: Position) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_resume(position)

    def on_start(self, position: Position) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_start(position)

    def on_step(self, report: StepReport) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_step(report)

    def on_skip(self, report: StepReport) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_skip(report)

    def on_epoch(self, report: EpochReport) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_epoch(report)

    def on_prior_step(self, step: int, steps: int) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_prior_step(step, steps)

    def on_acceptance_step(self, step: int, steps: int) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_acceptance_step(step, steps)

    def on_stop(self, position: Position, reason: str) -> None:
        """Tell all."""
        for observer in self.all:
            observer.on_stop(position, reason)

    def close(self) -> None:
        """Close all, the last first, even if one of them fails."""
        self._closing().close()

    def _closing(self) -> ExitStack:
        stack = ExitStack()
        for observer in self.all:
            stack.callback(observer.close)
        return stack

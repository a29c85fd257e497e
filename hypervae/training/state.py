"""What a training run knows of itself beside its weights: where it is, and how it went."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from hypervae.training.step import StepOutcome


class MeanOfTerms:
    """Mean over jets of the terms of the loss.

    Parameters
    ----------
    state : mapping, optional
        As `state` gives it; nothing is added yet by default.
    """

    def __init__(self, state: Mapping[str, Any] | None = None):
        self.jets = int(state["jets"]) if state else 0
        self.sums: dict[str, float] = dict(state["sums"]) if state else {}

    def add(self, terms: Mapping[str, float], jets: int) -> None:
        """Add the means of a batch.

        Parameters
        ----------
        terms : mapping of str to float
            Means over the batch, by name.
        jets : int
            Of the batch.
        """
        self.jets += jets
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * jets

    def means(self) -> dict[str, float]:
        """Means over all jets added.

        Returns
        -------
        dict of str to float
        """
        return {name: value / max(self.jets, 1) for name, value in self.sums.items()}

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint.

        Returns
        -------
        dict
        """
        return {"jets": self.jets, "sums": dict(self.sums)}


@dataclass
class BestEpoch:
    """The best epoch so far.

    Attributes
    ----------
    value : float
        What the monitor said of it; lower is better.
    loss : float
        Its validation loss.
    epoch : int
        From 0; -1 before there is one.
    weights : dict of str to Tensor
        Averaged weights, on the CPU.
    """

    value: float = math.inf
    loss: float = math.inf
    epoch: int = -1
    weights: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class RunState:
    """The bookkeeping of a run.

    Attributes
    ----------
    epoch : int
        Epochs that ended.
    step_in_epoch : int
        Optimizer steps since then.
    skipped, skipped_in_a_row : int
        Steps without a finite loss and gradient, of this epoch and until now.
    seconds : float
        Time that the steps of this epoch took [s].
    running : MeanOfTerms
        Of the steps of this epoch.
    history : list of dict
        A row for each epoch.
    best : BestEpoch
    resumed_from : str, optional
        The checkpoint that was resumed by hand.
    """

    epoch: int = 0
    step_in_epoch: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    seconds: float = 0.0
    running: MeanOfTerms = field(default_factory=MeanOfTerms)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: BestEpoch = field(default_factory=BestEpoch)
    resumed_from: str | None = None

    def count(self, outcome: StepOutcome) -> None:
        """Count an optimizer step; those that were skipped do not enter the means.

        Parameters
        ----------
        outcome : StepOutcome
            Of the step.
        """
        self.step_in_epoch += 1
        if outcome.skipped:
            self.skipped += 1
            self.skipped_in_a_row += 1
            return
        self.skipped_in_a_row = 0
        values = {**outcome.terms, "gradient_norm": outcome.gradient_norm}
        self.running.add(values, outcome.jets)

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Note the epoch's row, and begin the next one.

        Parameters
        ----------
        row : dict
            As the history gets it.
        """
        self.history.append(row)
        self.epoch, self.step_in_epoch, self.running = self.epoch + 1, 0, MeanOfTerms()
        self.skipped, self.seconds = 0, 0.0

    def content(self) -> dict[str, Any]:
        """Plain values and tensors, for a checkpoint.

        Returns
        -------
        dict
        """
        return {
            **vars(self),
            "running": self.running.state(),
            "history": list(self.history),
            "best": dict(vars(self.best)),
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> RunState:
        """From what `content` gave.

        Parameters
        ----------
        content : mapping
            As `content` gives it.

        Returns
        -------
        RunState
        """
        values = {name: content[name] for name in cls.__dataclass_fields__}
        values["running"] = MeanOfTerms(content["running"])
        values["history"] = list(content["history"])
        values["best"] = BestEpoch(**content["best"])
        return cls(**values)

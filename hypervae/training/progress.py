"""How far a training is: a bar on a terminal, else a plain line now and then; and the run's log."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

# Seconds between two plain lines: a training takes hours.
LINE_EVERY = 60.0


class TrainingProgress:
    """Shows on standard error how far a training is, over all its epochs.

    Use it as a context manager.

    Parameters
    ----------
    epochs, jets_per_epoch : int
    done_jets : int
        Jets taken by earlier attempts, over all epochs; they do not count for the rate.
    log : callable
        Takes each text of `say` too, e.g. a `RunLog`.
    epoch : int
        That of the next jet, from 0.
    enabled : bool
        False shows and logs nothing, for processes other than the first.
    """

    def __init__(
        self,
        epochs: int,
        jets_per_epoch: int,
        done_jets: int,
        log: Callable[[str], None],
        epoch: int = 0,
        enabled: bool = True,
    ):
        self.epochs, self.jets_per_epoch, self.log = epochs, jets_per_epoch, log
        self.done, self.epoch, self.enabled = done_jets, epoch, enabled
        self._from = done_jets
        self._bar: tqdm | None = None

    def __enter__(self) -> TrainingProgress:
        self._start = self._last = time.monotonic()
        if self.enabled and sys.stderr.isatty():
            self._bar = tqdm(
                total=self.epochs * self.jets_per_epoch,
                initial=self.done,
                desc=self._label(),
                unit=" jets",
                smoothing=0,  # the mean rate, validation included, is what the end depends on
                dynamic_ncols=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def update(self, jets: int, epoch: int, terms: Mapping[str, float]) -> None:
        """Count the jets of one optimizer step.

        Parameters
        ----------
        jets : int
        epoch : int
            That of these jets, from 0.
        terms : mapping of str to float
            Terms of the loss; ``total`` and ``kl`` are shown.
        """
        self.done += jets
        self.epoch = epoch
        if self._bar is not None:
            loss, divergence = (terms.get(name, math.nan) for name in ("total", "kl"))
            self._bar.set_description(self._label(), refresh=False)
            shown = {"loss": f"{loss:.3f}", "KL": f"{divergence:.2f}"}  # in this order
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(jets)
        elif self.enabled and time.monotonic() - self._last >= LINE_EVERY:
            self._line(terms)

    def say(self, text: str) -> None:
        """Print a line, beside the bar if there is one, and log it."""
        if not self.enabled:
            return
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)
        self.log(text)

    def _label(self) -> str:
        return f"epoch {self.epoch + 1}/{self.epochs}"

    def _line(self, terms: Mapping[str, float]) -> None:
        self._last = time.monotonic()
        rate = (self.done - self._from) / max(self._last - self._start, 1e-9)
        in_epoch = self.done - self.epoch * self.jets_per_epoch
        text = f"{self._label()}: {in_epoch:,} of {self.jets_per_epoch:,} jets"
        loss, divergence = (terms.get(name, math.nan) for name in ("total", "kl"))
        text += f", loss {loss:.3f}, KL {divergence:.2f}, {rate:,.{0 if rate >= 10 else 1}f} jets/s"
        left = self.epochs * self.jets_per_epoch - self.done
        if rate > 0 and left > 0:
            text += f", {duration(left / rate)} left"
        print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time as people say it: ``40 s``, ``4 min``, ``3.2 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class RunLog:
    """Appends lines to a run's log: all attempts in one file, which none of them wipes.

    Called with a text, it writes that with the time (UTC). The file is opened for each line, and
    appending to it is one write: several processes may log, and a killed one leaves whole lines.

    Parameters
    ----------
    path : path-like
        The file; it and its folder are made with the first line.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def __call__(self, text: str) -> None:
        """Write one entry."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{now} UTC {text}\n")

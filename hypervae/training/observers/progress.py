"""How far a training is: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Mapping

from tqdm import tqdm

from hypervae.logs import TRANSIENT
from hypervae.training.observers.interface import Observer, Position, StepReport

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

# Seconds between two plain lines: a training takes hours.
LINE_EVERY = 60.0

_LOG = logging.getLogger(__name__)


class ProgressBar(Observer):
    """Shows how far a training is, over all its epochs.

    Jets that earlier attempts took do not count for the rate.
    """

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._epochs = self._jets_per_epoch = self._done = self._from = 0
        self._start = self._last = 0.0

    def on_start(self, position: Position) -> None:
        """Start the clock, and show the bar if standard error is a terminal."""
        self._epochs, self._jets_per_epoch = position.epochs, position.jets_per_epoch
        self._done = self._from = position.jets
        self._start = self._last = time.monotonic()
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=self._epochs * self._jets_per_epoch,
                initial=self._done,
                desc=self._label(position.epoch),
                unit=" jets",
                smoothing=0,  # the mean rate, validation included, is what the end depends on
                dynamic_ncols=True,
            )

    def on_step(self, report: StepReport) -> None:
        """Count the jets of one optimizer step."""
        self._done += report.jets
        if self._bar is not None:
            loss, divergence = _shown(report.terms)
            self._bar.set_description(self._label(report.epoch), refresh=False)
            shown = {"loss": f"{loss:.3f}", "KL": f"{divergence:.2f}"}  # in this order
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(report.jets)
        elif time.monotonic() - self._last >= LINE_EVERY:
            self._line(report)

    def on_prior_step(self, step: int, steps: int) -> None:
        """Say now and then how far the fit of the prior is."""
        if step < steps and time.monotonic() - self._last >= LINE_EVERY:
            self._last = time.monotonic()
            _LOG.info(f"prior: step {step:,} of {steps:,}", extra=TRANSIENT)

    def on_acceptance_step(self, step: int, steps: int) -> None:
        """As `on_prior_step`, of the prior's acceptance."""
        if step < steps and time.monotonic() - self._last >= LINE_EVERY:
            self._last = time.monotonic()
            _LOG.info(f"acceptance: step {step:,} of {steps:,}", extra=TRANSIENT)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _label(self, epoch: int) -> str:
        return f"epoch {epoch + 1}/{self._epochs}"

    def _line(self, report: StepReport) -> None:
        self._last = time.monotonic()
        rate = (self._done - self._from) / max(self._last - self._start, 1e-9)
        in_epoch = self._done - report.epoch * self._jets_per_epoch
        text = f"{self._label(report.epoch)}: {in_epoch:,} of {self._jets_per_epoch:,} jets"
        loss, divergence = _shown(report.terms)
        text += f", loss {loss:.3f}, KL {divergence:.2f}, {rate:,.{0 if rate >= 10 else 1}f} jets/s"
        left = self._epochs * self._jets_per_epoch - self._done
        if rate > 0 and left > 0:
            text += f", {duration(left / rate)} left"
        _LOG.info(text, extra=TRANSIENT)


def _shown(terms: Mapping[str, float]) -> tuple[float, float]:
    """The loss and its KL term, NaN where they are unknown."""
    return terms.get("total", math.nan), terms.get("kl", math.nan)


def duration(seconds: float) -> str:
    """A time as people say it: ``40 s``, ``4 min``, ``3.2 h``.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

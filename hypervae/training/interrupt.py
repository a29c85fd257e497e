"""Signals that ask a job to stop are remembered, and obeyed where nothing is lost."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from hypervae.errors import HyperVAEError

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: when a run stops, which goes on from there

# SIGXCPU: a limit of processor time, see `hypervae.processor_time.told_before_killed`.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGXCPU)


class Interrupted(HyperVAEError):
    """Training stopped on a signal after saving a checkpoint; the next attempt resumes it."""


class SignalWatch:
    """While open, signals to stop only set `received`; a SIGHUP that nohup ignores stays so."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)

    @property
    def reason(self) -> str:
        """What asked this process to stop; empty if nothing did."""
        if self.received is None:
            return ""
        limit = " (limit of processor time, ulimit -t)" * (self.received is signal.SIGXCPU)
        return f"{self.received.name}{limit}"

    def __enter__(self) -> SignalWatch:
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
        self._before = {
            number: signal.signal(number, self._remember) for number in {*_SIGNALS} - ignored
        }
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

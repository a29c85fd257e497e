"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it was writing is removed first."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

DECIDES_RESULTS_OF = ()

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
#: So long further signals leave the process to clean up [s]; then they end it at once.
GRACE = 10.0


class Stopped(BaseException):
    """A signal asked the process to end.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Have signals that end the process raise meanwhile; then it ends by the signal all the same.

    One that is ignored, as under nohup, stays so. A command may watch for them itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process, first = os.getpid(), [0.0]

    def stop(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if os.getpid() != process or (first[0] and now > first[0] + GRACE):
            _end(number)  # a child process that was forked has nothing to clean up
        elif not first[0]:
            first[0] = now
            raise Stopped(number)

    watched = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in watched:
        signal.signal(number, stop)
    try:
        yield
    except Stopped as stopped:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # the process ends anyway
                stream.flush()
        _end(stopped.number)
    finally:
        for number in watched:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

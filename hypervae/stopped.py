"""Processes that were stopped, by SIGSTOP or a debugger, and that nobody continues.

Who waits for such a process waits for ever. One that is slow, or that waits itself, is left alone.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from hypervae.errors import HyperVAEError

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: So long a process that is waited for may be stopped [s].
PATIENCE = 60.0
#: Between looks [s].
TICK = 1.0
# Stopped by a signal, or by a debugger.
_STATES = ("T", "t")


class Stopped(HyperVAEError):
    """A process that is waited for was stopped, and not continued."""


class Watch:
    """Looks, time and again, whether a process is stopped.

    Parameters
    ----------
    pid : int
    what : str
        The process in words.
    patience : float, optional
        How long it may be stopped [s]; by default `PATIENCE`.
    """

    def __init__(self, pid: int, what: str, patience: float | None = None):
        self.pid, self.what = pid, what
        self.patience = PATIENCE if patience is None else patience
        self._stopped, self._last = 0.0, time.monotonic()

    def look(self) -> None:
        """Look once.

        Raises
        ------
        Stopped
            If it was stopped at each look for longer than patience allows.
        """
        now = time.monotonic()
        # a longer time than that between looks passed while this process was stopped, too
        passed, self._last = min(now - self._last, 2 * TICK), now
        state = state_of(self.pid)
        self._stopped = self._stopped + passed if state in _STATES else 0.0
        if self._stopped > self.patience:
            raise Stopped(
                f"{self.what}: process {self.pid} was stopped (state {state}) and is waited for "
                f"since {self.patience:g} s, expected one that runs: kill -CONT {self.pid} "
                "continues one in time"
            )


def state_of(pid: int) -> str:
    """The state of a process, as ``/proc`` has it.

    Parameters
    ----------
    pid : int

    Returns
    -------
    str
        A letter; empty where there is no such process, or no ``/proc``.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def wait(process: subprocess.Popen[bytes], what: str) -> int:
    """Wait for a process; one that is stopped is killed in the end.

    Parameters
    ----------
    process : subprocess.Popen
    what : str
        The process in words.

    Returns
    -------
    int
        Its exit status.

    Raises
    ------
    Stopped
    """
    watch = Watch(process.pid, what)
    while True:
        try:
            return process.wait(TICK)
        except subprocess.TimeoutExpired:
            try:
                watch.look()
            except Stopped:
                process.kill()
                process.wait()
                raise

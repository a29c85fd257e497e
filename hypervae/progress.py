"""Progress of a long computation: a bar on a terminal, a plain line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

# Seconds between two lines in a log: seen to move, and a few hundred lines an hour at most.
LOG_EVERY = 10.0
BAR = "{l_bar}{bar}| {n:.0f}/{total:.0f}{unit} [{elapsed}<{remaining}, {rate_fmt}]"


class Progress:
    """Count towards a total, on standard error.

    Use it as a context manager.

    Parameters
    ----------
    total : int
        What is to be done; 0 where that is unknown.
    label : str
        What is being done, e.g. ``"simulate g, shard 3"``.
    unit : str
        What is counted, e.g. ``"jets"``.
    scale : float
        Log lines show counts divided by it, e.g. 1e6 with the unit ``"MB"``.
    """

    def __init__(self, total: int, label: str, unit: str, scale: float = 1.0):
        self.total, self.label, self.unit, self.scale = total, label, unit, scale
        self.done = 0

    def __enter__(self) -> Progress:
        self._start = self._last = time.monotonic()
        self._from, self._shown = 0, -1
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=self.total / self.scale or None,
                desc=self.label,
                unit=" " + self.unit,
                bar_format=BAR if self.total else None,
            )
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif error_type is None and self._shown != self.done:
            self._line()

    def update(self, amount: int) -> None:
        """Count an amount more.

        Parameters
        ----------
        amount : int
            In the unit of the total.
        """
        self.done += amount
        if self._bar is not None:
            self._bar.update(amount / self.scale)
        elif time.monotonic() - self._last >= LOG_EVERY:
            self._line()

    def start_at(self, done: int) -> None:
        """Take `done` as done before (a resumed download); it does not count for the rate.

        Parameters
        ----------
        done : int
            In the unit of the total.
        """
        self.done = self._from = done
        if self._bar is not None:
            self._bar.reset(total=self._bar.total)
            self._bar.update(done / self.scale)

    def _line(self) -> None:
        self._last, self._shown = time.monotonic(), self.done
        seconds = self._last - self._start
        rate = (self.done - self._from) / self.scale / max(seconds, 1e-9)
        total = f" of {self.total / self.scale:.0f}" if self.total else ""
        left = f", {(self.total - self.done) / self.scale / rate:.0f} s left" if rate > 0 else ""
        print(
            f"{self.label}: {self.done / self.scale:.0f}{total} {self.unit} in {seconds:.0f} s "
            f"({rate:.3g} {self.unit}/s{left if self.done < self.total else ''})",
            file=sys.stderr,
            flush=True,
        )

"""A training whose run another process has taken over ends."""

from __future__ import annotations

from hypervae.io.lock import WriterLock
from hypervae.training.observers.interface import Observer, StepReport

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`


class LockWatch(Observer):
    """Ends the training at the first step after its lock is seen to be lost.

    Nothing can be written without the lock; this saves what would be computed for nothing.

    Parameters
    ----------
    lock : WriterLock
        Of the run.
    """

    def __init__(self, lock: WriterLock):
        self.lock = lock

    def on_step(self, report: StepReport) -> None:
        """Raise `LockLost` if the last sign of life found the lock gone."""
        if self.lock.lost:
            self.lock.check()

"""One process at a time trains a run; one whose run another has taken over ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hypervae.io.folders import without_empty_folders
from hypervae.io.lock import WriterLock, locked_folder
from hypervae.training.checkpoint import Checkpoints
from hypervae.training.observers.interface import Observer, StepReport

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`


class LockWatch(Observer):
    """Ends the training at the first step after its lock is seen to be lost.

    Nothing can be written without the lock; this saves what would be computed for nothing.

    Parameters
    ----------
    lock : WriterLock
        Of the run.

    Attributes
    ----------
    begun : bool
        Whether a step was taken.
    """

    def __init__(self, lock: WriterLock):
        self.lock, self.begun = lock, False

    def on_step(self, report: StepReport) -> None:
        """Raise `LockLost` if the last sign of life found the lock gone."""
        self.begun = True
        if self.lock.lost:
            self.lock.check()


@contextmanager
def held_run(checkpoints: Checkpoints, output_dir: Path) -> Iterator[LockWatch]:
    """Hold the folder of the run, and that of the model, which other runs may write, too.

    Of a run that ends before its first step nothing stays.

    Parameters
    ----------
    checkpoints : Checkpoints
        Of the run; their folder is made here.
    output_dir : Path
        Of the model.

    Yields
    ------
    LockWatch
    """
    folder = checkpoints.directory
    new = not folder.exists()
    with without_empty_folders(folder):
        checkpoints.make()
        with WriterLock(folder) as lock, locked_folder(output_dir):
            watch = LockWatch(lock)
            try:
                yield watch
            except BaseException:
                if new and not watch.begun and lock.is_held():
                    with suppress(OSError):  # the first error is the one that counts
                        checkpoints.discard()
                raise

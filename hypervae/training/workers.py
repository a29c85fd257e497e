"""Batches prepared by processes of their own, beside the training, from one epoch to the next."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from hypervae.errors import HyperVAEError

_PREFETCHED = 2  # batches that wait per worker


class WorkerLost(HyperVAEError):
    """A process that prepares batches died."""


class _Refusal:
    """An error that is the user's to mend, on its way to the main process.

    torch would rebuild it from its message alone, which an `InputError` does not allow.
    """

    def __init__(self, error: HyperVAEError):
        self.error_type, self.arguments, self.state = type(error), error.args, error.__dict__

    def error(self) -> HyperVAEError:
        error = self.error_type.__new__(self.error_type, *self.arguments)
        error.__dict__.update(self.state)
        return error


class _Refusing(Dataset[Any]):
    """A dataset whose refusals are items."""

    def __init__(self, dataset: Dataset[Any]):
        self.dataset = dataset

    def __getitem__(self, index: Any) -> Any:
        try:
            return self.dataset[index]
        except HyperVAEError as error:
            return _Refusal(error)


class _Current(Sampler[Any]):
    """The indices of the iteration at hand: torch iterates its sampler anew each time."""

    def __init__(self) -> None:
        self.indices: Iterable[Any] = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.indices)


def _start(_: int) -> None:
    """Prepare a worker: one thread, and the end of the main process is its own.

    An interrupt of the terminal reaches all processes; the main one decides what it means.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_main_process, daemon=True).start()


def _end_with_the_main_process() -> None:
    # torch's own watch looks at the parent, which here is the server that forked the worker, and
    # that one lives as long as its workers: without this they would outlive a main process that
    # was killed
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


class Workers:
    """Processes that prepare the items of a map-style dataset, in turn and ahead of their use.

    They start when the first item is asked for, and end with `close`, with this object or with
    the main process, whichever is first.

    Parameters
    ----------
    dataset : Dataset
        It is sent to the workers once, so it must not hold this object.
    workers : int
        At least one.
    """

    def __init__(self, dataset: Dataset[Any], workers: int):
        self._dataset, self._workers = dataset, workers
        self._current = _Current()
        self._iterator: Any = None
        self._loader: DataLoader[Any] | None = None
        self._turn = 0

    def items(self, indices: Iterable[Any]) -> Iterator[Any]:
        """The items at the indices, in their order.

        An iteration may be left at any item. There is one at a time: it ends the one before.

        Parameters
        ----------
        indices : iterable

        Yields
        ------
        object

        Raises
        ------
        WorkerLost
            Some seconds after a worker died, e.g. because it was killed for its memory. The next
            call starts new ones.
        RuntimeError
            If this iteration goes on after another one began, or after `close`.
        """
        self._turn += 1
        turn = self._turn
        with self._closed_by_errors():
            self._begin(indices)
        while True:
            if turn != self._turn:
                raise RuntimeError("loading: another iteration took the workers, or they ended")
            with self._closed_by_errors():
                item = next(self._iterator, None)
            if item is None:
                return
            if isinstance(item, _Refusal):
                raise item.error()
            yield item

    def close(self) -> None:
        """End the workers, if there are any; the next call of `items` starts new ones."""
        self._turn += 1
        iterator, self._iterator, self._loader = self._iterator, None, None
        if iterator is not None:
            # what torch does once nothing refers to the iterator, but the traceback of an error may
            iterator._shutdown_workers()

    def _begin(self, indices: Iterable[Any]) -> None:
        """Hand out the first indices to the workers, which are started if there are none."""
        self._current.indices = indices
        if self._loader is None:
            self._loader = self._make_loader()
        # What workers still had to prepare for the iteration before, torch takes first and drops.
        self._iterator = iter(self._loader)

    def _make_loader(self) -> DataLoader[Any]:
        # Forked from a process that has imported all and run nothing: a fork of this one would
        # inherit locks of threads that it does not have.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["hypervae.training.loader"])
        return DataLoader(
            _Refusing(self._dataset),
            batch_size=None,
            sampler=self._current,
            num_workers=self._workers,
            prefetch_factor=_PREFETCHED,
            persistent_workers=True,
            pin_memory=torch.cuda.is_available(),
            multiprocessing_context=context,
            worker_init_fn=_start,
            # torch draws the workers' seeds from it; the global one is the training's
            generator=torch.Generator(),
        )

    @contextmanager
    def _closed_by_errors(self) -> Iterator[None]:
        """End the workers after an error: torch may have stopped amid a message of theirs."""
        try:
            yield
        except BaseException as error:
            self.close()
            if not is_worker_loss(error):
                raise
            raise WorkerLost(
                f"loading: a worker process died ({error}); it was killed, or ran out of memory or "
                "of shared memory (/dev/shm). Lower train.execution.workers: fewer need less, and "
                "with 0 the training process loads its jets itself"
            ) from error


def is_worker_loss(error: BaseException) -> bool:
    """Whether an error of torch's loader says that a worker died.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    bool
        False for an error of the code that prepares the batches.
    """
    if isinstance(error, RuntimeError):
        # torch's own message; an error of the code that prepares the batches starts with "Caught"
        return str(error).startswith("DataLoader worker")
    return isinstance(error, OSError | EOFError)

"""Batches prepared by processes of their own, beside the training."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from hypervae.errors import HyperVAEError
from hypervae.model.inputs import JetBatch

_PREFETCHED = 2  # batches that wait per worker


class WorkerLost(HyperVAEError):
    """A process that prepares batches died."""


class _Refusal:
    """An error that is the user's to mend, on its way to the main process.

    torch would rebuild it from its message alone, which an `InputError` does not allow.
    """

    def __init__(self, error: HyperVAEError):
        self.kind, self.arguments, self.state = type(error), error.args, error.__dict__

    def error(self) -> HyperVAEError:
        error = self.kind.__new__(self.kind, *self.arguments)
        error.__dict__.update(self.state)
        return error


class _Shares(IterableDataset):
    """Worker w of W prepares the batches w, w + W, ..., which is the order they are asked for."""

    def __init__(self, prepare: Callable[[int, int], Iterator[JetBatch]]):
        self.prepare = prepare

    def __iter__(self) -> Iterator[JetBatch | _Refusal]:
        worker = get_worker_info()
        try:
            yield from self.prepare(worker.id, worker.num_workers)
        except HyperVAEError as error:
            yield _Refusal(error)


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
    multiprocessing.parent_process().join()
    os._exit(1)


def in_workers(
    prepare: Callable[[int, int], Iterator[JetBatch]], workers: int
) -> Iterator[JetBatch]:
    """Batches in their order, prepared by worker processes.

    Parameters
    ----------
    prepare : callable
        Makes the batches number w, w + W, w + 2 W, ... from w and W. It is sent to the workers.
    workers : int
        W > 0.

    Raises
    ------
    WorkerLost
        Some seconds after a worker died, e.g. because it was killed for its memory.
    """
    # Forked from a process that has imported all and run nothing: a fork of this one would inherit
    # locks of threads that it does not have.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hypervae.training.loader"])
    loader: DataLoader[Any] = DataLoader(
        _Shares(prepare),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_PREFETCHED,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context=context,
        worker_init_fn=_start,
        # torch draws the workers' seeds from it; the global one is the training's
        generator=torch.Generator(),
    )
    try:
        for batch in loader:
            if isinstance(batch, _Refusal):
                raise batch.error()
            yield batch
    except (RuntimeError, OSError, EOFError) as error:
        # torch's own message; an error of the code that prepares the batches starts with "Caught"
        if isinstance(error, RuntimeError) and not str(error).startswith("DataLoader worker"):
            raise
        raise WorkerLost(
            f"loading: a worker process died ({error}); it was killed, or ran out of memory or "
            "of shared memory (/dev/shm). Fewer workers need less; with 0 the training process "
            "loads its jets itself"
        ) from error

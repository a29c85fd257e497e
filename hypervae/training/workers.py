"""Batches prepared by processes of their own, beside the training, from one epoch to the next.

They come as arrays over a pipe of each worker's. torch would hand tensors over in shared memory, by
descriptors: where ``/dev/shm`` is small, as in containers, or few files may be open, a batch gets
lost, and its reader waits for ever. A pipe needs neither, and ends with the process that writes.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import multiprocessing.util
import os
import queue
import signal
import tempfile
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from hypervae import limits
from hypervae.errors import HyperVAEError
from hypervae.records import TensorRecord
from hypervae.stopped import TICK, Stopped, Watch

_PREFETCHED = 2  # batches that wait per worker
# Files that are open: the connection and the pipes of a worker, and of the server that forks them.
_FILES, _FILES_OF_A_WORKER = 24, 4
# Below the folder of temporary files: /pymp-????????/listener-????????
_SOCKET_NAME = 32
# The turn of a worker's message that it cannot work.
_AT_ITS_START = -1
_LOST = (
    "loading: a worker process died ({}). Lower train.execution.workers: fewer need less memory, "
    "and with 0 the training process loads its jets itself"
)
# So long a worker has to end by itself [s].
_GRACE = 5.0


class WorkerLost(HyperVAEError):
    """A process that prepares batches died."""


class _Task(NamedTuple):
    turn: int
    index: Any


class _Result(NamedTuple):
    turn: int
    item: Any


class _Failure(NamedTuple):
    """In place of an item."""

    error: Exception


class _Ended(NamedTuple):
    """The last thing that is read from a worker."""

    error: Exception


class _Worker:
    """A process, and what it has sent."""

    def __init__(self, context: Any, dataset: Dataset[Any], patience: float | None):
        self._patience = patience
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_work, args=(theirs, dataset), daemon=True
        )
        with theirs:
            self.process.start()
        self.results: queue.SimpleQueue[_Result | _Ended] = queue.SimpleQueue()
        # it reads on while the training is at work, so that the worker need not wait
        self.reader = threading.Thread(
            target=_read, args=(self.connection, self.results), daemon=True
        )
        self.reader.start()

    def ask(self, task: _Task) -> None:
        try:
            self.connection.send(task)
        except OSError:  # it is gone, which is found when its item is waited for
            return

    def take(self, turn: int) -> Any:
        """The next item of a turn; what was asked for before it is dropped."""
        watch = Watch(self.process.pid or 0, "loading: a worker", self._patience)
        while True:
            try:
                result = self.results.get(timeout=TICK)
            except queue.Empty:
                watch.look()
                continue
            if isinstance(result, _Ended):
                if isinstance(result.error, EOFError | OSError):
                    raise WorkerLost(self._loss())
                raise result.error
            if result.turn == _AT_ITS_START:
                raise WorkerLost(_LOST.format(result.item))
            if result.turn == turn:
                return result.item

    def _loss(self) -> str:
        self.process.join(_GRACE)
        code = self.process.exitcode
        if code == -signal.SIGXCPU:
            found = "it used up its processor time (ulimit -t)"
        elif code == -signal.SIGKILL:
            found = "it was killed, as the system does where memory runs out"
        elif code is not None and code < 0:
            found = f"by {signal.Signals(-code).name}"
        else:
            found = f"with exit status {code}; see above"
        return _LOST.format(found)


def _read(connection: Connection, results: queue.SimpleQueue[_Result | _Ended]) -> None:
    try:
        while True:
            results.put(connection.recv())
    except Exception as error:  # memory may run out here, too
        results.put(_Ended(error))


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_GRACE)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join(_GRACE)
        if worker.process.exitcode is None:  # who would tell of its end is stopped
            _kill_server()
            worker.process.join()
        worker.reader.join()
        worker.connection.close()


def _server() -> int:
    """The process that forks workers, and tells of their ends; 0 if there is none."""
    from multiprocessing import forkserver

    return getattr(forkserver, "_forkserver")._forkserver_pid or 0  # noqa: B009 - no public name


def _kill_server() -> None:
    with contextlib.suppress(ProcessLookupError):
        if server := _server():
            os.kill(server, signal.SIGKILL)


@contextlib.contextmanager
def _watching_server(patience: float | None) -> Iterator[None]:
    """Kill the process that forks workers, once it was stopped; who waits for it gets an error."""
    done, found = threading.Event(), list[Stopped]()

    def watch() -> None:
        watches: dict[int, Watch] = {}
        while not done.wait(TICK):
            if server := _server():
                what = "loading: the process that starts workers"
                try:
                    watches.setdefault(server, Watch(server, what, patience)).look()
                except Stopped as error:
                    found.append(error)
                    _kill_server()
                    return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    except (EOFError, OSError):
        if found:
            raise found[0] from None
        raise
    finally:
        done.set()
        thread.join()


def _work(connection: Connection, dataset: Dataset[Any]) -> None:
    """Prepare items until there is nobody to ask for any: one thread, no signal of the terminal.

    An interrupt of the terminal reaches all processes; the main one decides what it means.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        threading.Thread(target=_end_with_the_main_process, daemon=True).start()
    except RuntimeError as error:  # too many processes and threads
        reason = limits.named(error) or str(error)
        connection.send(_Result(_AT_ITS_START, reason))
        os._exit(1)
    try:
        while True:
            task = connection.recv()
            try:
                connection.send(_Result(task.turn, _packed(dataset[task.index])))
            except BrokenPipeError:
                raise
            except Exception as error:
                connection.send(_Result(task.turn, _Failure(_portable(error))))
    except (EOFError, OSError):
        os._exit(0)


def _end_with_the_main_process() -> None:
    # one that was killed ends no worker, which may be at work for a while
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
        Of `TensorRecord`, or of what can be pickled. It is sent to the workers once, so it must not
        hold this object.
    workers : int
        At least one.
    _patience : float, optional
        How long one may be stopped [s], in tests.
    """

    def __init__(self, dataset: Dataset[Any], workers: int, *, _patience: float | None = None):
        self._dataset, self._count, self._patience = dataset, workers, _patience
        self._workers: list[_Worker] = []
        self._turn = 0
        self._finalizer = weakref.finalize(self, _end, self._workers)

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
            If a worker died, e.g. because it was killed for its memory. The next call starts new
            ones.
        Stopped
            If a worker was stopped, and not continued.
        LimitReached
            If the system allows too few files or processes for so many workers.
        RuntimeError
            If this iteration goes on after another one began, or after `close`.
        """
        self._turn += 1
        turn = self._turn
        self._start()
        left = iter(indices)
        waiting: deque[_Worker] = deque()
        first = itertools.islice(left, _PREFETCHED * self._count)
        for worker, index in zip(itertools.cycle(self._workers), first, strict=False):
            worker.ask(_Task(turn, index))
            waiting.append(worker)
        while waiting:
            if turn != self._turn:
                raise RuntimeError("loading: another iteration took the workers, or they ended")
            worker = waiting.popleft()
            try:
                item = worker.take(turn)
            except (WorkerLost, Stopped, MemoryError):
                self.close()
                raise
            for index in itertools.islice(left, 1):
                worker.ask(_Task(turn, index))
                waiting.append(worker)
            if isinstance(item, _Failure):
                raise item.error
            yield _unpacked(item)

    def close(self) -> None:
        """End the workers, if there are any; the next call of `items` starts new ones."""
        self._turn += 1
        workers = self._workers.copy()
        self._workers.clear()
        _end(workers)

    def _start(self) -> None:
        if self._workers:
            return
        files = limits.FILES + _FILES + _FILES_OF_A_WORKER * self._count
        what = f"{self._count} workers (train.execution.workers)"
        limits.allow_files(files, what)
        _make_folder_of_sockets()
        # Forked from a process that has imported all and run nothing: a fork of this one would
        # inherit locks of threads that it does not have.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["hypervae.training.loader"])
        try:
            with _watching_server(self._patience):
                for _ in range(self._count):
                    self._workers.append(_Worker(context, self._dataset, self._patience))
        except Stopped:
            self.close()
            raise
        except (EOFError, OSError, RuntimeError, MemoryError) as error:
            self.close()
            reason = limits.named(error) or f"{type(error).__name__}: {error}"
            raise WorkerLost(
                f"loading: {what}: found no way to start them ({reason}); with 0 the training "
                "process loads its jets itself"
            ) from error


def _array(tensor: Tensor) -> Any:
    return tensor.numpy()


def _packed(item: Any) -> Any:
    """A record of arrays, in place of one of tensors."""
    return item.map(_array) if isinstance(item, TensorRecord) else item


def _unpacked(item: Any) -> Any:
    """A record of tensors again; in page-locked memory, where there is a GPU to copy it to."""
    if not isinstance(item, TensorRecord):
        return item
    record = item.map(torch.from_numpy)
    return record.pin_memory() if torch.cuda.is_available() else record


def _portable(error: Exception) -> Exception:
    """An error with its traceback, as another process can read it: one of ours or of Python's."""
    if not isinstance(error, HyperVAEError) and type(error).__module__ != "builtins":
        error = RuntimeError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    if not isinstance(error, HyperVAEError):
        where = "".join(traceback.format_tb(error.__traceback__))
        error.add_note(f"in a worker process:\n{where}")
    return error


def _make_folder_of_sockets() -> None:
    """Have `multiprocessing` make its folder where the name of a socket is not too long."""
    before, tempfile.tempdir = tempfile.tempdir, str(limits.folder_of_sockets(_SOCKET_NAME))
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = before

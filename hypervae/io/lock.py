"""One writer at a time: a lock on a file or a folder that is to be written.

The lock is a folder. It holds one folder, named after the holder's token, and that one holds who
the holder is and all that it is writing at the moment:

    .jets.h5.lock/{token}/holder.json       its time of change is the holder's sign of life
    .jets.h5.lock/{token}/.jets.{..}.h5     what `hypervae.io.atomic_path` will rename to jets.h5

Whoever wants the lock prepares such a folder under another name and renames it to the lock's, which
file systems grant for an empty or missing folder alone. A dead holder's lock is broken by deleting
the folder of its token. So nothing that anybody does, however late, can harm another holder: what
is removed or touched is named after a token, and a holder that lost its lock cannot write, as what
it would rename was deleted with its folder. It needs neither locks of the file system nor clocks
that agree; renaming, and removing an empty folder, are atomic on network file systems, too.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from hypervae.errors import HyperVAEError, InputError
from hypervae.io import holder as holders
from hypervae.io.folders import without_empty_folders
from hypervae.io.targets import short, target
from hypervae.stopped import TICK, Watch

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

HOLDER = "holder.json"
#: Seconds between signs of life, and how long a holder is watched for one.
HEARTBEAT, DEAD_AFTER = 30.0, 120.0
# How often a folder is emptied before it is given up: its holder may be writing into it.
_TRIES = 100
# What was prepared so many seconds ago is removed; one that waits still prepares it again.
_FORGOTTEN = 86400.0
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)

_LOG = logging.getLogger(__name__)
_held: list[WriterLock] = []


class LockLost(HyperVAEError):
    """Another process has taken over what this one was writing; nothing more may be written."""


class WriterLock:
    """Holds a file, or a folder with all in it, for this process; a dead holder's lock is broken.

    While it is held, `hypervae.io.atomic_path` writes what it guards by way of the lock's folder.

    A holder is dead when its process is gone from this machine since the same boot, and otherwise
    when it shows no sign of life while it is watched. In a Slurm job that was requeued, a holder of
    the same job that lives on is waited for: it is writing what this job would write.

    Parameters
    ----------
    path : path-like
        What is guarded: a folder that exists, or else a file.
    heartbeat, dead_after : float
        [s]

    Raises
    ------
    HyperVAEError
        On entering, if a living process holds the lock.
    InputError
        On entering, if nothing can be written there.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        heartbeat: float = HEARTBEAT,
        dead_after: float = DEAD_AFTER,
    ):
        self.path = Path(os.path.abspath(path))
        self.heartbeat, self.dead_after = heartbeat, dead_after
        self._is_folder = self.path.is_dir()
        name = f".{short(self.path.name)}.lock"
        self.place = self.path / ".lock" if self._is_folder else self.path.with_name(name)
        self.token = secrets.token_hex(8)
        self.lost = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def staging(self) -> Path:
        """The folder of what is being written."""
        return self.place / self.token

    def guards(self, path: Path) -> bool:
        """Whether a file is written under this lock.

        Parameters
        ----------
        path : Path
            An absolute one.

        Returns
        -------
        bool
        """
        return path == self.path or (self._is_folder and self.path in path.parents)

    def is_held(self) -> bool:
        """Whether nobody has taken it over.

        Returns
        -------
        bool
        """
        self.lost = self.lost or not os.path.exists(self.staging / HOLDER)
        return not self.lost

    def check(self) -> None:
        """Find out whether the lock is still held.

        Raises
        ------
        LockLost
            If it is not.
        """
        if not self.is_held():
            raise LockLost(
                f"{self.path}: another process has taken over writing it, since this one showed no "
                f"sign of life for {self.dead_after:.0f} s; nothing more is written here"
            )

    def show_life(self) -> None:
        """Give a sign of life, and see whether the lock is still held."""
        try:
            os.utime(self.staging / HOLDER)
        except FileNotFoundError:
            self.lost = True
        except OSError as error:  # of the moment, or every later one says so, too
            _LOG.debug("%s: no sign of life: %s", self.place, error)

    def __enter__(self) -> WriterLock:
        prepared = self.place.with_name(f"{self.place.name}.{self.token}")
        try:
            self._acquire(prepared)
        except BaseException as error:
            self._release(error)
            if isinstance(error, OSError):
                raise _unwritable(self.path, error) from error
            raise
        finally:
            with contextlib.suppress(OSError):  # the first error is the one that counts
                if os.path.isdir(prepared):
                    _remove(prepared / self.token)
                    _remove_empty(prepared)
        try:
            self._clean()
        except (OSError, HyperVAEError) as error:  # another user's, which harms nobody
            _LOG.debug("%s: not cleaned: %s", self.place, error)
        thread = threading.Thread(target=self._live, daemon=True)
        try:
            thread.start()
        except BaseException as error:  # no memory for it, or no more threads
            self._release(error)
            raise
        self._thread = thread
        _held.append(self)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _held.remove(self)
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._release(error)

    def _release(self, error: BaseException | None) -> None:
        try:
            _remove(self.staging)
            _remove_empty(self.place)
        except (OSError, HyperVAEError) as left:
            if error is None:
                raise
            _LOG.debug("%s: not removed: %s", self.place, left)  # the first error counts

    def _live(self) -> None:
        while not self.lost and not self._stop.wait(self.heartbeat):
            self.show_life()

    def _clean(self) -> None:
        """Remove what processes that were killed while they waited had prepared."""
        now = os.stat(self.staging).st_mtime  # as the server of the files has it
        for prepared in self.place.parent.glob(f"{glob.escape(self.place.name)}.*"):
            for staging in _listed(prepared):
                with contextlib.suppress(FileNotFoundError):
                    forgotten = os.stat(staging).st_mtime < now - _FORGOTTEN
                    if forgotten or holders.lives_here(holders.read(staging / HOLDER)) is False:
                        _remove(staging)
            _remove_empty(prepared)

    def _acquire(self, prepared: Path) -> None:
        waiting: Watch | None = None
        tries = 0
        while True:
            try:
                _prepare(prepared / self.token)
                try:
                    os.rename(prepared, self.place)
                    if os.path.exists(self.staging / HOLDER):
                        return
                except OSError as error:
                    if error.errno not in _TAKEN:
                        raise
            except FileNotFoundError:  # another holder cleaned up, or no folder can be made here
                tries += 1
                if tries > _TRIES:
                    raise
            for staging in _listed(self.place):
                holder = self._living(staging)
                if holder is None:
                    _remove(staging)
                elif not holders.is_requeued(holder):
                    raise HyperVAEError(
                        f"{self.path}: being written by {holders.described(holder)}; wait for it, "
                        f"or stop it ({holders.how_to_stop(holder)})"
                    )
                elif waiting is None:
                    who = holders.described(holder)
                    here = holders.lives_here(holder) is True
                    waiting = Watch(holder["pid"] if here else 0, f"{self.path}: held by {who}")
                    _LOG.warning("%s: waiting for %s, which lives on", self.path, who)
            _remove_empty(self.place)
            if waiting is not None:
                waiting.look()
                time.sleep(min(self.heartbeat, TICK))

    def _living(self, staging: Path) -> dict[str, Any] | None:
        """The holder that a folder belongs to, if it is alive."""
        path = staging / HOLDER
        try:
            seen = last_life(path)
            holder = holders.read(path)
            alive = holders.lives_here(holder)
            if alive is None:
                alive = self._watch(path, seen, holder)
        except FileNotFoundError:
            return None  # released, or broken by another
        return holder if alive else None

    def _watch(self, path: Path, seen: int, holder: dict[str, Any]) -> bool:
        """Whether a holder shows life. Clocks of machines differ, so only changes count."""
        who = holders.described(holder)
        _LOG.info("%s: held by %s; watching it for signs of life", self.path, who)
        end = time.monotonic() + self.dead_after
        while time.monotonic() < end:
            time.sleep(min(1.0, self.dead_after / 20))
            if last_life(path) != seen:
                return True
        return False


@contextmanager
def locked_folder(folder: Path) -> Iterator[WriterLock]:
    """Hold a folder that is made for what will be written there; if it was, it does not stay empty.

    Parameters
    ----------
    folder : Path

    Yields
    ------
    WriterLock
    """
    with without_empty_folders(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        with WriterLock(folder) as lock:
            yield lock


@contextmanager
def locked(files: Iterable[Path], folders: Iterable[Path] = ()) -> Iterator[None]:
    """Hold all files and folders that will be written, for as long as that takes.

    Parameters
    ----------
    files, folders : iterables of Path
    """
    with ExitStack() as stack:
        for file in sorted({Path(os.path.abspath(target(file))) for file in files}):
            stack.enter_context(without_empty_folders(file.parent))
            stack.enter_context(WriterLock(file))
        for folder in folders:
            stack.enter_context(locked_folder(folder))
        yield


def _unwritable(path: Path, error: OSError) -> InputError:
    found = f"no way to write there ({error.strerror})"
    return InputError(path, "output", found=found, expected="a place that can be written to")


def lock_of(path: Path) -> WriterLock | None:
    """The lock held by this process under which a file is written.

    Parameters
    ----------
    path : Path

    Returns
    -------
    WriterLock, optional
    """
    if not _held:
        return None
    absolute = Path(os.path.abspath(path))
    return next((lock for lock in _held if lock.guards(absolute)), None)


def _prepare(staging: Path) -> None:
    if not os.path.exists(staging / HOLDER):
        staging.mkdir(parents=True, exist_ok=True)
        (staging / HOLDER).write_text(json.dumps(holders.identity()), encoding="utf-8")


def last_life(path: Path) -> int:
    """When a holder showed life, by its machine; opening the file asks the server, not a cache.

    Parameters
    ----------
    path : Path
        Of the holder.

    Returns
    -------
    int
        [ns]
    """
    with open(path, "rb") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _listed(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except FileNotFoundError:
        return []


def _remove(staging: Path) -> None:
    """Delete the folder of a token; once it is gone its holder can rename nothing any more."""
    for _ in range(_TRIES):
        # first the holder's name: without it nobody watches, and the holder sees that it lost
        for file in sorted(_listed(staging), key=lambda file: file.name != HOLDER):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)
        try:
            os.rmdir(staging)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        time.sleep(0.05)
    raise HyperVAEError(
        f"{staging}: cannot be emptied: a process has its files open; stop it, or remove the folder"
    )


def _remove_empty(folder: Path) -> None:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in _TAKEN:
            raise

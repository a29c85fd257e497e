"""Atomic writing: a file is either whole under its own name or not there at all."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypervae.errors import DiskFull
from hypervae.io.lock import lock_of

if TYPE_CHECKING:
    import h5py

#: What a system says where there is no space left.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it to disk and rename it to `path`.

    On an error the temporary file is removed and what stood under `path` before stays. The
    temporary name keeps the suffix (writers that choose a format by it work) and starts with a dot.
    Where this process holds a lock on `path`, the temporary path lies within the lock, and the
    renaming fails if the lock was lost.

    Parameters
    ----------
    path : path-like
        The file that is to appear.

    Yields
    ------
    Path

    Raises
    ------
    LockLost
        If `path` was taken over by another process; it is left alone.
    DiskFull
        If there is no space for it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_of(path)
    folder = path.parent if lock is None else lock.staging
    temporary = folder / f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix}"
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        # some libraries create private files; results are as readable as the user's other files
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if lock is not None and isinstance(error, Exception):
            lock.check()
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise DiskFull(path, os.strerror(error.errno)) from error
        raise


@contextmanager
def atomic_h5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that appears under `path` only once it is closed without an error.

    Parameters
    ----------
    path : path-like
        The file that is to appear.

    Yields
    ------
    h5py.File

    Raises
    ------
    DiskFull
        If there is no space for it. HDF5 keeps what it could not write, and crashes when the
        process ends in the usual way; the command line leaves by `os._exit`.
    """
    import h5py

    try:
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            yield file
    except RuntimeError as error:  # as h5py says it at some places
        said = re.search(r"\berrno = (\d+)", str(error))
        if said is None or int(said[1]) not in NO_SPACE:
            raise
        raise DiskFull(path, os.strerror(int(said[1]))) from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file atomically.

    Parameters
    ----------
    path : path-like
        The file to write.
    text : str
        Its content.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a JSON file atomically: sorted keys, and NaN refused (it is not JSON).

    Parameters
    ----------
    path : path-like
        The file to write.
    content : object
        What JSON can hold.
    """
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")

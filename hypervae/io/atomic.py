"""Atomic writing: a file is either whole under its own name or not there at all."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypervae.errors import DiskFull, HyperVAEError, InputError, WriteFailed
from hypervae.io.behind import can_be_read, file_behind
from hypervae.io.lock import lock_of
from hypervae.io.targets import short, target
from hypervae.limits import file_size_limit

if TYPE_CHECKING:
    import h5py

#: What a system says where there is no space left: of a disk, of a quota, of a file's largest size.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: How libraries tell the system's number: HDF5, Arrow and those in Rust.
_NUMBER = re.compile(r"\b(?:errno = |errno |os error |code: )(\d+)")


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
    InputError
        If nothing can be written there, or nothing shall (`hypervae.io.targets.target`).
    DiskFull
        If there is no space for it.
    """
    path = target(path)
    lock = lock_of(path)
    folder = path.parent if lock is None else lock.staging
    name = Path(short(path.name))
    temporary = folder / f".{name.stem}.{os.getpid()}-{secrets.token_hex(4)}{name.suffix}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, str(error.strerror)) from error
    try:
        yield temporary
        _finish(temporary, path)
    except BaseException as error:
        with suppress(OSError):  # the first error is the one that counts
            temporary.unlink(missing_ok=True)
        if isinstance(error, Exception):
            if lock is not None:
                lock.check()
            if (refusal := _refusal(path, temporary, error)) is not None:
                raise refusal from error
        raise


def _finish(temporary: Path, path: Path) -> None:
    """Sync a file to disk, and rename it."""
    try:
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        # some libraries create private files; results are as readable as the user's other files
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)  # syncing names no file
        raise


def _refusal(path: Path, temporary: Path, error: Exception) -> InputError | None:
    """What is said of an error of writing, whichever library met it; None of another error."""
    if isinstance(error, HyperVAEError):
        return None
    if reason := no_space(error):
        return DiskFull(path, reason)
    for one in _with_causes(error):
        number = _number(one)
        if isinstance(one, OSError) and one.filename2 and not can_be_read(one.filename):
            one.filename2 = None  # copied by the system, which does not say where it failed
        if number is not None and temporary.name in f"{one} {file_behind(one)}":
            return WriteFailed(path, "output", **_no_way(os.strerror(number)))
    return None


def no_space(error: BaseException) -> str | None:
    """What the system says, if an error comes of a disk that is full; None otherwise.

    Parameters
    ----------
    error : BaseException
        Of any library.

    Returns
    -------
    str, optional
    """
    for one in _with_causes(error):
        for full in NO_SPACE:
            if _number(one) == full or os.strerror(full) in str(one):
                limit = f"; {file_size_limit()}" if full == errno.EFBIG else ""
                return f"{os.strerror(full)}{limit}"
    return None


def by_the_system(error: BaseException) -> bool:
    """Whether an error comes of what the system refused or a disk could not do.

    Parameters
    ----------
    error : BaseException
        Of any library.

    Returns
    -------
    bool
    """
    return no_space(error) is not None or any(map(_number, _with_causes(error)))


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _number(error: BaseException) -> int | None:
    """The system's number of an error."""
    if isinstance(error, OSError):
        return error.errno
    said = _NUMBER.search(str(error))
    return int(said[1]) if said else None


def _unwritable(path: Path, reason: str) -> InputError:
    return InputError(path, "output", **_no_way(reason))


def _no_way(reason: str) -> dict[str, str]:
    return {
        "found": f"no way to write there ({reason})",
        "expected": "a place that can be written to",
    }


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

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        yield file


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

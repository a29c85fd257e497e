"""Reading HDF5 files, with errors that name the file."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self

import h5py

from hypervae.errors import InputError
from hypervae.io.entries import Entries
from hypervae.io.regular import check_regular

_NO_LOCK = re.compile(r"unable to lock file, errno = (\d+)|already open for (write|read)")
_UNLOCKED = "or set HDF5_USE_FILE_LOCKING=FALSE where nobody writes it"


def open_h5(path: str | os.PathLike[str]) -> h5py.File:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    h5py.File

    Raises
    ------
    InputError
        If the file is missing, empty, truncated, locked, or no HDF5 file at all.
    """
    path = check_regular(path, "an HDF5 file")
    try:
        return h5py.File(path, "r")
    except PermissionError:
        raise  # names the file itself
    except (OSError, RuntimeError, ValueError) as error:
        if lock := _NO_LOCK.search(str(error)):
            raise _locked(path, str(error), lock) from error
        raise InputError(
            path, "file", found=f"unreadable content ({error})", expected="a whole HDF5 file"
        ) from error


def _locked(path: Path, reason: str, lock: re.Match[str]) -> InputError:
    """What HDF5 says of a file that it cannot lock, or that was never closed."""
    if lock[1] and int(lock[1]) not in (errno.EAGAIN, errno.EACCES):
        why, expected = "its file system grants no locks", f"one that does, {_UNLOCKED}"
    elif lock[1]:
        why = "another program has it open for writing"
        expected = f"a file that nobody writes: wait for that program, {_UNLOCKED}"
    else:
        why = "whoever wrote it never closed it"
        expected = "a whole file: wait for its writer, or, where that died, write it anew"
    return InputError(path, "lock", found=f"{why} ({reason})", expected=expected)


@contextmanager
def reading_h5(path: str | os.PathLike[str]) -> Iterator[Entries]:
    """Open an HDF5 file for what is read within the block.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    Entries

    Raises
    ------
    InputError
        As `open_h5`, and as `Entries` on what is read.
    """
    with open_h5(path) as file:
        yield Entries(path, file)


class H5Reader(AbstractContextManager["H5Reader"]):
    """An HDF5 file that is open for reading and has been checked; a context manager.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    InputError
        As `open_h5` and `_check`; the file is closed then.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._file = open_h5(self.path)
        self._entries = Entries(self.path, self._file)
        try:
            self._check()
        except BaseException:
            self._file.close()
            raise

    def _check(self) -> None:
        """Check the layout, and take what is read once."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

"""Reading HDF5 files, with errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self

import h5py

from hypervae.errors import InputError


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
        If the file is missing, empty, truncated or no HDF5 file at all.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "file", found="no such file", expected="an HDF5 file")
    if path.stat().st_size == 0:
        raise InputError(path, "file", found="an empty file", expected="an HDF5 file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            path, "file", found=f"unreadable content ({error})", expected="a whole HDF5 file"
        ) from error


@contextmanager
def naming_damage(path: str | os.PathLike[str], field: str = "file") -> Iterator[None]:
    """Name the file where HDF5 finds only on the way that it is damaged.

    Parameters
    ----------
    path : path-like
        The file that is read.
    field : str
        What is read of it.

    Raises
    ------
    InputError
        In place of the errors that h5py raises for links, attributes and data it cannot read.
    """
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            path, field, found=f"unreadable data ({error})", expected="a whole HDF5 file"
        ) from error


@contextmanager
def reading_h5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open an HDF5 file for what is read within the block.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    h5py.File

    Raises
    ------
    InputError
        As `open_h5` and `naming_damage`.
    """
    with naming_damage(path), open_h5(path) as file:
        yield file


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

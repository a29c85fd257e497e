"""Datasets of HDF5 files, judged before they are read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.errors import InputError
from hypervae.io.heap import Texts

#: Above so many bytes, a dataset may declare so many times what is stored of it at most: no jets
#: compress as well. And what is unpacked at once: HDF5 reads whole chunks.
UNJUDGED, MOST_COMPRESSED, LARGEST_CHUNK = 2**24, 1000, 2**27
# Names that a message shows of many.
_SHOWN = 8


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
    except (OSError, RuntimeError, LookupError, ArithmeticError, ValueError, TypeError) as error:
        raise InputError(
            path, field, found=f"unreadable data ({error})", expected="a whole HDF5 file"
        ) from error


def listed(names: Iterable[str]) -> str:
    """The first of many names.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    str
    """
    names = iter(names)
    shown = ", ".join(f"{name:.40}" for name in islice(names, _SHOWN))
    return shown + ", ..." * (next(names, None) is not None) or "nothing"


class Stored:
    """A dataset of a type and shape that were judged; nothing of it has been read.

    Parameters
    ----------
    path : path-like
    name : str
    dataset : h5py.Dataset
    texts : Texts
        Of the file.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    """

    def __init__(
        self, path: str | os.PathLike[str], name: str, dataset: h5py.Dataset, texts: Texts
    ):
        self._path, self._name, self._dataset, self._texts = path, name, dataset, texts
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype = dataset.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows [start, stop).

        Parameters
        ----------
        start, stop : int
            By default to the last one.

        Returns
        -------
        array
            In this machine's byte order.
        """
        stop = len(self) if stop is None else min(stop, len(self))
        with naming_damage(self._path, f"{self._name}, rows {start} to {stop}"):
            values: NDArray[Any] = self._dataset[start:stop]
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def numbers(self) -> NDArray[np.float64]:
        """All of it, as float64.

        Returns
        -------
        float64 array
        """
        with np.errstate(over="ignore"):
            return self.rows().astype(np.float64, copy=False)

    def texts(self) -> list[str]:
        """All texts of it.

        Returns
        -------
        list of str
        """
        with naming_damage(self._path, self._name):
            self._texts.judge_dataset(self._dataset)
            return [str(text) for text in self._dataset.asstr(errors="replace")[()]]


def elsewhere(dataset: h5py.Dataset) -> str:
    """Where the data of a dataset are, if not in its file: there may be anything.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    str
        Empty where they are in the file.
    """
    plist = dataset.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        return "a virtual dataset"
    return "data in another file" if plist.get_external_count() else ""


def hollow(dataset: h5py.Dataset) -> tuple[str, str] | None:
    """Whether a dataset declares far more than there is, and would take all time and memory.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    found, expected : str
        None where it does not.
    """
    width = dataset.dtype.itemsize
    chunk = math.prod(dataset.chunks or ()) * width
    if chunk > LARGEST_CHUNK:
        return f"chunks of {chunk} bytes", f"at most {LARGEST_CHUNK} (h5repack -l)"
    size, stored = math.prod(dataset.shape) * width, dataset.id.get_storage_size()
    if size <= UNJUDGED or size <= MOST_COMPRESSED * stored:
        return None
    return (
        f"shape {dataset.shape}, of which {stored} bytes are stored",
        f"at least {size // MOST_COMPRESSED} bytes: the rest was never written",
    )


def dtype_of(dataset: Any) -> np.dtype | None:
    """The type of a dataset.

    Parameters
    ----------
    dataset : h5py.Dataset or h5py.h5a.AttrID

    Returns
    -------
    numpy.dtype, optional
        None where NumPy has none for it.
    """
    try:
        dtype: np.dtype = dataset.dtype
    except TypeError:
        return None
    return dtype


def type_name(dtype: np.dtype | None) -> str:
    """A type in short.

    Parameters
    ----------
    dtype : numpy.dtype, optional
        As `dtype_of` gives it.

    Returns
    -------
    str
    """
    if dtype is None:
        return "unknown to NumPy"
    if dtype.names is not None:
        return f"compound of {listed(dtype.names)}"
    if h5py.check_string_dtype(dtype) is not None:
        return "text"
    if h5py.check_ref_dtype(dtype) is not None:
        return "reference"
    return f"{dtype!s:.60}"


def is_text(dtype: np.dtype | None) -> bool:
    """Whether a type is one of texts.

    Parameters
    ----------
    dtype : numpy.dtype, optional
        As `dtype_of` gives it.

    Returns
    -------
    bool
    """
    return dtype is not None and h5py.check_string_dtype(dtype) is not None

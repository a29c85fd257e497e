"""Columns of awkward arrays as arrays of NumPy, with errors that name the column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.ranges import MOST_PARTICLES
from hypervae.data.readers.interface import JetFile

# As awkward calls them; "unknown" where all lists are empty.
_NUMBERS = frozenset(
    ["bool", "unknown", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


def numbers(file: JetFile, name: str, array: Any) -> NDArray[np.float64]:
    """A column of one number a jet.

    Parameters
    ----------
    file : JetFile
        For messages.
    name : str
    array : awkward.Array [n]

    Returns
    -------
    [n] float64
        NaN where the file has none.

    Raises
    ------
    InputError
        If it is no such column.
    """
    import awkward as ak

    if array.ndim != 1 or not _is_numeric(array):
        raise file.error(name, f"type {_type(array)}", "one number a jet")
    return np.asarray(ak.to_numpy(ak.fill_none(array, np.nan)), dtype=np.float64)


def whole_numbers(file: JetFile, name: str, array: Any) -> NDArray[np.int64]:
    """A column of one whole number a jet.

    Parameters
    ----------
    file, name, array
        As for `numbers`.

    Returns
    -------
    [n] int64

    Raises
    ------
    InputError
        If it is no such column.
    """
    import awkward as ak

    expected = "one whole number of 64 bits a jet"
    if array.ndim != 1 or not _is_numeric(array) or ak.any(ak.is_none(array)):
        raise file.error(name, f"type {_type(array)}, or a value that is missing", expected)
    values = np.asarray(ak.to_numpy(array))
    if values.dtype.kind not in "iu":
        raise file.error(name, f"type {values.dtype}", expected)
    if values.dtype == np.uint64 and (values > np.iinfo(np.int64).max).any():
        raise file.error(name, f"{values.max()}", expected)
    return values.astype(np.int64)


def padded(file: JetFile, first_row: int, lists: Mapping[str, Any]) -> NDArray[np.float64]:
    """Lists of particles' numbers, padded with zeros.

    Parameters
    ----------
    file : JetFile
        For messages.
    first_row : int
        Of these jets.
    lists : mapping of str to awkward.Array [n, var]

    Returns
    -------
    [n, P, columns] float64
        NaN where the file has no number.

    Raises
    ------
    InputError
        If a column holds no lists of numbers, lists have different lengths, or a jet has more than
        `MOST_PARTICLES`.
    """
    import awkward as ak

    counts: NDArray | None = None
    flat = []
    for name, array in lists.items():
        if array.ndim != 2 or not _is_numeric(array):
            raise file.error(name, f"type {_type(array)}", "a list of numbers a jet")
        missing = np.asarray(ak.is_none(array))
        if missing.any():
            row = first_row + int(np.flatnonzero(missing)[0])
            raise file.error(name, f"no list at row {row}", "a list of numbers a jet")
        length = np.asarray(ak.to_numpy(ak.num(array)))
        counts = length if counts is None else counts
        if (length != counts).any():
            row = int(np.flatnonzero(length != counts)[0])
            raise file.error(
                name,
                f"{length[row]} numbers at row {first_row + row}",
                f"{counts[row]}, as many as {next(iter(lists))}",
            )
        flat.append(ak.to_numpy(ak.fill_none(ak.flatten(array), np.nan)))
    if counts is None or len(counts) == 0:
        return np.zeros((0, 0, len(lists)))
    most = int(counts.max())
    if most > MOST_PARTICLES:
        row = first_row + int(counts.argmax())
        raise file.error(
            next(iter(lists)), f"{most} particles at row {row}", f"at most {MOST_PARTICLES}"
        )
    there = np.arange(most) < counts[:, None]
    values = np.zeros((*there.shape, len(flat)))
    for index, column in enumerate(flat):
        values[there, index] = column
    return values


def _is_numeric(array: Any) -> bool:
    """Whether what an array holds inside are numbers or truth values."""
    import awkward as ak

    if array.fields:
        return False
    flat = ak.type(ak.flatten(array, axis=None))
    return str(flat.content).removeprefix("?") in _NUMBERS


def _type(array: Any) -> str:
    """The type of an array's entries in one short line."""
    return f"{' '.join(str(array.type.content).split()):.100}"

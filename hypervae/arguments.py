"""Checks of what is handed to public functions, each with one clear message."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypervae.errors import ArgumentError

# What is refused decides no result.
DECIDES_RESULTS_OF = ()

#: Of files of jets and all that is computed of them, and of figures.
HDF5_SUFFIXES = (".h5", ".hdf5")
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")


def whole_number(
    argument: str, value: object, at_least: int | None = None, at_most: int | None = None
) -> int:
    """A whole number, of Python or NumPy.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : object
    at_least, at_most : int, optional
        The lowest and the highest that are allowed.

    Returns
    -------
    int

    Raises
    ------
    ArgumentError
        If it is none, or out of range.
    """
    bounds = [
        f"{word} {bound}"
        for word, bound in (("at least", at_least), ("at most", at_most))
        if bound is not None
    ]
    expected = " of ".join(["a whole number", " and ".join(bounds)]) if bounds else "a whole number"
    if isinstance(value, bool | np.bool_):
        raise ArgumentError(argument, found=repr(value), expected=expected)
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentError(argument, found=described(value), expected=expected) from None
    too_low = at_least is not None and number < at_least
    if too_low or (at_most is not None and number > at_most):
        raise ArgumentError(argument, found=str(number), expected=expected)
    return number


def one_of(argument: str, value: object, choices: Iterable[str]) -> str:
    """One of a few words.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : object
    choices : iterable of str

    Returns
    -------
    str

    Raises
    ------
    ArgumentError
        If it is another.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        expected = known[0] if len(known) == 1 else f"one of {', '.join(known)}"
        raise ArgumentError(argument, found=described(value), expected=expected)
    return value


def numbers(
    argument: str, values: ArrayLike, shape: tuple[int | tuple[int, ...] | None, ...]
) -> NDArray[Any]:
    """An array of finite numbers.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    values : array-like
    shape : tuple of int, tuple of int, or None
        None where any length may be, several where each of these.

    Returns
    -------
    ndarray

    Raises
    ------
    ArgumentError
        If it has another shape, or holds what is no finite number.
    """
    lengths = [(n,) if isinstance(n, int) else n for n in shape]
    names = ["n" if n is None else " or ".join(map(str, n)) for n in lengths]
    expected = f"numbers of shape [{', '.join(names)}]"
    try:
        array = np.asarray(values)
    except ValueError:
        raise ArgumentError(argument, found=described(values), expected=expected) from None
    if array.dtype.kind not in "fiub":
        raise ArgumentError(argument, found=described(values), expected=expected)
    fits = array.ndim == len(shape) and all(
        want is None or have in want for want, have in zip(lengths, array.shape, strict=True)
    )
    if not fits:
        raise ArgumentError(argument, found=f"shape {list(array.shape)}", expected=expected)
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = [int(index) for index in np.argwhere(wrong)[0]]
        found = f"{array[tuple(place)]} at {place}"
        raise ArgumentError(argument, found=found, expected="finite numbers")
    return array


def described(value: object) -> str:
    """What a value is, in few words.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {list(value.shape)}"
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value)
    return f"an object of type {type(value).__name__}"


def file_to_write(argument: str, path: str | PathLike[str], suffixes: Iterable[str]) -> Path:
    """A file whose suffix says its format.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    path : path-like
    suffixes : iterable of str
        Those of the formats that can be written, with the dot.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        If the suffix is another one.
    """
    known, path = list(suffixes), Path(path)
    if path.suffix.lower() not in known:
        expected = f"a name that ends in {' or '.join(known)}"
        raise ArgumentError(argument, found=str(path), expected=expected)
    return path

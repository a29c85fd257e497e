"""Further columns of particles, such as their charge, beside those that models learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Extra = Mapping[str, NDArray[np.float32]]


def select(extra: Extra, rows: Any) -> dict[str, NDArray[np.float32]]:
    """Rows of all columns.

    Parameters
    ----------
    extra : mapping of str to [n, P]
    rows : index of NumPy

    Returns
    -------
    dict of str to [m, P]
    """
    return {name: column[rows] for name, column in extra.items()}


def reorder(extra: Extra, order: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """All columns with the particles of each jet in another order.

    Parameters
    ----------
    extra : mapping of str to [n, P]
    order : [n, P] int

    Returns
    -------
    dict of str to [n, P]
    """
    return {name: np.take_along_axis(column, order, axis=1) for name, column in extra.items()}


def fit(extra: Extra, slots: int) -> dict[str, NDArray[np.float32]]:
    """All columns cut or padded with zeros to a number of slots.

    Parameters
    ----------
    extra : mapping of str to [n, P]
    slots : int

    Returns
    -------
    dict of str to [n, slots]
    """
    fitted = {}
    for name, column in extra.items():
        kept = column[:, :slots]
        fitted[name] = np.pad(kept, [(0, 0), (0, slots - kept.shape[1])])
    return fitted


def joined(parts: Iterable[Extra]) -> dict[str, NDArray[np.float32]]:
    """Columns of several batches; those that all of them have.

    Parameters
    ----------
    parts : iterable of mappings of str to [n, P]

    Returns
    -------
    dict of str to [sum of n, P]
    """
    parts = list(parts)
    shared = [name for name in parts[0] if all(name in part for part in parts)] if parts else []
    return {name: np.concatenate([part[name] for part in parts]) for name in shared}


def described(names: Iterable[str]) -> str:
    """Names of columns for a message.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    str
    """
    return ", ".join(names) or "none"

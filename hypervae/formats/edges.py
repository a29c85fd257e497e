"""Edges of bins in files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypervae.io.entries import Entries


def read_edges(entries: Entries, bins: int | None = None) -> NDArray[np.float64]:
    """The edges of the R_L bins.

    Parameters
    ----------
    entries : Entries
        Of the file.
    bins : int, optional
        How many there have to be.

    Returns
    -------
    [bins + 1] float64

    Raises
    ------
    InputError
        If they are missing, or do not rise.
    """
    length = None if bins is None else bins + 1
    meaning = "[bins + 1]" if length is None else f"({length},), by its settings"
    edges = entries.finite("edges", (length,), meaning)
    if len(edges) < 2 or edges[0] <= 0 or not (np.diff(edges) > 0).all():
        entries.refuse("edges", f"{edges[:8]}", "numbers above 0 that rise")
    return edges

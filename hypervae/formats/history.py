"""The history of a training run.

Layout (CSV): a row an epoch; ``epoch``, ``step``, ``train_{term}`` and ``val_{term}`` of each term
of the loss, and whatever else was recorded. Numbers with seven digits; what was not measured is
an empty cell.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.errors import InputError
from hypervae.io import write_text
from hypervae.io.tables import read_rows


def write_history(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows as CSV, atomically; numbers with seven digits, None as an empty cell.

    Parameters
    ----------
    path : path-like
    rows : sequence of mapping
        Of the epochs, all with the same keys.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["epoch"])
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                key: f"{value:.7g}" if isinstance(value, float) else value
                for key, value in row.items()
            }
        )
    write_text(path, text.getvalue())


def read_history(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float64]]:
    """Read ``history.csv``: a row an epoch, empty cells as NaN; columns of text are skipped.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to [epochs] float64

    Raises
    ------
    InputError
        If the file is missing or empty, or has no column ``epoch``.
    """
    rows = read_rows(path)
    if not rows or "epoch" not in rows[0]:
        found = "no rows" if not rows else "columns " + ", ".join(map(str, rows[0]))
        raise InputError(path, "history", found=found, expected="a column 'epoch' and a row")
    columns = {}
    for name in rows[0]:
        try:
            columns[name] = np.array([float(row.get(name) or "nan") for row in rows])
        except (TypeError, ValueError):
            if name == "epoch":
                raise InputError(path, name, found="text", expected="numbers") from None
    return columns

"""Tables in text: one row a line, the names of the columns in the first."""

from __future__ import annotations

import csv
import os

from hypervae.errors import InputError
from hypervae.io.regular import check_regular, has_content

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: how they are read, not what is made of them


def read_rows(path: str | os.PathLike[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Read a table.

    Parameters
    ----------
    path : path-like
    delimiter : str

    Returns
    -------
    list of dict
        By column; without those cells that a row lacks.

    Raises
    ------
    InputError
        If it is no file of text, or no table.
    """
    expected = "a table in text (CSV)"
    check_regular(path, expected, empty=True)
    if not has_content(path):
        return []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, "file", found=str(error), expected=expected) from error
    return [
        {name: cell for name, cell in row.items() if name is not None and cell is not None}
        for row in rows
    ]

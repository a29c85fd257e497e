"""Names of columns of particles, and of their units; without heavy imports, for the config."""

from __future__ import annotations

import re
from collections.abc import Iterable

COLUMNS = ("E", "px", "py", "pz", "pt", "eta", "phi", "m", "etarel", "phirel", "ptrel", "mask", "_")
#: JetNet's layout, and that of graphs of the reference implementation.
RELATIVE = ("etarel", "phirel", "ptrel", "mask")
CARTESIAN = ("E", "px", "py", "pz")
#: GeV of a unit.
UNITS = {"GeV": 1.0, "MeV": 1e-3, "TeV": 1e3}
ANGLES = ("radians", "degrees")
#: The further column of electric charges, in units of the positron's: it is kept unasked.
CHARGE = "charge"
#: Names that no further column has.
MOMENTA = (*COLUMNS, "energy", "mass")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def split_columns(text: str) -> tuple[str, ...]:
    """The columns that a text names.

    Parameters
    ----------
    text : str
        Names with commas between.

    Returns
    -------
    tuple of str
        None for an empty text.
    """
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def wrong_columns(columns: tuple[str, ...], extra: tuple[str, ...] = ()) -> tuple[str, str] | None:
    """What is wrong with the columns of a layout.

    Parameters
    ----------
    columns : tuple of str
    extra : tuple of str
        Names of further columns that it may hold too.

    Returns
    -------
    found, expected : str
        None if a momentum can be made of them, or there are none.
    """
    names = f"names out of {', '.join((*COLUMNS, *extra))}"
    for name in columns:
        if name not in COLUMNS and name not in extra:
            return repr(name), names
        if name != "_" and columns.count(name) > 1:
            return f"{name!r} twice", names
    if columns and not _makes_momenta(set(columns) - set(extra)):
        wanted = "px,py,pz or one each of pt|ptrel, eta|etarel and phi|phirel"
        return ",".join(columns), wanted
    return None


def _makes_momenta(names: set[str]) -> bool:
    pairs = ({"pt", "ptrel"}, {"eta", "etarel"}, {"phi", "phirel"})
    cartesian = {"px", "py", "pz"}
    if cartesian <= names:
        return not any(names & pair for pair in pairs)
    return all(len(names & pair) == 1 for pair in pairs) and not names & cartesian


def wrong_names(names: Iterable[str]) -> tuple[str, str] | None:
    """What is wrong with names of further columns.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    found, expected : str
        None if they are good: words of letters, digits and _, each once, none of which is a column
        of momenta.
    """
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name):
            return repr(name), "words of letters, digits and _"
        if name in seen:
            return f"{name!r} twice", "each name once"
        if name in MOMENTA:
            return repr(name), f"none of {', '.join(MOMENTA)}, which are read as momenta"
        seen.add(name)
    return None

"""Names of columns of particles, and of their units; without heavy imports, for the config."""

from __future__ import annotations

COLUMNS = ("E", "px", "py", "pz", "pt", "eta", "phi", "m", "etarel", "phirel", "ptrel", "mask", "_")
#: JetNet's layout, and that of graphs of the reference implementation.
RELATIVE = ("etarel", "phirel", "ptrel", "mask")
CARTESIAN = ("E", "px", "py", "pz")
#: GeV of a unit.
UNITS = {"GeV": 1.0, "MeV": 1e-3, "TeV": 1e3}
ANGLES = ("radians", "degrees")


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


def wrong_columns(columns: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with the columns of a layout.

    Parameters
    ----------
    columns : tuple of str

    Returns
    -------
    found, expected : str
        None if a momentum can be made of them, or there are none.
    """
    names = f"names out of {', '.join(COLUMNS)}"
    for name in columns:
        if name not in COLUMNS:
            return repr(name), names
        if name != "_" and columns.count(name) > 1:
            return f"{name!r} twice", names
    if columns and not _makes_momenta(set(columns)):
        wanted = "px,py,pz or one each of pt|ptrel, eta|etarel and phi|phirel"
        return ",".join(columns), wanted
    return None


def _makes_momenta(names: set[str]) -> bool:
    pairs = ({"pt", "ptrel"}, {"eta", "etarel"}, {"phi", "phirel"})
    cartesian = {"px", "py", "pz"}
    if cartesian <= names:
        return not any(names & pair for pair in pairs)
    return all(len(names & pair) == 1 for pair in pairs) and not names & cartesian

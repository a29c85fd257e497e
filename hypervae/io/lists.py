"""List files: one path a line.

A stage that reads thousands of shards takes a list file, since a command line ends at about 128 kB.
Where there are few, their own names will do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hypervae.errors import InputError
from hypervae.io.atomic import write_text
from hypervae.io.guarded import guarded
from hypervae.io.regular import check_regular

#: The first bytes of every HDF5 file.
_HDF5 = b"\x89HDF\r\n\x1a\n"
# Of a list of a million files, about.
_MOST_BYTES = 200_000_000
_EXPECTED = "one path a line, or the name of an HDF5 file"


def read_list(path: str | os.PathLike[str]) -> list[Path]:
    """The files that an option names: an HDF5 file itself, or the entries of a list file.

    Relative paths are taken from the working directory, as on a command line. Empty lines and lines
    that start with ``#`` are skipped. Several names may be joined by commas.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If the list is missing, names no file, or names one that does not exist.
    """
    path = Path(path)
    if names := _joined(path):
        return [file for name in names for file in read_list(name)]
    check_regular(path, _EXPECTED, "list file", empty=True)
    size = path.stat().st_size
    if not size:  # of the system's own files, too, which may wait for something to say
        raise InputError(path, "list file", found="no paths", expected=_EXPECTED)
    with open(path, "rb") as start:
        if start.read(len(_HDF5)) == _HDF5:
            return [path]
    if size > _MOST_BYTES:
        raise InputError(path, "list file", found=f"{size} bytes", expected=_EXPECTED)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "list file", found="no text", expected=_EXPECTED) from error
    lines = [line.strip() for line in text.splitlines()]
    files = [Path(line) for line in lines if line and not line.startswith("#")]
    if not files:
        raise InputError(path, "list file", found="no paths", expected=_EXPECTED)
    for file in files:
        if not os.path.isfile(file):
            raise InputError(path, "list file", found=f"{file}, which is missing", expected="files")
    return files


def named_files(path: str | os.PathLike[str]) -> list[Path]:
    """The files that are read where an option names this: a list file itself, too.

    Parameters
    ----------
    path : path-like
        As for `read_list`, which refuses what is wrong with it.

    Returns
    -------
    list of Path
    """
    path = Path(path)
    if names := _joined(path):
        return [file for name in names for file in named_files(name)]
    try:
        found = read_list(path)
    except (InputError, OSError):
        return [path]
    return found if found == [path] else [path, *found]  # an HDF5 file is no list of itself


def _joined(path: Path) -> list[str]:
    """Several names with commas between; none where a file is called so."""
    text = os.fspath(path)
    if "," not in text or os.path.exists(path):  # which holds for a name that is too long, too
        return []
    return [name.strip() for name in text.split(",") if name.strip()]


@guarded(reads=("files",), writes=("path",), apart=("files",))
def write_list(path: str | os.PathLike[str], files: Iterable[str | os.PathLike[str]]) -> None:
    """Write a list file, in the order given.

    Parameters
    ----------
    path : path-like
        The list.
    files : iterable of path-like
        What it names.
    """
    write_text(path, "".join(f"{os.fspath(file)}\n" for file in files))

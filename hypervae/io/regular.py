"""Files that are there to be read: no folder, no pipe, nothing that would be waited for."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from hypervae.errors import InputError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

# Bytes in which the directory of an archive is found: its end, and a comment of any length.
_END_OF_ZIP = 22 + 2**16


def kind_of(mode: int) -> str:
    """What stands under a name that is no file.

    Parameters
    ----------
    mode : int
        As `os.stat` gives it.

    Returns
    -------
    str
        Empty for a file.
    """
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def has_content(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file that is worth a look, which ends at once.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool
        False for an empty one: files of the system look so, some of which wait to be written.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def check_regular(
    path: str | os.PathLike[str], expected: str, field: str = "file", empty: bool = False
) -> Path:
    """Refuse what is no file with something in it.

    Parameters
    ----------
    path : path-like
    expected : str
        What the file should be.
    field : str
        For the message.
    empty : bool
        Whether it may be empty.

    Returns
    -------
    Path
        The path itself.

    Raises
    ------
    InputError
    """
    path = Path(path)
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        where = f" (a link to {os.readlink(path)})" if path.is_symlink() else ""
        raise InputError(path, field, found=f"no such file{where}", expected=expected) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(path, field, found=f"no way to it ({reason})", expected=expected) from None
    if kind := kind_of(found.st_mode):
        raise InputError(path, field, found=kind, expected=expected)
    if found.st_size == 0 and not empty:
        raise InputError(path, field, found="an empty file", expected=expected)
    return path


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip archive.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool

    Raises
    ------
    OSError
        Of a disk that fails; `zipfile` says that it is none, as of another file.
    """
    with open(path, "rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _END_OF_ZIP, 0))
        file.read()
    return zipfile.is_zipfile(path)

"""Which file an error of the system is about, where it does not say: reading and syncing do not."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType

DECIDES_RESULTS_OF = ()

STANDARD_OUTPUT = "standard output"
_AT_ONCE = 1 << 20


def file_behind(error: BaseException) -> str | None:
    """The file that was at work when an error was raised, nearest to where that was.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str or None
        `STANDARD_OUTPUT` for what is printed to.
    """
    for frame in reversed(list(_frames(error.__traceback__))):
        values = list(frame.f_locals.values())
        streams = [one for one in values if isinstance(one, io.IOBase) and _name(one)]
        if streams:
            return _name(_to_blame(streams))
        for value in values:
            if isinstance(value, Path) and value.is_file():
                return str(value)
    return None


def can_be_read(file: str | os.PathLike[str]) -> bool:
    """Whether a file can be read from its start to its end; of two files, only one may be broken.

    Parameters
    ----------
    file : path-like

    Returns
    -------
    bool
    """
    try:
        with open(file, "rb") as stream:
            while stream.read(_AT_ONCE):
                pass
    except OSError:
        return False
    return True


def _to_blame(streams: Sequence[io.IOBase]) -> io.IOBase:
    """Of those that were at work together, as in copying, the one that fails."""
    if len(streams) == 1:
        return streams[0]
    writing = [one for one in streams if "r" not in str(getattr(one, "mode", "r"))]
    for one in streams:
        if one not in writing and not can_be_read(str(_name(one))):
            return one
    return (writing or streams)[0]


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _name(stream: io.IOBase) -> str | None:
    if stream in (sys.stdout, sys.stderr):
        return STANDARD_OUTPUT
    name = getattr(stream, "name", None)
    return os.fsdecode(name) if isinstance(name, str | bytes) else None

"""Which file an error of the system is about, where it does not say: reading and syncing do not."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

DECIDES_RESULTS_OF = ()

STANDARD_OUTPUT = "standard output"


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
        for value in values:
            if isinstance(value, io.IOBase) and (name := _name(value)):
                return name
        for value in values:
            if isinstance(value, Path) and value.is_file():
                return str(value)
    return None


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _name(stream: io.IOBase) -> str | None:
    if stream in (sys.stdout, sys.stderr):
        return STANDARD_OUTPUT
    name = getattr(stream, "name", None)
    return os.fsdecode(name) if isinstance(name, str | bytes) else None

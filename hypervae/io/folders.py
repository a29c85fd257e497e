"""Folders that are made for what will be written there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`


@contextmanager
def without_empty_folders(folder: Path) -> Iterator[None]:
    """Remove a folder, and those above it, that was not there before and is empty in the end.

    Parameters
    ----------
    folder : Path
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it holds something
            for place in made:
                place.rmdir()

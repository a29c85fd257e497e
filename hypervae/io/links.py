"""Links within a file of HDF5: followed part by part, and never out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import h5py

# Links one after the other.
_MOST = 16


def follow(group: Any, way: str, refuse: Callable[[str, str], NoReturn]) -> Any:
    """Walk along a name; links out of the file are not opened.

    Parameters
    ----------
    group : h5py.Group
        Where the name begins, if not with a slash.
    way : str
    refuse : callable
        Called with what was found and what is expected, where a link leads elsewhere.

    Returns
    -------
    h5py.Group, h5py.Dataset or h5py.Datatype, optional
        None where there is nothing of this name.
    """
    return _follow(group, way, refuse, [_MOST])


def _follow(group: Any, way: str, refuse: Callable[[str, str], NoReturn], left: list[int]) -> Any:
    found = group.file if way.startswith("/") else group
    for part in filter(None, way.split("/")):
        if part == ".":
            continue
        if not isinstance(found, h5py.Group):
            return None
        # by identifiers alone: h5py's own look-up opens what a link leads to
        links, key = found.id.links, part.encode(errors="surrogateescape")
        if not links.exists(key):
            return None
        kind = links.get_info(key).type
        if kind == h5py.h5l.TYPE_HARD:
            found = found[part]
            continue
        if kind != h5py.h5l.TYPE_SOFT:
            target = links.get_val(key)[0] if kind == h5py.h5l.TYPE_EXTERNAL else b"elsewhere"
            refuse(f"a link to {_decoded(target)}", "data in the file itself")
        left[0] -= 1
        if left[0] < 0:
            refuse(f"more than {_MOST} links", "data")
        target = _decoded(links.get_val(key))
        found = _follow(found, target, refuse, left)
        if found is None:
            refuse(f"a link to {target}, which is nothing", "data")
    return found


def _decoded(name: bytes) -> str:
    return name.decode(errors="surrogateescape")

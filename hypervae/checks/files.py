"""Check a file of any kind that HyperVAE or its workflow reads or writes."""

from __future__ import annotations

import os
from pathlib import Path

from hypervae.checks.jets import check_jet_file
from hypervae.checks.others import OTHERS
from hypervae.data.graph_loading import holds_graphs
from hypervae.data.readers.registry import format_of
from hypervae.io.regular import check_regular
from hypervae.limits import allow_addresses

# Bytes by which a kind is recognized.
_HEAD = 4096


def check_file(path: str | os.PathLike[str], jet_type: str | None = None) -> list[str]:
    """Read all of a file, and describe it.

    Parameters
    ----------
    path : path-like
        Any that the workflow writes, a list of PyG graphs, or a file that `hypervae import` reads.
    jet_type : str, optional
        The jet type that a shard must hold.

    Returns
    -------
    list of str
        One line for each thing found; the last one says what the file can be used for.

    Raises
    ------
    InputError
        On the first thing that is wrong.
    """
    path = check_regular(path, "a file", empty=Path(path).suffix == ".log")
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    for kind in OTHERS:
        if kind.recognizes(path, head):
            return [*kind.check(path), f"for {kind.use}"]
    name = format_of(path)
    if name is not None:
        return [*check_jet_file(path, name, jet_type), "for import"]
    if holds_graphs(path):
        allow_addresses("PyG graphs")
        from hypervae.checks.graphs import check_graphs

        return [*check_graphs(path), "for import"]
    from hypervae.checks.hdf5 import check_h5

    return check_h5(path, jet_type)

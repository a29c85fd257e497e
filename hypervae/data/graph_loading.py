"""Loading PyG graphs from a file, without running code from it."""

from __future__ import annotations

import os
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py

from hypervae.errors import InputError
from hypervae.io.regular import check_regular, has_content, is_zip
from hypervae.limits import allow_addresses

GRAPH_SUFFIXES = (".pt", ".pth")
WANTED = "a list of torch_geometric Data"
_AT_ONCE = 1 << 20


def holds_graphs(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of torch, by its content, or by its name where that tells nothing.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool
        False for HDF5, whatever its name.
    """
    path = Path(path)
    if has_content(path):
        if h5py.is_hdf5(path):
            return False
        if is_zip(path):
            try:
                with zipfile.ZipFile(path) as archive:
                    if any(name.endswith("/data.pkl") for name in archive.namelist()):
                        return True
            except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError):
                pass  # damaged: by its name, and whoever loads it says what is wrong
    return path.suffix.lower() in GRAPH_SUFFIXES


def load_graphs(source: Path) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Load a list of PyG graphs and their metadata, without running code from the file.

    Parameters
    ----------
    source : Path
        A ``.pt`` file.

    Returns
    -------
    graphs : sequence
    metadata : mapping

    Raises
    ------
    InputError
        If the file is missing, damaged, needs other classes, or holds no list of graphs.
    """
    allow_addresses("PyG graphs")
    import torch
    from torch_geometric.data import Data
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import GlobalStorage

    check_regular(source, WANTED)
    mapped = is_zip(source)
    if mapped:
        _read_through(source)
    try:
        known = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]
        with warnings.catch_warnings(), torch.serialization.safe_globals(known):
            warnings.simplefilter("ignore")  # they are about torch, not about the file
            # Mapped: edges and hyperedges, most of such a file, are never read.
            content = torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise InputError(
            source,
            "pickle",
            found=_refusal(str(error)),
            expected="tensors and torch_geometric Data only: other classes could run code",
        ) from error
    except MemoryError:
        raise  # says nothing about the file
    except Exception as error:
        # Any other error: torch runs a damaged pickle until something in it does not fit.
        raise InputError(
            source, "file", found=f"unreadable content ({_reason(error)})", expected=WANTED
        ) from error
    graphs: Any = content
    metadata: Any = {}
    if isinstance(content, Mapping):
        graphs, metadata = content.get("graphs"), content.get("metadata")
        metadata = {} if metadata is None else metadata
    if isinstance(graphs, Data):
        graphs = [graphs]
    if not isinstance(graphs, (list, tuple)) or not all(isinstance(g, Data) for g in graphs):
        keys = f" with keys {', '.join(map(str, content))}" if isinstance(content, Mapping) else ""
        found = f"{type(content).__name__}{keys:.200}"
        raise InputError(source, "graphs", found=found, expected=WANTED)
    if not graphs:
        raise InputError(source, "graphs", found="an empty list", expected="at least one graph")
    if not isinstance(metadata, Mapping):
        raise InputError(
            source, "metadata", found=type(metadata).__name__, expected="keys with values, or none"
        )
    return graphs, metadata


def _read_through(source: Path) -> None:
    """Read a file that is mapped next, to its end.

    What a disk cannot give is an `OSError` here, and there a signal (SIGBUS) that ends the process
    with no word. What was read the system keeps, as far as it has memory.
    """
    with open(source, "rb", buffering=0) as file:
        piece = bytearray(_AT_ONCE)
        while file.readinto(piece):
            pass


def _refusal(message: str) -> str:
    """What torch will not load, out of its long message, which also says how to switch it off."""
    for pattern in (r"GLOBAL ([\w.]+)", r"Unsupported class ([\w.]+)"):
        if found := re.search(pattern, message):
            return f"the class {found[1]}"
    return "a pickle of more than these, or a damaged one"


def _reason(error: Exception) -> str:
    """The first line of an error, if it is about the file."""
    first = " ".join(str(error).strip().splitlines()[:1])
    if "TorchScript" in first:
        return "a TorchScript archive, which is a program"
    if not first or "weights_only" in first:
        return type(error).__name__
    return first

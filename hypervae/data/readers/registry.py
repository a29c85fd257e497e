"""The formats of jet files by name, and which of them a file has."""

from __future__ import annotations

import os
from pathlib import Path

import h5py

from hypervae.data.graph_loading import holds_graphs
from hypervae.data.readers.interface import JetFile
from hypervae.io.regular import has_content
from hypervae.registry import Registry

JET_FILES: Registry[type[JetFile]] = Registry(
    "format of jet files",
    {
        "energyflow": "hypervae.data.readers.energyflow:EnergyFlowFile",
        "jetclass": "hypervae.data.readers.jetclass:JetClassFile",
        "parquet": "hypervae.data.readers.parquet:ParquetFile",
    },
)


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The format of a file, by its content, or by its name where that tells nothing.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str, optional
        A name in `JET_FILES`; None for HDF5, PyG graphs and all else.
    """
    path = Path(path)
    if has_content(path):
        with open(path, "rb") as file:
            head = file.read(8)
        for name, reader in JET_FILES.items():
            if reader.recognizes(path, head):
                return name
        if h5py.is_hdf5(path) or holds_graphs(path):
            return None
    for name, reader in JET_FILES.items():
        if path.suffix.lower() in reader.suffixes:
            return name
    return None

"""Files of jets for people in Python: what `Jets.load` and `Jets.save` do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypervae.arguments import HDF5_SUFFIXES, file_to_write, one_of
from hypervae.data.jet_types import JET_TYPES

if TYPE_CHECKING:
    from hypervae.data.jets import Jets

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: the stages read and write shards by themselves


def load_jets(path: str | os.PathLike[str], jet_type: str | None = None) -> Jets:
    """Read a shard; see `hypervae.data.jets.Jets.load`.

    Parameters
    ----------
    path : path-like
    jet_type : str, optional

    Returns
    -------
    Jets
    """
    from hypervae.formats.shard import ShardReader

    if jet_type is not None:
        one_of("jet_type", jet_type, JET_TYPES)
    with ShardReader(path, jet_type) as reader:
        return reader.read()


def save_jets(jets: Jets, path: str | os.PathLike[str]) -> None:
    """Write a shard; see `hypervae.data.jets.Jets.save`.

    Parameters
    ----------
    jets : Jets
    path : path-like
    """
    from hypervae.formats.shard_writer import write_shard

    file_to_write("path", path, HDF5_SUFFIXES)
    one_of("jet_type", jets.jet_type, JET_TYPES)
    write_shard(path, jets, source="python")

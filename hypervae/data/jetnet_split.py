"""A JetNet file, cut into shards."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from hypervae.data.slots import fit_slots
from hypervae.errors import HyperVAEError, InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import ShardWriter
from hypervae.io.guarded import guarded

# Rows read at once: 24 MB at 150 particles.
CHUNK = 10_000


@guarded(reads=("source",), writes=("path",))
def split_file(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    jet_type: str,
    shard: int,
    shards: int,
    max_particles: int,
) -> int:
    """Cut one of `shards` shards out of a JetNet file.

    Shard i of k holds the rows [n i / k, n (i + 1) / k), rounded down. A jet's event_id is its row
    in the file (or the file's own), so that its split does not depend on the number of shards.

    Parameters
    ----------
    source : path-like
        A file in JetNet's layout.
    path : path-like
        The shard to write.
    jet_type : str
    shard, shards : int
        Index and number of shards.
    max_particles : int
        The hardest particles kept.

    Returns
    -------
    int
        Number of jets written.

    Raises
    ------
    InputError
        As `hypervae.formats.shard.ShardReader`, or if the file has fewer jets than `shards`.
    HyperVAEError
        If the index is not below the number.
    """
    if not 0 <= shard < shards:
        raise HyperVAEError(f"shard: found {shard}, expected 0 to {shards - 1} of {shards} shards")
    with ShardReader(source, jet_type) as reader:
        n = reader.n_jets
        if n < shards:
            raise InputError(
                source,
                "jets",
                found=f"{n} jets",
                expected=f"at least one for each of {shards} shards",
            )
        start, stop = n * shard // shards, n * (shard + 1) // shards
        settings = {"file": Path(source).name, "rows": [start, stop], "shards": shards}
        with ShardWriter(
            path, max_particles, jet_type=jet_type, source="jetnet", settings=settings
        ) as writer:
            for row in range(start, stop, CHUNK):
                jets = fit_slots(reader.read(row, min(row + CHUNK, stop)), max_particles)
                if jets.event_id is None:
                    jets.event_id = np.arange(row, row + len(jets), dtype=np.int64)
                writer.append(jets)
    return stop - start

"""The held-out jets of shards: what a trained model has never seen."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from hypervae.config import SplitConfig
from hypervae.data.jets import Jets, concatenate
from hypervae.data.slots import fit_slots
from hypervae.data.split import TEST, split_of
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.io.guarded import guarded


@guarded(reads=("shards",))
def read_held_out(
    shards: Sequence[str | os.PathLike[str]],
    jet_types: Sequence[str],
    split: SplitConfig,
    *,
    jets: int,
    max_particles: int,
    fewest: int = 1,
) -> dict[str, Jets]:
    """Read the first test jets of each type.

    Parameters
    ----------
    shards : sequence of path-like
        All splits. Where there is one jet type, files that name none are taken to be of it.
    jet_types : sequence of str
    split : SplitConfig
    jets : int
        Jets of each type at most.
    max_particles : int
        Particle slots; of longer jets the hardest are kept.
    fewest : int
        Jets that each type needs.

    Returns
    -------
    dict of str to Jets
        By type, in the order of `jet_types`.

    Raises
    ------
    InputError
        As `ShardReader`, if a shard is of another type, and if there are too few test jets of a
        type.
    """
    found: dict[str, list[Jets]] = {jet_type: [] for jet_type in jet_types}
    only = jet_types[0] if len(jet_types) == 1 else None
    for shard in shards:
        with ShardReader(shard, only) as reader:
            parts = found.get(reader.jet_type or "")
            if parts is None:
                expected = "one of " + ", ".join(jet_types)
                raise InputError(shard, "jet_type", found=repr(reader.jet_type), expected=expected)
            first_row = 0
            for chunk in reader.chunks():
                missing = jets - sum(map(len, parts))
                if missing <= 0:
                    break
                test = split_of(chunk, split, first_row) == TEST
                first_row += len(chunk)
                chosen = chunk[np.flatnonzero(test)[:missing]]
                parts.append(fit_slots(chosen, max_particles))
    place = ", ".join(map(str, shards[:1])) or "no shards"
    if len(shards) > 1:
        place += f" and {len(shards) - 1} more"
    for jet_type, parts in found.items():
        count = sum(map(len, parts))
        if count < fewest:
            raise InputError(
                place,
                f"test jets of type {jet_type}",
                found=str(count),
                expected=f"at least {fewest}",
            )
    return {jet_type: concatenate(parts) for jet_type, parts in found.items()}

"""Shards with their correlator files, checked against the normalization merged from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypervae.correlators import geometry
from hypervae.errors import InputError
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.shard import ShardReader
from hypervae.io.guarded import guarded
from hypervae.normalization.normalization import Normalization

_COMPARED = 100  # jets of each shard that are compared with its correlator file


@dataclass(frozen=True)
class Source:
    """A shard with its correlator file."""

    shard: Path
    correlators: Path
    jet_type: str
    n_jets: int


@guarded(reads=("shards", "correlators"))
def find_sources(
    shards: Sequence[str | os.PathLike[str]],
    correlators: Sequence[str | os.PathLike[str]],
    normalization: Normalization,
    path: str | os.PathLike[str],
) -> list[Source]:
    """Pair shards with their correlator files, and check that they belong to the normalization.

    Parameters
    ----------
    shards : sequence of path-like
    correlators : sequence of path-like
        In any order.
    normalization : Normalization
    path : path-like
        The normalization's file, for messages.

    Returns
    -------
    list of Source
        In the order of the shards.

    Raises
    ------
    InputError
        If the lists differ in length, a pair in its number of jets, type, particles or distances,
        or if a file is not among those that the normalization `path` was merged from.
    """
    if len(shards) != len(correlators):
        raise InputError(
            path,
            "shards",
            found=f"{len(shards)} shards and {len(correlators)} correlator files",
            expected="one correlator file for each shard, in the same order",
        )
    sources = []
    for shard, file in zip(shards, correlators, strict=True):
        with CorrelatorReader(file) as stored:
            if stored.content not in normalization.contents:
                raise InputError(
                    file, "jets", found="jets that are not in it", expected=f"jets of {path}"
                )
            if stored.settings != normalization.settings:
                raise InputError(
                    file,
                    "settings",
                    found=str(stored.settings),
                    expected=f"{normalization.settings} as in {path}",
                )
            with ShardReader(shard, stored.jet_type or None) as jets:
                for name in ("n_jets", "max_particles"):
                    if getattr(jets, name) != getattr(stored, name):
                        raise InputError(
                            shard,
                            name,
                            found=str(getattr(jets, name)),
                            expected=f"{getattr(stored, name)} as in {file}",
                        )
                first = jets.read(0, _COMPARED)
                bins = geometry.pair_bins(first, normalization.binning)
                # rounding may move a pair over an edge; other jets differ in nearly all
                if (bins != stored.pair_bins(0, len(first))).mean() > 0.01:
                    raise InputError(
                        shard,
                        "jets",
                        found="other pair distances than the stored ones",
                        expected=f"the jets that {file} was computed from",
                    )
                if jets.jet_type is None:
                    raise InputError(
                        shard, "jet_type", found="no jet type", expected="a shard with its type"
                    )
                sources.append(Source(Path(shard), Path(file), jets.jet_type, jets.n_jets))
    return sources

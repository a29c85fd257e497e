"""Merge the correlator files of a model's shards into its normalization."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.config import NormalizationConfig
from hypervae.correlators.features import (
    EDGE_FEATURES,
    JET_TARGETS,
    PARTICLE_COORDINATES,
    hyperedge_features,
)
from hypervae.correlators.sums import JetSums
from hypervae.errors import InputError
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.normalization import MergedShards, write_normalization
from hypervae.io.guarded import guarded
from hypervae.normalization.tables import correlator_tables


def _tabled(counts: NDArray[np.float64], table: NDArray[np.float64]) -> list[float]:
    """Mean, width, low and high of a looked-up feature, exactly from the counts per bin."""
    total = counts.sum()
    if not total:
        return [0.0, 0.0, 0.0, 0.0]
    mean = float((counts * table).sum() / total)
    width = float(np.sqrt((counts * (table - mean) ** 2).sum() / total))
    met = table[counts > 0]
    return [mean, width, float(met.min()), float(met.max())]


def _of_moments(moments: Iterable[Any]) -> list[float]:
    """Mean, width, low and high of the union of features with different shifts."""
    parts = [part for part in moments if part.count]
    if not parts:
        return [0.0, 0.0, 0.0, 0.0]
    total = sum(part.count for part in parts)
    mean = sum(part.count * part.mean for part in parts) / total
    variance = sum(part.count * (part.width**2 + (part.mean - mean) ** 2) for part in parts) / total
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    return [mean, float(np.sqrt(variance)), low, high]


@guarded(reads=("inputs",), writes=("output",))
def merge_normalization(
    inputs: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    config: NormalizationConfig,
) -> None:
    """Merge correlator files; one shard or a thousand give the same numbers to rounding.

    Parameters
    ----------
    inputs : paths
        Correlator files; merged in the order of the digests of their jets, so that neither names
        nor the order of the list matter.
    output : path-like
    config : NormalizationConfig

    Raises
    ------
    InputError
        If a file is unreadable, was computed with other settings or another number of particles
        than the first, holds the same jets as another, or if no jet is in the training split.
    """
    found: dict[str, tuple[str, str, Path, JetSums | None]] = {}
    reference: CorrelatorReader | None = None
    shifts: dict[str, float] = {}
    for path in map(Path, inputs):
        with CorrelatorReader(path) as reader:
            if reference is None:
                reference, edges = reader, reader.edges
            for name in ("settings", "max_particles"):
                here, there = getattr(reader, name), getattr(reference, name)
                if here != there:
                    raise InputError(
                        path, name, found=str(here), expected=f"{there} as in {reference.path}"
                    )
            if reader.content in found:
                raise InputError(
                    path,
                    "jets",
                    found=f"the same jets as {found[reader.content][2]}",
                    expected="each shard once",
                )
            sums = reader.sums("train")
            _check_shifts(path, sums, shifts)
            found[reader.content] = (reader.content, reader.jet_type, path, sums)
    if reference is None:
        raise InputError(output, "inputs", found="no correlator files", expected="at least one")
    sources = [found[content] for content in sorted(found)]
    parts = [source[3] for source in sources if source[3] is not None]
    if not parts:
        raise InputError(
            reference.path, "split", found="no training jet in any shard", expected="some"
        )
    _write(output, config, reference, edges, sources, JetSums.merge(parts))


def _check_shifts(path: Path, sums: JetSums | None, shifts: dict[str, float]) -> None:
    """Refuse moments that are taken about other numbers than those of the files before."""
    for name, moments in sums.moments.items() if sums is not None else ():
        shift = shifts.setdefault(name, moments.shift)
        if moments.shift != shift:
            raise InputError(
                path,
                f"train/moments of {name}",
                found=f"sums about {moments.shift:g}",
                expected=f"about {shift:g}, as in the files before",
            )


def _write(
    output: str | os.PathLike[str],
    config: NormalizationConfig,
    reference: CorrelatorReader,
    edges: NDArray[np.float64],
    sources: list[Any],
    total: JetSums,
) -> None:
    settings = reference.settings
    enc = dict(zip(settings.orders, total.enc, strict=True))
    orders = list(settings.hyperedges.orders)
    ln_e2c, ln_ratio = correlator_tables(enc, total.n_jets, orders)

    all_sets = total.sets.sum(axis=0)
    statistics = {
        "edge": (
            EDGE_FEATURES,
            [_tabled(total.pairs, ln_e2c)]
            + [_of_moments([total.moments[name]]) for name in EDGE_FEATURES[1:]],
        ),
        "hyperedge": (
            hyperedge_features(orders),
            [_tabled(all_sets, row) for row in ln_ratio]
            + [_of_moments(total.moments[f"ln_w{order}"] for order in orders)],
        ),
        "jet": (JET_TARGETS, [_of_moments([total.moments[name]]) for name in JET_TARGETS]),
        "particle": (
            PARTICLE_COORDINATES,
            [_of_moments([total.moments[name]]) for name in PARTICLE_COORDINATES],
        ),
    }
    merged = MergedShards(
        sums=total,
        edges=edges,
        ln_e2c=ln_e2c,
        ln_ratio=ln_ratio,
        statistics=statistics,
        method=config.method,
        max_particles=reference.max_particles,
        jet_types=sorted({source[1] for source in sources}),
        contents=[source[0] for source in sources],
        settings=settings,
    )
    write_normalization(output, merged)

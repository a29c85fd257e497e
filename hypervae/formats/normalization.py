"""The normalization of a model: what is merged from the correlator files of its shards.

Layout (HDF5), over the training jets: ``edges`` [bins + 1] of R_L; ``tables/ln_e2c`` [bins + 2] and
``tables/ln_ratio`` [hyperedge orders, bins + 2]; ``multiplicity`` [P + 1], ``pairs`` [bins + 2] and
``sets`` [hyperedge orders, bins + 2], counts; ``enc/{N}/sum``, ``sum2`` and ``cross`` [bins + 2],
sums over jets of the jet's weight h_N in a bin, of h_N^2 and of h_N h_2, with underflow (contact
terms) first and overflow last; ``stats/{edge, hyperedge, jet, particle}`` [features, 4], the
(mean, width, low, high) of the features that its attribute ``features`` names (JSON);
``contents``, SHA-256 of each shard's jets. Attributes: ``kind`` ("normalization"),
``schema_version``, ``method`` (zscore or minmax), ``n_jets``, ``max_particles``, ``jet_types``
(JSON), ``momentum_scale`` [GeV], ``settings`` (JSON, of the correlator files), ``digest`` (SHA-256
of the contents).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.config import CorrelatorsStageConfig
from hypervae.config.features import METHODS
from hypervae.correlators.means import CorrelatorMeans
from hypervae.correlators.sums import JetSums
from hypervae.data.jet_types import check_jet_type
from hypervae.errors import InputError
from hypervae.formats.correlator_sums import means_of, read_settings
from hypervae.formats.edges import read_edges
from hypervae.io import atomic_h5, atomic_path
from hypervae.io.entries import Entries
from hypervae.io.guarded import guarded
from hypervae.io.hdf5 import reading_h5
from hypervae.normalization.normalization import Normalization
from hypervae.normalization.scaler import Scaler

KIND = "normalization"
SCHEMA_VERSION = 1
#: The groups of features that have scales.
GROUPS = ("edge", "hyperedge", "jet", "particle")
COLUMNS = ("mean", "width", "low", "high")


@dataclass(frozen=True)
class MergedShards:
    """What a normalization file is written from.

    Parameters
    ----------
    sums : JetSums
        Over the training jets of all shards.
    edges : [bins + 1]
        Of R_L.
    ln_e2c, ln_ratio : [bins + 2], [hyperedge orders, bins + 2]
        The tables.
    statistics : mapping of str to (names, [features, 4])
        Of each of `GROUPS`: the features, and their `COLUMNS`.
    method : str
    max_particles : int
    jet_types, contents : sequence of str
        Of the shards, sorted.
    settings : CorrelatorsStageConfig
        The config of the correlator files.
    """

    sums: JetSums
    edges: NDArray[np.float64]
    ln_e2c: NDArray[np.float64]
    ln_ratio: NDArray[np.float64]
    statistics: Mapping[str, tuple[Sequence[str], Sequence[Sequence[float]]]]
    method: str
    max_particles: int
    jet_types: Sequence[str]
    contents: Sequence[str]
    settings: CorrelatorsStageConfig


def write_normalization(path: str | os.PathLike[str], merged: MergedShards) -> None:
    """Write a normalization file, atomically.

    Parameters
    ----------
    path : path-like
    merged : MergedShards
    """
    _check_finite(path, merged)
    sums, pt = merged.sums, merged.sums.moments["pt"]
    with atomic_h5(path) as file:
        file["edges"] = merged.edges
        file["multiplicity"] = sums.multiplicity
        file["tables/ln_e2c"] = merged.ln_e2c
        file["tables/ln_ratio"] = merged.ln_ratio
        file["pairs"] = sums.pairs
        file["sets"] = sums.sets
        for row, order in enumerate(merged.settings.orders):
            file[f"enc/{order}/sum"] = sums.enc[row]
            file[f"enc/{order}/sum2"] = sums.enc_squares[row]
            file[f"enc/{order}/cross"] = sums.enc_cross[row]
        for name, (features, values) in merged.statistics.items():
            file[f"stats/{name}"] = np.array(values)
            file[f"stats/{name}"].attrs["features"] = json.dumps(features)
            file[f"stats/{name}"].attrs["columns"] = json.dumps(COLUMNS)
        file["contents"] = list(merged.contents)
        file.attrs.update(
            {
                "kind": KIND,
                "schema_version": SCHEMA_VERSION,
                "method": merged.method,
                "n_jets": sums.n_jets,
                "max_particles": merged.max_particles,
                "jet_types": json.dumps(list(merged.jet_types)),
                # the one scale of all four-momenta: the root mean square pT of a particle
                "momentum_scale": float(np.sqrt(pt.squares / pt.count)),
                "settings": str(merged.settings),
                "digest": _digest(merged.contents),
            }
        )


def _check_finite(path: str | os.PathLike[str], merged: MergedShards) -> None:
    """Statistics that are not finite are never written."""
    tables: dict[str, Any] = {"tables/ln_e2c": merged.ln_e2c, "tables/ln_ratio": merged.ln_ratio}
    tables |= {f"stats/{name}": values for name, (_, values) in merged.statistics.items()}
    for name, values in tables.items():
        if not np.isfinite(values).all():
            raise InputError(path, name, found="NaN or infinity", expected="finite statistics")
    if offence := merged.sums.offence():
        raise InputError(path, "sums", found=offence, expected="finite sums over jets")


def _digest(contents: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()


def continued(weights: Normalization, run: Normalization) -> Normalization:
    """The normalization of a model whose training goes on with other jets.

    Parameters
    ----------
    weights : Normalization
        Of the weights: scales and tables are kept, since the weights are of no use with others.
    run : Normalization
        Of the jets that it is trained on from now on, which decide the split.

    Returns
    -------
    Normalization
    """
    contents = weights.contents | run.contents
    return replace(
        weights,
        settings=weights.settings.replace(split=run.settings.split.to_dict()),
        contents=contents,
        digest=_digest(sorted(contents)),
    )


@guarded(reads=("weights",), writes=("path",))
def write_continued(
    path: str | os.PathLike[str], weights: str | os.PathLike[str], normalization: Normalization
) -> None:
    """Write what `continued` gives, atomically.

    Parameters
    ----------
    path : path-like
    weights : path-like
        The file of the weights' normalization.
    normalization : Normalization
    """
    with atomic_path(path) as temporary:
        shutil.copyfile(weights, temporary)
        with h5py.File(temporary, "r+") as file:
            del file["contents"]
            file["contents"] = sorted(normalization.contents)
            file.attrs["settings"] = str(normalization.settings)
            file.attrs["digest"] = normalization.digest


def read_normalization(path: str | os.PathLike[str]) -> Normalization:
    """Read a normalization file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Normalization

    Raises
    ------
    InputError
        If it is unreadable, is no normalization file, lacks an entry or holds NaN or infinity.
    """
    path = Path(path)
    with reading_h5(path) as entries:
        kind = entries.text("kind", "none")
        if kind != KIND:
            raise InputError(path, "attribute kind", found=repr(kind), expected=repr(KIND))
        method = entries.text("method")
        if method not in METHODS:
            entries.refuse("attribute method", repr(method), " or ".join(METHODS))
        settings = read_settings(entries)
        size, orders = settings.bins + 2, len(settings.hyperedges.orders)
        slots = entries.whole_number("max_particles", low=1)
        merged = Normalization(
            **{name: _scaler(entries, name, method) for name in GROUPS},
            momentum_scale=entries.number("momentum_scale"),
            ln_e2c=entries.finite("tables/ln_e2c", (size,)),
            ln_ratio=entries.finite("tables/ln_ratio", (orders, size)),
            multiplicity=entries.whole("multiplicity", (slots + 1,)),
            max_particles=slots,
            jet_types=tuple(entries.json("jet_types", list)),
            n_jets=entries.whole_number("n_jets", low=1),
            method=method,
            settings=settings,
            digest=entries.text("digest"),
            contents=frozenset(entries.dataset("contents", (None,), "[shards]", "O").texts()),
        )
        if merged.digest != _digest(sorted(merged.contents)):
            found, expected = repr(merged.digest), "that of the entry contents"
            entries.refuse("attribute digest", found, expected)
        if merged.momentum_scale <= 0:
            entries.refuse("attribute momentum_scale", f"{merged.momentum_scale}", "above 0 GeV")
        for jet_type in merged.jet_types:
            check_jet_type(jet_type, path)
        if merged.multiplicity.sum() != merged.n_jets:
            found = f"those of {merged.multiplicity.sum()} jets"
            entries.refuse("multiplicity", found, f"those of {merged.n_jets}, as n_jets says")
    return merged


def _scaler(entries: Entries, name: str, method: str) -> Scaler:
    """The scales of a group of features."""
    place = f"stats/{name}"
    features = entries.json("features", list, of=place)
    shape = (len(features), len(COLUMNS))
    return Scaler.of(tuple(features), entries.finite(place, shape), method)


def merged_correlators(
    entries: Entries,
) -> tuple[NDArray[np.float64], CorrelatorMeans, int]:
    """Mean correlators of the training jets of an open normalization file.

    Parameters
    ----------
    entries : Entries
        Of the file.

    Returns
    -------
    edges : [bins + 1]
    means : CorrelatorMeans
        With underflow (contact terms) and overflow.
    n_jets : int

    Raises
    ------
    InputError
        If an entry is missing or of the wrong size.
    """
    edges = read_edges(entries)
    size = (len(edges) + 1,)
    if "enc/2/sum" not in entries:
        entries.refuse("enc/2/sum", "no such dataset", "a normalization or correlator file")
    orders = sorted(int(name) for name in entries.group("enc").names() if name.isdecimal())
    sums = [
        np.stack([entries.finite(f"enc/{order}/{name}", size) for order in orders])
        for name in ("sum", "sum2", "cross")
    ]
    return means_of(edges, tuple(orders), sums, entries.whole_number("n_jets", low=1))

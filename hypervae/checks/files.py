"""Check a file of any kind that HyperVAE reads or writes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from hypervae.checks.jets import Spread, check_jet_file
from hypervae.data.graph_loading import holds_graphs
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.readers.registry import format_of
from hypervae.errors import InputError
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard import ShardReader
from hypervae.generation.files import MIXED, TypedReader
from hypervae.io.hdf5 import reading_h5


def check_file(path: str | os.PathLike[str], jet_type: str | None = None) -> list[str]:
    """Read all of a file, and describe it.

    Parameters
    ----------
    path : path-like
        A shard (or generated or JetNet file), a correlator file, a normalization, a list of PyG
        graphs, or a file that `hypervae import` reads.
    jet_type : str, optional
        The jet type that a shard must hold.

    Returns
    -------
    list of str
        One line for each thing found.

    Raises
    ------
    InputError
        On the first thing that is wrong.
    """
    path = Path(path)
    name = format_of(path)
    if name is not None:
        return check_jet_file(path, name, jet_type)
    if holds_graphs(path):
        from hypervae.checks.graphs import check_graphs

        return check_graphs(path)
    with reading_h5(path) as file:
        kind = file.attrs.get("kind", "shard")
    checks = {
        "shard": lambda: _shard(path, jet_type),
        "correlators": lambda: _correlators(path),
        "normalization": lambda: _normalization(path),
    }
    if kind not in checks:
        raise InputError(
            path, "attribute kind", found=repr(kind), expected="one of " + ", ".join(checks)
        )
    return checks[kind]()


def _shard(path: Path, jet_type: str | None) -> list[str]:
    with _reader(path, jet_type) as reader:
        spread = Spread()
        for jets in reader.chunks():
            spread.add(jets)
        source = reader.attributes.get("source", "unknown")
        lines = [f"shard of {spread.count} jets, type {_types(reader)}, source {source}"]
        lines += spread.lines(reader.max_particles)
        optional = [name for name in ("split", "event_id") if getattr(jets, name) is not None]
        lines.append(f"optional columns: {', '.join(optional) or 'none'}")
    return lines


def _reader(path: Path, jet_type: str | None) -> ShardReader:
    with reading_h5(path) as file:
        mixed = file.attrs.get("jet_type") == MIXED
    return (TypedReader if mixed else ShardReader)(path, jet_type)


def _types(reader: ShardReader) -> str:
    """The type of a shard, or how many jets of each it holds."""
    if isinstance(reader, TypedReader):
        numbers = np.bincount(reader.types(0, reader.n_jets), minlength=len(JET_TYPES))
        counts = {name: numbers[number] for name, number in JET_TYPES.items() if numbers[number]}
        return "mixed (" + ", ".join(f"{n} {name}" for name, n in counts.items()) + ")"
    return reader.jet_type or "not named"


def _correlators(path: Path) -> list[str]:
    with CorrelatorReader(path) as reader:
        last = len(reader.edges)
        for start in range(0, reader.n_jets, 10_000):
            pair_bins = reader.pair_bins(start, min(start + 10_000, reader.n_jets))
            if pair_bins.size and pair_bins.max() > last:
                raise InputError(
                    path, "pair_bins", found=f"bin {pair_bins.max()}", expected=f"at most {last}"
                )
        total = reader.sums("all")
        if total is None:
            raise InputError(path, "all", found="no such entry", expected="sums over all jets")
        lines = [f"correlators of {reader.n_jets} jets, type {reader.jet_type or 'not named'}"]
        orders, exponent = reader.settings.orders, reader.settings.exponent
        for order, enc in zip(orders, total.enc, strict=True):
            mean = enc.sum() / total.n_jets
            if not np.isfinite(enc).all() or (enc < -1e-9).any():
                raise InputError(
                    path, f"enc of order {order}", found=str(enc), expected="sums >= 0"
                )
            if exponent == 1 and abs(mean - 1) > 1e-6:
                raise InputError(
                    path, f"enc of order {order}", found=f"a total of {mean}", expected="1 per jet"
                )
            inside = enc[1:-1].sum() / total.n_jets
            lines.append(f"E{order}C: {mean:.6f} per jet, {inside:.4f} inside the range")
        training = reader.sums("train")
        lines.append(f"training jets: {training.n_jets if training else 0}")
    return lines


def _normalization(path: Path) -> list[str]:
    merged = read_normalization(path)
    lines = [
        f"normalization ({merged.method}) of {merged.n_jets} training jets in "
        f"{len(merged.contents)} shards, types {', '.join(merged.jet_types)}",
        f"momentum scale {merged.momentum_scale:.4g} GeV",
    ]
    for name in ("particle", "edge", "hyperedge", "jet"):
        scaler = getattr(merged, name)
        if not (np.isfinite(scaler.offset).all() and np.isfinite(scaler.scale).all()):
            raise InputError(
                path, f"stats/{name}", found=f"{scaler.offset}, {scaler.scale}", expected="numbers"
            )
        features = zip(scaler.names, scaler.offset, scaler.scale, strict=True)
        lines.append(f"{name}: " + ", ".join(f"{n} {o:.4g}/{s:.4g}" for n, o, s in features))
    return lines

"""Check a file of HDF5 of any kind that HyperVAE reads or writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hypervae.checks.jets import Spread
from hypervae.data.jet_types import JET_TYPES
from hypervae.enc.file import KIND as SPECTRUM
from hypervae.enc.file import RESOLVED_KIND, read_resolved, read_spectrum
from hypervae.errors import InputError
from hypervae.formats.correlators import KIND as CORRELATORS
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.evaluation import read_arrays
from hypervae.formats.normalization import KIND as NORMALIZATION
from hypervae.formats.normalization import read_normalization
from hypervae.formats.reconstruction import all_datasets, read_reconstruction, rows_by_type
from hypervae.formats.shard import GENERATED, ShardReader
from hypervae.generation.files import MIXED, TypedReader
from hypervae.io.hdf5 import reading_h5

# Pair bins that are looked at together.
_BINS_AT_ONCE = 10_000_000


def check_h5(path: Path, jet_type: str | None = None) -> list[str]:
    """Read all of a file of HDF5, and describe it; see `hypervae.checks.files.check_file`.

    Parameters
    ----------
    path : Path
    jet_type : str, optional

    Returns
    -------
    list of str
        The last line says what it can be used for.
    """
    with reading_h5(path) as entries:
        kind = entries.text("kind", "")
        if not kind and entries.has_attribute("results"):
            kind = "arrays"
        if not kind and entries.has_attribute("figures"):
            kind = "reconstruction"
        mixed = entries.has_attribute("jet_type") and entries.text("jet_type") == MIXED
    checks = {
        "": lambda: _shard(path, jet_type, mixed),
        "shard": lambda: _shard(path, jet_type, mixed),
        CORRELATORS: lambda: _correlators(path),
        NORMALIZATION: lambda: _normalization(path),
        SPECTRUM: lambda: _spectrum(path),
        RESOLVED_KIND: lambda: _resolved(path),
        "arrays": lambda: _arrays(path),
        "reconstruction": lambda: _reconstruction(path),
    }
    if kind not in checks:
        raise InputError(
            path,
            "attribute kind",
            found=repr(kind),
            expected="one of " + ", ".join(filter(None, checks)),
        )
    return checks[kind]()


_REAL_JETS = "correlators, train, evaluate --real, reconstruct, equivariance, enc"


def _shard(path: Path, jet_type: str | None, mixed: bool) -> list[str]:
    with (TypedReader if mixed else ShardReader)(path, jet_type) as reader:
        spread = Spread()
        for jets in reader.chunks():
            spread.add(jets)
        source = reader.attributes.get("source", "unknown")
        lines = [f"shard of {spread.count} jets, type {_types(reader)}, source {source}"]
        lines += spread.lines(reader.max_particles)
        optional = [name for name in ("split", "event_id") if getattr(jets, name) is not None]
        lines.append(f"optional columns: {', '.join(optional) or 'none'}")
        if reader.extra_names:
            lines.append(f"further columns of particles: {', '.join(reader.extra_names)}")
        generated = source == GENERATED
    use = "export, Jets.load"
    if not mixed:
        use = f"evaluate --generated, enc, {use}" if generated else f"import, {_REAL_JETS}, {use}"
    return [*lines, f"for {use}"]


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
        pairs = reader.max_particles * (reader.max_particles - 1) // 2
        size = max(1, _BINS_AT_ONCE // max(pairs, 1))
        for start in range(0, reader.n_jets, size):
            pair_bins = reader.pair_bins(start, start + size)
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
    return [*lines, "for normalize, train --correlators, plot correlators"]


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
    return [*lines, "for train --normalization, plot correlators"]


def _spectrum(path: Path) -> list[str]:
    found = read_spectrum(path)
    settings = found.settings
    orders = ", ".join(f"{order:g}" for order in settings.orders)
    return [
        f"energy correlators of {found.n_jets} jets in {settings.variable}, orders {orders}, "
        f"{settings.binning.bins} bins",
        "for enc --input, which merges it with others",
    ]


def _resolved(path: Path) -> list[str]:
    found = read_resolved(path)
    settings, shape = found.settings, found.settings.shape
    return [
        f"E{settings.projected.orders[0]:g}C of {found.n_jets} jets in "
        f"({', '.join(settings.of.names)}), {settings.projected.binning.bins} x {shape.ratios} x "
        f"{shape.angles} bins",
        "for enc --resolve --input, which merges it with others",
    ]


def _arrays(path: Path) -> list[str]:
    found = read_arrays(path)
    results = found.results
    counts = ", ".join(f"{len(sample)} {name}" for name, sample in found.samples.items())
    named = f" of model {results['model']}" if results.get("model") else ""
    return [
        f"arrays of an evaluation{named}, type {results['jet_type']}: {counts} jets, "
        f"{len(results['metrics'])} metrics",
        "for plot observables",
    ]


def _reconstruction(path: Path) -> list[str]:
    arrays, about = read_reconstruction(path, all_datasets())
    for name, values in arrays.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(path, name, found="NaN or infinity", expected="finite numbers")
    counts = ", ".join(
        f"{len(rows)} {name}" for name, rows in rows_by_type(arrays["jet_type"]).items()
    )
    return [
        f"reconstructed jets of model {about['model']}: {counts}, "
        f"{len(arrays['latent/kl'])} latent dimensions",
        "for plot latent, plot reconstruction",
    ]

"""The files of spectra and of resolved correlators.

Layout (HDF5): ``total`` [orders, columns] and ``products`` [orders columns, orders columns], sums
over jets as in `hypervae.enc.spectrum.Spectrum`; ``edges`` [bins + 1], ``orders`` [orders]; the
attributes ``kind`` ("energy correlator spectrum"), ``schema_version``, ``n_jets``, ``variable``,
``weight``, ``exponent``, ``particles``, ``select`` (absent: all), ``columns`` (what the columns
are) and ``versions`` (JSON).

That of a resolved correlator (kind "resolved energy correlator") is the same for its one order,
with ``total`` [bins + 2, numbers of a bin], and the attributes ``ratios``, ``angles`` and
``signed`` (0 or 1) of its shape (`hypervae.enc.triangles.Shape`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.binning import Binning
from hypervae.enc.resolved import Resolved, ResolvedSettings
from hypervae.enc.spectrum import Settings, Spectrum
from hypervae.enc.triangles import Shape
from hypervae.errors import ArgumentError, InputError
from hypervae.formats.edges import read_edges
from hypervae.io import atomic_h5, software_versions
from hypervae.io.entries import Entries
from hypervae.io.hdf5 import reading_h5

KIND, RESOLVED_KIND = "energy correlator spectrum", "resolved energy correlator"
SCHEMA_VERSION = 1
_COLUMNS = "R = 0; below the range; the bins; above the range"


def write_spectrum(path: str | os.PathLike[str], spectrum: Spectrum | Resolved) -> None:
    """Write a spectrum, or a resolved correlator; the file appears when it is complete.

    Parameters
    ----------
    path : path-like
    spectrum : Spectrum or Resolved
    """
    if isinstance(spectrum, Resolved):
        settings, of = spectrum.settings.projected, spectrum.settings.of
        attributes = {name: int(value) for name, value in spectrum.settings.shape._asdict().items()}
        columns = "; ".join([*of.apart, f"the cells, {of.names[1]} by {of.names[1]}"])
        kind = RESOLVED_KIND
    else:
        settings, attributes, columns, kind = spectrum.settings, {}, _COLUMNS, KIND
    with atomic_h5(path) as file:
        file.create_dataset("total", data=spectrum.total)
        file.create_dataset("products", data=spectrum.products, compression="gzip", shuffle=True)
        file.create_dataset("edges", data=settings.binning.edges)
        file.create_dataset("orders", data=np.asarray(settings.orders))
        file.attrs.update(
            {
                "kind": kind,
                "schema_version": SCHEMA_VERSION,
                "n_jets": spectrum.n_jets,
                "variable": settings.variable,
                "weight": settings.weight,
                "exponent": settings.exponent,
                "particles": settings.particles,
                "select": settings.select,
                "columns": columns,
                "versions": json.dumps(software_versions(("numpy", "numba")), sort_keys=True),
                **attributes,
            }
        )


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """Whether a file is one of a spectrum, or of a resolved correlator.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str or None
        `KIND`, `RESOLVED_KIND` or None.

    Raises
    ------
    InputError
        If it is no HDF5 file.
    """
    with reading_h5(path) as entries:
        kind = entries.text("kind", "")
    return kind if kind in (KIND, RESOLVED_KIND) else None


def is_spectrum(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of a spectrum.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool

    Raises
    ------
    InputError
        If it is no HDF5 file.
    """
    return kind_of(path) == KIND


def read_spectrum(path: str | os.PathLike[str]) -> Spectrum:
    """Read a spectrum.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Spectrum

    Raises
    ------
    InputError
        If an entry is missing, of the wrong size or type, or not finite.
    """
    with reading_h5(path) as entries:
        settings = _settings(path, entries, KIND)
        return Spectrum(settings, *_sums(entries, (len(settings.orders), settings.columns)))


def read_resolved(path: str | os.PathLike[str]) -> Resolved:
    """Read a resolved correlator.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Resolved

    Raises
    ------
    InputError
        As `read_spectrum`.
    """
    with reading_h5(path) as entries:
        projected = _settings(path, entries, RESOLVED_KIND)
        shape = Shape(
            entries.whole_number("ratios"),
            entries.whole_number("angles"),
            bool(entries.whole_number("signed")),
        )
        with _naming(path):
            settings = ResolvedSettings(projected, shape)
        return Resolved(settings, *_sums(entries, (projected.binning.size, settings.columns)))


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file whose settings are none."""
    try:
        yield
    except ArgumentError as error:
        raise InputError(
            path, error.argument, found=error.found, expected=error.expected
        ) from error


def _settings(path: str | os.PathLike[str], entries: Entries, wanted: str) -> Settings:
    kind, version = entries.text("kind", "none"), entries.whole_number("schema_version")
    if kind != wanted or version != SCHEMA_VERSION:
        raise InputError(
            path,
            "kind",
            found=f"{kind!r}, schema {version}",
            expected=f"{wanted!r}, schema {SCHEMA_VERSION}",
        )
    orders, edges = entries.finite("orders", (None,), "[orders]"), read_edges(entries)
    with _naming(path):
        return Settings(
            entries.text("variable"),
            tuple(orders.tolist()),
            Binning(len(edges) - 1, float(edges[0]), float(edges[-1])),
            entries.text("weight"),
            entries.number("exponent"),
            entries.whole_number("particles"),
            entries.text("select", ""),
        )


def _sums(
    entries: Entries, shape: tuple[int, int]
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Number of jets, sums and sums of products."""
    size = shape[0] * shape[1]
    return (
        entries.whole_number("n_jets", low=1),
        entries.finite("total", shape, f"{list(shape)}"),
        entries.finite("products", (size, size), f"[{size}, {size}]"),
    )

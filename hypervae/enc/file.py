"""The file of a spectrum.

Layout (HDF5): ``total`` [orders, columns] and ``products`` [orders columns, orders columns], sums
over jets as in `hypervae.enc.spectrum.Spectrum`; ``edges`` [bins + 1], ``orders`` [orders]; the
attributes ``kind`` ("energy correlator spectrum"), ``schema_version``, ``n_jets``, ``variable``,
``weight``, ``exponent``, ``particles``, ``columns`` (what the columns are) and ``versions`` (JSON).
"""

from __future__ import annotations

import json
import os

import numpy as np

from hypervae.correlators.binning import Binning
from hypervae.enc.spectrum import Settings, Spectrum
from hypervae.errors import ArgumentError, InputError
from hypervae.formats.edges import read_edges
from hypervae.io import atomic_h5, software_versions
from hypervae.io.hdf5 import reading_h5

KIND = "energy correlator spectrum"
SCHEMA_VERSION = 1
_COLUMNS = "R = 0; below the range; the bins; above the range"


def write_spectrum(path: str | os.PathLike[str], spectrum: Spectrum) -> None:
    """Write a spectrum; the file appears when it is complete.

    Parameters
    ----------
    path : path-like
    spectrum : Spectrum
    """
    settings = spectrum.settings
    with atomic_h5(path) as file:
        file.create_dataset("total", data=spectrum.total)
        file.create_dataset("products", data=spectrum.products, compression="gzip", shuffle=True)
        file.create_dataset("edges", data=settings.binning.edges)
        file.create_dataset("orders", data=np.asarray(settings.orders))
        file.attrs.update(
            {
                "kind": KIND,
                "schema_version": SCHEMA_VERSION,
                "n_jets": spectrum.n_jets,
                "variable": settings.variable,
                "weight": settings.weight,
                "exponent": settings.exponent,
                "particles": settings.particles,
                "columns": _COLUMNS,
                "versions": json.dumps(software_versions(("numpy", "numba")), sort_keys=True),
            }
        )


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
    with reading_h5(path) as entries:
        return entries.text("kind", "") == KIND


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
        kind, version = entries.text("kind", "none"), entries.whole_number("schema_version")
        if kind != KIND or version != SCHEMA_VERSION:
            raise InputError(
                path,
                "kind",
                found=f"{kind!r}, schema {version}",
                expected=f"{KIND!r}, schema {SCHEMA_VERSION}",
            )
        orders, edges = entries.finite("orders", (None,), "[orders]"), read_edges(entries)
        try:
            settings = Settings(
                entries.text("variable"),
                tuple(orders.tolist()),
                Binning(len(edges) - 1, float(edges[0]), float(edges[-1])),
                entries.text("weight"),
                entries.number("exponent"),
                entries.whole_number("particles"),
            )
        except ArgumentError as error:
            raise InputError(
                path, error.argument, found=error.found, expected=error.expected
            ) from error
        shape = (len(orders), settings.columns)
        size = shape[0] * shape[1]
        return Spectrum(
            settings,
            entries.whole_number("n_jets", low=1),
            entries.finite("total", shape, f"{list(shape)}"),
            entries.finite("products", (size, size), f"[{size}, {size}]"),
        )

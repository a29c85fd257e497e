"""The file of a spectrum.

Layout (HDF5): ``total`` [orders, columns] and ``products`` [orders columns, orders columns], sums
over jets as in `hypervae.enc.spectrum.Spectrum`; ``edges`` [bins + 1], ``orders`` [orders]; the
attributes ``kind`` ("energy correlator spectrum"), ``schema_version``, ``n_jets``, ``variable``,
``weight``, ``exponent``, ``particles``, ``columns`` (what the columns are) and ``versions`` (JSON).
"""

from __future__ import annotations

import json
import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.binning import Binning
from hypervae.enc.spectrum import Settings, Spectrum
from hypervae.errors import ArgumentError, InputError
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
    with reading_h5(path) as file:
        return str(file.attrs.get("kind", "")) == KIND


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
    with reading_h5(path) as file:
        kind = file.attrs.get("kind")
        if kind != KIND or file.attrs.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                path,
                "kind",
                found=f"{kind!r}, schema {file.attrs.get('schema_version')}",
                expected=f"{KIND!r}, schema {SCHEMA_VERSION}",
            )
        orders, edges = _numbers(path, file, "orders", 1), _numbers(path, file, "edges", 1)
        if len(edges) < 2 or not 0 < edges[0] < edges[-1]:
            raise InputError(path, "edges", found=str(edges)[:80], expected="rising, above 0")
        try:
            settings = Settings(
                _attribute(path, file, "variable", str),
                tuple(orders.tolist()),
                Binning(len(edges) - 1, float(edges[0]), float(edges[-1])),
                _attribute(path, file, "weight", str),
                _attribute(path, file, "exponent", float),
                _attribute(path, file, "particles", int),
            )
        except ArgumentError as error:
            raise InputError(
                path, error.argument, found=error.found, expected=error.expected
            ) from error
        found = Spectrum(
            settings,
            _attribute(path, file, "n_jets", int),
            _numbers(path, file, "total", 2),
            _numbers(path, file, "products", 2),
        )
    shape = (len(orders), settings.columns)
    size = shape[0] * shape[1]
    for name, values, wanted in (
        ("total", found.total, shape),
        ("products", found.products, (size, size)),
    ):
        if values.shape != wanted:
            raise InputError(
                path, name, found=f"shape {list(values.shape)}", expected=f"{list(wanted)}"
            )
    if found.n_jets < 1:
        raise InputError(path, "n_jets", found=str(found.n_jets), expected="at least 1")
    return found


def _numbers(
    path: str | os.PathLike[str], file: h5py.File, name: str, axes: int
) -> NDArray[np.float64]:
    entry = file.get(name)
    if not isinstance(entry, h5py.Dataset) or entry.dtype != np.float64 or entry.ndim != axes:
        found = "nothing" if entry is None else str(entry)
        raise InputError(path, name, found=found, expected=f"float64 numbers, {axes} axes")
    values: NDArray[np.float64] = entry[()]
    if not np.isfinite(values).all():
        raise InputError(path, name, found="NaN or infinity", expected="finite numbers")
    return values


def _attribute(path: str | os.PathLike[str], file: h5py.File, name: str, type_: type) -> Any:
    found = file.attrs.get(name)
    kinds = {str: (str,), int: (int, np.integer), float: (float, np.floating)}
    if not isinstance(found, kinds[type_]):
        raise InputError(path, name, found=repr(found), expected=f"a {type_.__name__}")
    return type_(found)

"""Held-out jets, their latent vectors and what the decoder makes of them.

Layout (HDF5), n jets, those of a type together: ``jet_type`` [n] uint8 (as `JET_TYPES` numbers
them); ``latent/mean``, ``width``, ``posterior``, ``prior`` [n, latent_dim] (see
`hypervae.reconstruction.reconstruct.Latent`); ``latent/kl`` [nats] and ``latent/active``
[latent_dim]; ``true/`` and ``reconstructed/`` with ``particle_features`` [n, P, 4],
``jet_features`` [n, 4] as in a shard and `QUANTITIES` [n]. Attributes: ``model``, ``seed``, and as
JSON ``versions`` and ``figures`` (see `hypervae.reconstruction.reconstruct.figures`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jet_types import JET_TYPES
from hypervae.io import atomic_h5, software_versions
from hypervae.io.entries import WITH_FLAGS
from hypervae.io.hdf5 import reading_h5
from hypervae.observables import drawn_in
from hypervae.observables.table import RECONSTRUCTION

#: A jet and its reconstruction.
SIDES = ("true", "reconstructed")
#: The observables of each, by the names of the table.
QUANTITIES = tuple(drawn_in(RECONSTRUCTION))
# The datasets without a row a jet.
_PER_DIMENSION = ("latent/kl", "latent/active")


def all_datasets() -> list[str]:
    """The datasets of a reconstruction, beside ``jet_type``.

    Returns
    -------
    list of str
    """
    latent = ("mean", "width", "posterior", "prior", "kl", "active")
    columns = ("particle_features", "jet_features", *QUANTITIES)
    return [f"latent/{name}" for name in latent] + [
        f"{side}/{name}" for side in SIDES for name in columns
    ]


def write_reconstruction(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    *,
    model: str,
    seed: int,
    figures: Mapping[str, Any],
) -> None:
    """Write a reconstruction, atomically.

    Parameters
    ----------
    path : path-like
    arrays : mapping of str to array
        By the names of the layout.
    model : str
        The model's name.
    seed : int
    figures : mapping
        How good the reconstruction is.
    """
    with atomic_h5(path) as file:
        file.attrs["model"], file.attrs["seed"] = model, seed
        versions = software_versions(("torch", "lgatr"))
        file.attrs["versions"] = json.dumps(versions, sort_keys=True)
        file.attrs["figures"] = json.dumps(figures, sort_keys=True)
        for name, values in arrays.items():
            file[name] = values


def read_reconstruction(
    path: str | os.PathLike[str], names: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read a reconstruction.

    Parameters
    ----------
    path : path-like
    names : sequence of str
        The datasets to read beside ``jet_type``.

    Returns
    -------
    arrays : dict of str to array
    about : dict
        The attributes ``model`` and ``figures``.

    Raises
    ------
    InputError
        If a dataset or an attribute is missing, datasets with a row a jet differ in length, or a
        jet type has no figures.
    """
    expected = "the file that hypervae reconstruct writes"
    with reading_h5(path) as entries:
        types = entries.whole("jet_type", (None,), "[jets]")
        if not np.isin(types, list(JET_TYPES.values())).all():
            entries.refuse("jet_type", f"{types.min()} to {types.max()}", f"numbers of {JET_TYPES}")
        arrays: dict[str, NDArray[Any]] = {"jet_type": types.astype(np.uint8)}
        lengths: dict[str, int] = {}
        for name in names:
            shape = _shape(name, len(types), lengths)
            words = ", ".join("any" if length is None else str(length) for length in shape)
            stored = entries.dataset(name, shape, f"[{words}]", WITH_FLAGS)
            arrays[name] = stored.rows()
            lengths.setdefault(_axis(name), stored.shape[1 if stored.shape[1:] else 0])
        figures = entries.json("figures", dict)
        for jet_type in rows_by_type(arrays["jet_type"]):
            if wrong := _wrong_figures(figures, jet_type):
                entries.refuse("attribute figures", f"{wrong} of {jet_type}", expected)
        return arrays, {"model": entries.text("model"), "figures": figures}


def _wrong_figures(figures: Mapping[str, Any], jet_type: str) -> str:
    """What is missing of a jet type's figures, or is no number; empty where nothing is."""
    found: Any = figures
    for part in ("types", jet_type):
        found = found.get(part) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return "no figures"
    correlation = found.get("correlation")
    if not isinstance(correlation, Mapping):
        return "no correlation"
    numbers = {name: found.get(name, "none") for name in ("w1_mass", "multiplicity_mae")}
    for name in QUANTITIES:
        value = correlation.get(name, "none")
        numbers[f"correlation.{name}"] = 0.0 if value is None else value  # of what does not vary
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{name}: {value!r:.60}"
    return ""


def _axis(name: str) -> str:
    """What the second axis of a dataset counts, or the only one of one without rows of jets."""
    if name.startswith("latent/"):
        return "dimensions"
    return "slots" if name.endswith("/particle_features") else ""


def _shape(name: str, rows: int, lengths: Mapping[str, int]) -> tuple[int | None, ...]:
    """What a dataset has to be shaped like."""
    length = lengths.get(_axis(name))
    if name in _PER_DIMENSION:
        return (length,)
    if name.startswith("latent/"):
        return (rows, length)
    if name.endswith("/particle_features"):
        return (rows, length, 4)
    return (rows, 4) if name.endswith("/jet_features") else (rows,)


def rows_by_type(jet_type: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
    """The rows of each jet type that is there.

    Parameters
    ----------
    jet_type : [n] uint8
        As `JET_TYPES` numbers them.

    Returns
    -------
    dict of str to [rows] int64
    """
    rows = {name: np.flatnonzero(jet_type == number) for name, number in JET_TYPES.items()}
    return {name: found for name, found in rows.items() if len(found)}

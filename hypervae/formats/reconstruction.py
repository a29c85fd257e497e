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
from hypervae.errors import InputError
from hypervae.io import atomic_h5, software_versions
from hypervae.io.hdf5 import reading_h5
from hypervae.observables import drawn_in
from hypervae.observables.table import RECONSTRUCTION

#: A jet and its reconstruction.
SIDES = ("true", "reconstructed")
#: The observables of each, by the names of the table.
QUANTITIES = tuple(drawn_in(RECONSTRUCTION))
# The datasets without a row a jet.
_PER_DIMENSION = ("latent/kl", "latent/active")


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
    with reading_h5(path) as file:
        for name in ("jet_type", *names):
            if name not in file:
                raise InputError(path, name, found="no such dataset", expected=expected)
        arrays = {name: file[name][()] for name in ("jet_type", *names)}
        try:
            about = {
                "model": str(file.attrs["model"]),
                "figures": json.loads(file.attrs["figures"]),
            }
            for jet_type in rows_by_type(arrays["jet_type"]):
                about["figures"]["types"][jet_type]
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(path, "attributes", found=str(error), expected=expected) from error
    rows = len(arrays["jet_type"])
    for name, values in arrays.items():
        if name not in _PER_DIMENSION and len(values) != rows:
            raise InputError(
                path, name, found=f"{len(values)} rows", expected=f"{rows}, as jet_type has"
            )
    return arrays, about


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

"""The files of a trained model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from hypervae.errors import InputError

WEIGHTS, CONFIG, NORMALIZATION = "weights.safetensors", "config.json", "normalization.h5"


class ModelFiles(NamedTuple):
    """The files of a trained model, which lie beside each other.

    Attributes
    ----------
    weights, config, normalization : Path
    """

    weights: Path
    config: Path
    normalization: Path


def paths_of(place: str | os.PathLike[str]) -> ModelFiles:
    """Where the files of a trained model are, or will be.

    Parameters
    ----------
    place : path-like
        Its folder, or its weights (a safetensors file of any name).

    Returns
    -------
    ModelFiles
    """
    weights = Path(place)
    if weights.suffix != ".safetensors":
        weights = weights / WEIGHTS
    return ModelFiles(weights, weights.with_name(CONFIG), weights.with_name(NORMALIZATION))


def files_of(place: str | os.PathLike[str]) -> ModelFiles:
    """The files of a trained model.

    Parameters
    ----------
    place : path-like
        Its folder, or its weights (a safetensors file of any name).

    Returns
    -------
    ModelFiles

    Raises
    ------
    InputError
        If one is missing.
    """
    files = paths_of(place)
    for path in (files.config, files.normalization, files.weights):
        if not path.is_file():
            raise InputError(path, "model", found="no such file", expected="a trained model")
    return files

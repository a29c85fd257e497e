"""Take a trained model as it is for a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from hypervae.errors import InputError
from hypervae.formats.normalization import read_normalization
from hypervae.io import atomic_path
from hypervae.io.guarded import guarded
from hypervae.model.files import CONFIG, NORMALIZATION, WEIGHTS, files_of, paths_of
from hypervae.model.hypervae import HyperVAE
from hypervae.normalization.continuation import check_particles


@guarded(reads=(("place", paths_of), "normalization"), writes=(("output_dir", paths_of),))
def adopt_model(
    place: str | os.PathLike[str],
    normalization: str | os.PathLike[str],
    jet_types: Sequence[str],
    output_dir: str | os.PathLike[str],
) -> HyperVAE:
    """Copy the files of a trained model, once it is seen to fit the jets of a run.

    Parameters
    ----------
    place : path-like
        See `hypervae.model.files.files_of`.
    normalization : path-like
        Merged from the correlator files of the run. The model keeps its own.
    jet_types : sequence of str
        That it must know, and no others.
    output_dir : path-like
        Gets the files under their usual names.

    Returns
    -------
    HyperVAE

    Raises
    ------
    InputError
        As `HyperVAE.load`, and if the model does not fit.
    """
    files = files_of(place)
    model = HyperVAE.load(place)
    if sorted(model.jet_types) != sorted(jet_types):
        raise InputError(
            files.config,
            "jet_types",
            found=", ".join(model.jet_types),
            expected=f"{', '.join(jet_types)}, as models.{Path(output_dir).name}.jet_types has",
        )
    check_particles(model.normalization, read_normalization(normalization), files.normalization)
    for source, name in zip(files, (WEIGHTS, CONFIG, NORMALIZATION), strict=True):
        with atomic_path(Path(output_dir) / name) as temporary:
            shutil.copyfile(source, temporary)
    return model

"""The stage `hypervae reconstruct`: a trained model and held-out jets to one file.

Its layout stands in `hypervae.formats.reconstruction`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hypervae.config import ReconstructionConfig
from hypervae.data.held_out import read_held_out
from hypervae.formats.reconstruction import SIDES, write_reconstruction
from hypervae.io.guarded import guarded
from hypervae.model import HyperVAE
from hypervae.model.files import paths_of
from hypervae.reconstruction.reconstruct import (
    Reconstruction,
    figures,
    quantities,
    reconstruct,
)

# A correlation needs two.
FEWEST_JETS = 2


@guarded(reads=(("model_dir", paths_of), "shards"), writes=("output",))
def reconstruct_jets(
    model_dir: str | os.PathLike[str],
    shards: Sequence[str | os.PathLike[str]],
    config: ReconstructionConfig,
    output: str | os.PathLike[str],
) -> dict[str, Any]:
    """Encode and decode held-out jets of each type of a model.

    Parameters
    ----------
    model_dir : path-like
    shards : sequence of path-like
        All splits; the jets that the model's own split calls test are taken.
    config : ReconstructionConfig
    output : path-like
        The file, written atomically.

    Returns
    -------
    dict
        As `hypervae.reconstruction.reconstruct.figures`.

    Raises
    ------
    InputError
        As `HyperVAE.load`; if a shard's type is not known to the model, or a type of the model has
        fewer than two test jets.
    HyperVAEError
        As `reconstruct`.
    """
    model = HyperVAE.load(model_dir)
    normalization = model.normalization
    jets = read_held_out(
        shards,
        model.jet_types,
        normalization.settings.split,
        jets=config.jets,
        max_particles=normalization.max_particles,
        fewest=FEWEST_JETS,
    )
    found = reconstruct(model, jets, config.seed)
    numbers = figures(found)
    write_reconstruction(
        output,
        arrays_of(found),
        model=Path(model_dir).resolve().name,
        seed=config.seed,
        figures=numbers,
    )
    return numbers


def arrays_of(found: Reconstruction) -> dict[str, NDArray[Any]]:
    """The arrays of a reconstruction, by the names of `hypervae.formats.reconstruction`.

    Parameters
    ----------
    found : Reconstruction

    Returns
    -------
    dict of str to array
    """
    latent = found.latent
    arrays: dict[str, NDArray[Any]] = {"jet_type": found.jet_type}
    arrays |= {f"latent/{field.name}": getattr(latent, field.name) for field in fields(latent)}
    arrays |= {"latent/kl": latent.kl(), "latent/active": latent.active()}
    for side, jets in zip(SIDES, (found.true, found.reconstructed), strict=True):
        arrays[f"{side}/particle_features"] = jets.particle_features
        arrays[f"{side}/jet_features"] = jets.jet_features
        arrays |= {f"{side}/{name}": values for name, values in quantities(jets).items()}
    return arrays

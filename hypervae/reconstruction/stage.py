"""The stage `hypervae reconstruct`: a trained model and held-out jets to one file.

Layout (HDF5), n jets, those of a type together: ``jet_type`` [n] uint8 (as `JET_TYPES` numbers
them); ``latent/mean``, ``width``, ``posterior``, ``prior`` [n, latent_dim] (see `Latent`);
``latent/kl`` and ``active`` [latent_dim]; ``true/`` and ``reconstructed/`` with
``particle_features`` [n, P, 4], ``jet_features`` [n, 4] as in a shard and ``mass``, ``pt`` [GeV],
``multiplicity`` [n] (see `Quantities`). Attributes: ``model``, ``seed``, and as JSON ``versions``
and ``figures`` (see `hypervae.reconstruction.reconstruct.figures`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from hypervae.data.held_out import read_held_out
from hypervae.io import atomic_h5, software_versions
from hypervae.model import HyperVAE
from hypervae.reconstruction.reconstruct import Quantities, Reconstruction, figures, reconstruct

# A correlation needs two.
FEWEST_JETS = 2


def reconstruct_jets(
    model_dir: str | os.PathLike[str],
    shards: Sequence[str | os.PathLike[str]],
    config: Mapping[str, Any],
    output: str | os.PathLike[str],
) -> dict[str, Any]:
    """Encode and decode held-out jets of each type of a model.

    Parameters
    ----------
    model_dir : path-like
    shards : sequence of path-like
        All splits; the jets that the model's own split calls test are taken.
    config : mapping
        The section ``reconstruction``: jets (of each type), seed.
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
        normalization.settings["split"],
        jets=config["jets"],
        max_particles=normalization.max_particles,
        fewest=FEWEST_JETS,
    )
    found = reconstruct(model, jets, config["seed"])
    numbers = figures(found)
    attributes = {
        "model": Path(model_dir).resolve().name,
        "seed": config["seed"],
        "versions": json.dumps(software_versions(("torch", "lgatr")), sort_keys=True),
        "figures": json.dumps(numbers, sort_keys=True),
    }
    write_reconstruction(output, found, attributes)
    return numbers


def write_reconstruction(
    path: str | os.PathLike[str], found: Reconstruction, attributes: Mapping[str, Any]
) -> None:
    """Write a reconstruction, atomically."""
    latent = found.latent
    with atomic_h5(path) as file:
        file.attrs.update(attributes)
        file["jet_type"] = found.jet_type
        for field in fields(latent):
            file[f"latent/{field.name}"] = getattr(latent, field.name)
        file["latent/kl"], file["latent/active"] = latent.kl(), latent.active()
        for name, jets in (("true", found.true), ("reconstructed", found.reconstructed)):
            file[f"{name}/particle_features"] = jets.particle_features
            file[f"{name}/jet_features"] = jets.jet_features
            quantities = Quantities.of(jets)
            for field in fields(quantities):
                file[f"{name}/{field.name}"] = getattr(quantities, field.name)

"""The stage `hypervae equivariance`: a trained model and held-out jets to figures and a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hypervae.config import EquivarianceConfig
from hypervae.data.held_out import read_held_out
from hypervae.data.jets import Jets, concatenate
from hypervae.equivariance.deviation import BOUNDS, SMALLEST_SPREAD
from hypervae.equivariance.model import measure_model
from hypervae.formats.equivariance import FIGURES, write_equivariance, write_table
from hypervae.io.guarded import guarded
from hypervae.model.files import paths_of
from hypervae.model.hypervae import HyperVAE

# A spread between jets needs more than one.
FEWEST_JETS = 2


def bound_of(name: str) -> float | None:
    """The bound of a figure: from above, but for the spread.

    Parameters
    ----------
    name : str
        Of the figure.

    Returns
    -------
    float, optional
        None where it has no bound.
    """
    if name == "spread":
        return SMALLEST_SPREAD
    if name == "encoder_general":
        return None
    return BOUNDS[torch.float32 if name.endswith("fp32") else torch.float64]


@guarded(reads=("shards",))
def held_out_jets(
    model: HyperVAE, shards: Sequence[str | os.PathLike[str]], jets: int
) -> tuple[Jets, NDArray[np.int64]]:
    """The first test jets of shards, equally many of each of the model's types where there are.

    Parameters
    ----------
    model : HyperVAE
    shards : sequence of path-like
    jets : int
        Of all types together, at least.

    Returns
    -------
    jets : Jets
    jet_type : [n] int64
        Indices among the model's types.

    Raises
    ------
    InputError
        If a shard's type is not known to the model, or a type has fewer than two test jets.
    """
    found = read_held_out(
        shards,
        model.jet_types,
        model.normalization.settings.split,
        jets=max(-(-jets // len(model.jet_types)), FEWEST_JETS),
        max_particles=model.normalization.max_particles,
        fewest=FEWEST_JETS,
    )
    types = np.repeat(np.arange(len(found)), [len(some) for some in found.values()])
    return concatenate(list(found.values())), types


@guarded(reads=(("model_dir", paths_of), "shards"), writes=("output", "output_table"))
def measure_equivariance(
    model_dir: str | os.PathLike[str],
    shards: Sequence[str | os.PathLike[str]],
    config: EquivarianceConfig,
    output: str | os.PathLike[str],
    output_table: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Measure the equivariance of a trained model on held-out jets.

    Parameters
    ----------
    model_dir : path-like
    shards : sequence of path-like
        All splits; the jets that the model's own split calls test are taken.
    config : EquivarianceConfig
    output : path-like
        Figures, broken bounds and settings (JSON).
    output_table : path-like, optional
        The same as an HTML table.

    Returns
    -------
    dict
        The content of the JSON file.

    Raises
    ------
    InputError
        As `HyperVAE.load` and `held_out_jets`.
    """
    model = HyperVAE.load(model_dir)
    jets, jet_type = held_out_jets(model, shards, config.jets)
    figures, broken_bounds = measure_model(
        model, jets, jet_type, transformations=config.transformations, seed=config.seed
    )
    results = {
        "model": Path(model_dir).resolve().name,
        "figures": figures,
        "bounds": {key: bound_of(key) for key in FIGURES if bound_of(key) is not None},
        "broken_bounds": broken_bounds,
        "jets": len(jets),
        "transformations": config.transformations,
        "seed": config.seed,
    }
    write_equivariance(output, results)
    if output_table is not None:
        write_table(output_table, results)
    return results

"""The stage `hypervae equivariance`: a trained model and held-out jets to figures and a table."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
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
from hypervae.io import write_json, write_text
from hypervae.model.hypervae import HyperVAE

# A spread between jets needs more than one.
FEWEST_JETS = 2

_ROWS = {
    "particle_fp32": "particle branch, references transformed along; whole group, float32",
    "particle_fp64": "the same in float64",
    "encoder_residual_fp32": "whole encoder, features recomputed; {group}, float32",
    "encoder_residual_fp64": "the same in float64",
    "encoder_general": "whole encoder, features recomputed; boosts in any direction",
    "decoder_fp64": "decoded momenta, references transformed along; whole group, float64",
    "spread": "spread of the encoder's outputs between jets, over their size",
}


def bound_of(name: str) -> float | None:
    """The bound of a figure: from above, but for the spread."""
    if name == "spread":
        return SMALLEST_SPREAD
    if name == "encoder_general":
        return None
    return BOUNDS[torch.float32 if name.endswith("fp32") else torch.float64]


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
        model.normalization.settings["split"],
        jets=max(-(-jets // len(model.jet_types)), FEWEST_JETS),
        max_particles=model.normalization.max_particles,
        fewest=FEWEST_JETS,
    )
    types = np.repeat(np.arange(len(found)), [len(some) for some in found.values()])
    return concatenate(list(found.values())), types


def table(results: Mapping[str, Any]) -> str:
    """The figures as an HTML page, for the report."""
    figures = results["figures"]
    group = figures["residual_group"]
    rows = []
    for name, text in _ROWS.items():
        value, bound = figures[name], bound_of(name)
        shown = "not measured" if value is None else f"{value:.2g}"
        limit = "" if bound is None else f"{'≥' if name == 'spread' else '≤'} {bound:g}"
        cells = (name, text.format(group=group), shown, limit)
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    notes = [html.escape(line) for line in results["complaints"]] or ["All bounds are met."]
    title = html.escape(f"Equivariance of model {results['model']}, measured")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        "<style>body{font-family:sans-serif}td,th{padding:.3em .8em;text-align:left;"
        "border-bottom:1px solid #ccc}</style></head>\n"
        f"<body><h3>{title}</h3>\n<table>\n"
        "<tr><th>figure</th><th>what</th><th>value</th><th>bound</th></tr>\n"
        + "\n".join(rows)
        + f"\n</table>\n<p>{results['jets']} held-out jets, {results['transformations']} "
        "transformations of each group, the largest deviation.</p>\n"
        + "".join(f"<p>{note}</p>\n" for note in notes)
        + "</body></html>\n"
    )


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
    figures, complaints = measure_model(
        model, jets, jet_type, transformations=config.transformations, seed=config.seed
    )
    results = {
        "model": Path(model_dir).resolve().name,
        "figures": figures,
        "bounds": {key: bound_of(key) for key in _ROWS if bound_of(key) is not None},
        "complaints": complaints,
        "jets": len(jets),
        "transformations": config.transformations,
        "seed": config.seed,
    }
    write_json(output, results)
    if output_table is not None:
        write_text(output_table, table(results))
    return results

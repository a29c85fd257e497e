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

from hypervae.data.jets import Jets, concatenate
from hypervae.data.shard import ShardReader
from hypervae.data.slots import fit_slots
from hypervae.data.split import TEST, split_of
from hypervae.errors import InputError
from hypervae.io import write_json, write_text
from hypervae.model.hypervae import HyperVAE
from hypervae.validation.equivariance import BOUNDS, SMALLEST_SPREAD
from hypervae.validation.model import measure_model

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

    Returns
    -------
    jets : Jets
    jet_type : [n] int64
        Indices among the model's types.

    Raises
    ------
    InputError
        If a shard's type is not known to the model, or there are fewer than two jets.
    """
    split = model.normalization.settings["split"]
    wanted = -(-jets // len(model.jet_types))
    found: dict[str, list[Jets]] = {jet_type: [] for jet_type in model.jet_types}
    for shard in shards:
        only = model.jet_types[0] if len(model.jet_types) == 1 else None
        with ShardReader(shard, only) as reader:
            if reader.jet_type not in found:
                raise InputError(
                    shard,
                    "jet_type",
                    found=repr(reader.jet_type),
                    expected="one of " + ", ".join(model.jet_types),
                )
            parts = found[reader.jet_type]
            first_row = 0
            for chunk in reader.chunks():
                missing = wanted - sum(map(len, parts))
                if missing <= 0:
                    break
                test = split_of(chunk, **split, first_row=first_row) == TEST
                first_row += len(chunk)
                chosen = chunk[np.flatnonzero(test)[:missing]]
                parts.append(fit_slots(chosen, model.normalization.max_particles))
    types = np.repeat(np.arange(len(found)), [sum(map(len, parts)) for parts in found.values()])
    if len(types) < FEWEST_JETS:
        place = "no shards" if not shards else f"{shards[0]} and {len(shards) - 1} more"
        raise InputError(
            place, "test jets", found=f"{len(types)}", expected=f"at least {FEWEST_JETS}"
        )
    return concatenate([part for parts in found.values() for part in parts]), types


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
    config: Mapping[str, Any],
    output: str | os.PathLike[str],
    output_table: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Measure the equivariance of a trained model on held-out jets.

    Parameters
    ----------
    model_dir : path-like
    shards : sequence of path-like
        All splits; the jets that the model's own split calls test are taken.
    config : mapping
        The section ``equivariance``: jets, transformations, seed.
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
    jets, jet_type = held_out_jets(model, shards, config["jets"])
    figures, complaints = measure_model(
        model, jets, jet_type, transformations=config["transformations"], seed=config["seed"]
    )
    results = {
        "model": Path(model_dir).name,
        "figures": figures,
        "bounds": {key: bound_of(key) for key in _ROWS if bound_of(key) is not None},
        "complaints": complaints,
        "jets": len(jets),
        "transformations": config["transformations"],
        "seed": config["seed"],
    }
    write_json(output, results)
    if output_table is not None:
        write_text(output_table, table(results))
    return results

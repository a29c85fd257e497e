"""``hypervae adopt``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import INPUT_FILE, MODEL, MODEL_OUTPUT, Command, words, wrote


@click.command(
    "adopt",
    cls=Command,
    example="hypervae adopt --model old/t --normalization n.h5 --jet-types t --output-dir model",
)
@click.option(
    "--model",
    type=MODEL,
    required=True,
    help="A trained model's folder, or its weights (safetensors).",
)
@click.option("--normalization", type=INPUT_FILE, required=True, help="Of the jets of this run.")
@click.option("--jet-types", required=True, help="The types that it must know, e.g. q,g,t.")
@click.option("--output-dir", type=MODEL_OUTPUT, required=True, help="Gets the model.")
def command(model: Path, normalization: Path, jet_types: str, output_dir: Path) -> None:
    """Take a trained model as it is, once it is seen to fit the jets of a run."""
    from hypervae.model.adoption import adopt_model

    adopt_model(model, normalization, words("--jet-types", jet_types) or [], output_dir)
    wrote(output_dir)

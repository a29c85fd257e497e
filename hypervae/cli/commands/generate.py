"""``hypervae generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hypervae.cli.options import DIRECTORY, OUTPUT_FILE, section_options


@click.command("generate")
@click.option("--model", type=DIRECTORY, required=True, help="Folder of a trained model.")
@click.option("--output", type=OUTPUT_FILE, required=True, help="Shard to write (HDF5).")
@click.option("--jet-type", help="Jet type, where the model knows several.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [all]")
@section_options("generate")
def command(
    model: Path, output: Path, jet_type: str | None, threads: int | None, config: dict[str, Any]
) -> None:
    """Generate jets in physical units, in the layout of a shard."""
    import torch

    from hypervae.generation.generate import generate_jets

    if threads:
        torch.set_num_threads(threads)
    generate_jets(model, output, config, jet_type=jet_type)

"""``hypervae normalize``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import INPUT_FILE, OUTPUT_FILE, section_options
from hypervae.config import NormalizationConfig


@click.command("normalize")
@click.option("--inputs", type=INPUT_FILE, required=True, help="List of correlator files.")
@click.option("--output", type=OUTPUT_FILE, required=True, help="Normalization to write (HDF5).")
@section_options("normalize")
def command(inputs: Path, output: Path, config: NormalizationConfig) -> None:
    """Merge correlator files into the tables and feature scales of a model."""
    from hypervae.io import read_list
    from hypervae.normalization.merge import merge_normalization

    merge_normalization(read_list(inputs), output, config)

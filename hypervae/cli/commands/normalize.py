"""``hypervae normalize``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import CORRELATORS, FILE_LIST, HDF5, Command, wrote
from hypervae.config import NormalizationConfig


@click.command(
    "normalize",
    cls=Command,
    example="hypervae normalize --correlators correlators.h5 --output normalization.h5",
    renamed={"--inputs": "--correlators"},
)
@click.option("--correlators", type=FILE_LIST, required=True, help=CORRELATORS)
@click.option("--output", type=HDF5, required=True, help="Normalization to write (HDF5).")
@section_options("normalize")
def command(correlators: Path, output: Path, config: NormalizationConfig) -> None:
    """Merge correlator files into the tables and feature scales of a model."""
    from hypervae.io import read_list
    from hypervae.normalization.merge import merge_normalization

    merge_normalization(read_list(correlators), output, config)
    wrote(output)

"""``hypervae download``: one JetNet file, downloaded or pre-staged, checked."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import HDF5, Command
from hypervae.config import JetNetConfig
from hypervae.data.jet_types import JET_TYPES


@click.command(
    "download",
    cls=Command,
    example="hypervae download --jet-type t --output t.hdf5",
)
@click.option("--jet-type", type=click.Choice(list(JET_TYPES)), required=True, help="Jet type.")
@click.option("--output", type=HDF5, required=True, help="File to write (HDF5).")
@section_options("download")
def command(jet_type: str, output: Path, config: JetNetConfig) -> None:
    """Download one JetNet file from Zenodo, or take a pre-staged one, and check it.

    A broken download goes on where it broke, also in a later run. What could not be checked is
    said.
    """
    from hypervae.data.jetnet import get_file

    click.echo(get_file(output, jet_type, config))

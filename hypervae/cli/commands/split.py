"""``hypervae split``: one shard of a JetNet file."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import HDF5, INPUT_FILE, Command
from hypervae.data.jet_types import JET_TYPES


@click.command(
    "split",
    cls=Command,
    example="hypervae split --input t.hdf5 --jet-type t --shard-index 0 --shard-count 9 "
    "--output t.h5",
    renamed={"--shard": "--shard-index", "--shards": "--shard-count"},
)
@click.option("--input", "source", type=INPUT_FILE, required=True, help="JetNet file (HDF5).")
@click.option("--jet-type", type=click.Choice(list(JET_TYPES)), required=True, help="Jet type.")
@click.option(
    "--shard-index", "shard", type=click.IntRange(min=0), required=True, help="Index of the shard."
)
@click.option(
    "--shard-count", "shards", type=click.IntRange(min=1), required=True, help="Number of shards."
)
@click.option(
    "--max-particles",
    type=click.IntRange(2, 255),
    default=30,
    show_default=True,
    help="Particle slots of a jet; the hardest are kept.",
)
@click.option("--output", type=HDF5, required=True, help="Shard to write (HDF5).")
def command(
    source: Path, jet_type: str, shard: int, shards: int, max_particles: int, output: Path
) -> None:
    """Cut one shard out of a JetNet file; the shards together hold every jet once."""
    from hypervae.data.jetnet_split import split_file

    jets = split_file(source, output, jet_type, shard, shards, max_particles)
    click.echo(f"{output}: {jets} {jet_type} jets")

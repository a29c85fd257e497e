"""``hypervae import``: the user's own HDF5 or PyG graphs as a shard."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import INPUT_FILE, OUTPUT_FILE
from hypervae.data.jets import JET_TYPES


@click.command("import")
@click.argument("source", metavar="INPUT", type=INPUT_FILE)
@click.option("--jet-type", type=click.Choice(list(JET_TYPES)), required=True, help="Jet type.")
@click.option(
    "--max-particles",
    type=click.IntRange(2, 255),
    default=30,
    show_default=True,
    help="Particle slots of a jet; the hardest are kept.",
)
@click.option("--output", type=OUTPUT_FILE, required=True, help="Shard to write (HDF5).")
def command(source: Path, jet_type: str, max_particles: int, output: Path) -> None:
    """Turn INPUT, HDF5 in the shard layout or PyG graphs (.pt), into a checked shard.

    Of PyG graphs, x = (E, px, py, pz) and y = (type, ln pt, eta, ln mass) are read, and the
    normalization that they were saved with is undone.
    """
    from hypervae.data.importing import import_shard

    done = import_shard(source, output, jet_type, max_particles)
    click.echo("; ".join([f"{output}: {done.jets} {jet_type} jets", *done.notes]))

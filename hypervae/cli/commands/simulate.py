"""``hypervae simulate``: one shard of jets from Pythia 8 and FastJet."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import HDF5, Command
from hypervae.config import SimulationConfig
from hypervae.data.jet_types import JET_TYPES


@click.command(
    "simulate",
    cls=Command,
    example="hypervae simulate --jet-type t --jets 10000 --output tops.h5",
    renamed={"--shard": "--shard-index"},
)
@click.option("--jet-type", type=click.Choice(list(JET_TYPES)), required=True, help="Jet type.")
@click.option(
    "--shard-index",
    "shard",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Index of the shard; each has its own random stream.",
)
@click.option(
    "--jets", type=click.IntRange(min=1), default=1000, show_default=True, help="Jets to simulate."
)
@click.option(
    "--max-particles",
    type=click.IntRange(2, 255),
    default=30,
    show_default=True,
    help="Particle slots of a jet; the hardest are kept.",
)
@click.option("--output", type=HDF5, required=True, help="Shard to write (HDF5).")
@section_options("simulate")
def command(
    jet_type: str, shard: int, jets: int, max_particles: int, output: Path, config: SimulationConfig
) -> None:
    """Simulate one shard of jets: the leading anti-kT jet of each event.

    The defaults reproduce JetNet's gluon (g), light-quark (q), top (t), W (w) and Z (z) jets near
    1 TeV. The same arguments give the same file, byte for byte.
    """
    from hypervae.data.simulate import simulate_shard

    simulate_shard(output, jet_type, shard, jets, max_particles, config)
    click.echo(f"{output}: {jets} {jet_type} jets")

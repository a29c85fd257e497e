"""``hypervae import``: the user's own file of jets as a shard."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import HDF5, Command, one_input
from hypervae.data.columns import ANGLES, UNITS
from hypervae.data.jet_types import JET_TYPES


@click.command(
    "import",
    cls=Command,
    example="hypervae import --input my_jets.h5 --jet-type t --output tops.h5",
)
@one_input(
    "Your file: HDF5 in the shard layout, PyG graphs (.pt), parquet, EnergyFlow (.npz) or JetClass "
    "(.root)."
)
@click.option("--jet-type", type=click.Choice(list(JET_TYPES)), required=True, help="Jet type.")
@click.option(
    "--max-particles",
    type=click.IntRange(2, 255),
    default=30,
    show_default=True,
    help="Particle slots of a jet; the hardest are kept.",
)
@click.option(
    "--layout",
    metavar="NAME,NAME,...",
    default="",
    help="What the columns of particles are, out of E px py pz pt eta phi m etarel phirel ptrel "
    "mask and _ (not used), e.g. pt,eta,phi,m.  [HDF5: etarel,phirel,ptrel,mask; graphs: "
    "E,px,py,pz; parquet: what there is]",
)
@click.option(
    "--units",
    type=click.Choice(list(UNITS)),
    default="GeV",
    show_default=True,
    help="Of momenta, energies and masses, those of jets too.",
)
@click.option(
    "--angles",
    type=click.Choice(ANGLES),
    default="radians",
    show_default=True,
    help="Of phi and phirel.",
)
@click.option(
    "--extra",
    metavar="NAME,NAME,...",
    default="",
    help="Further columns of particles that are kept, e.g. charge,isElectron, for correlators of "
    "tracks or of charges: in HDF5 those of particle_extra or of --layout, in JetClass and parquet "
    "the branch or list of this name, part_ before it or not.  [charge, and all of particle_extra, "
    "where the file has them]",
)
@click.option(
    "--jet-class",
    metavar="NAME",
    default="",
    help="Class of the file's jets that is read as this jet type, e.g. label_QCD.  [EnergyFlow: "
    "gluon as g, quark as q; JetClass: label_Tbqq as t, label_Wqq as w, label_Zqq as z]",
)
@click.option("--output", type=HDF5, required=True, help="Shard to write (HDF5).")
def command(
    source: Path,
    jet_type: str,
    max_particles: int,
    layout: str,
    units: str,
    angles: str,
    extra: str,
    jet_class: str,
    output: Path,
) -> None:
    """Turn INPUT, a file of jets, into a checked shard.

    Of PyG graphs, x = (E, px, py, pz) and y = (type, ln pt, eta, ln mass) are read, and the
    normalization that they were saved with is undone. What is read of other formats stands in
    docs/data.md. Jets in other units or another layout are
    refused, with what they look like; --layout, --units and --angles convert them.
    """
    from hypervae.data.importing import import_shard
    from hypervae.data.layouts import Layout

    columns = Layout.of(layout, units, angles, extra)
    done = import_shard(source, output, jet_type, max_particles, columns, jet_class)
    click.echo("; ".join([f"{output}: {done.jets} {jet_type} jets", *done.notes]))

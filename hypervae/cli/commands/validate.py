"""``hypervae validate``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import INPUT_FILE, Command


@click.command(
    "validate",
    cls=Command,
    example="hypervae validate tops.h5 correlators.h5",
)
@click.argument("files", nargs=-1, required=True, type=INPUT_FILE)
@click.option("--jet-type", help="The jet type that shards must hold.")
def command(files: tuple[Path, ...], jet_type: str | None) -> None:
    """Check shards, correlator files, normalizations or graphs, and say what is in them."""
    from hypervae.checks.files import check_file

    for file in files:
        lines = check_file(file, jet_type)
        click.echo(f"{file}: valid " + "\n  ".join(lines))

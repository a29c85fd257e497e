"""``hypervae export``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import INPUT_FILE, OUTPUT_FILE


@click.command("export")
@click.argument("shard", type=INPUT_FILE)
@click.option("--output", type=OUTPUT_FILE, required=True, help="PyG graphs to write (.pt).")
@click.option("--jet-type", help="Type of the jets, for shards that do not name it.")
def command(shard: Path, output: Path, jet_type: str | None) -> None:
    """Export a shard or generated jets to PyG graphs."""
    from hypervae.data.exporting import export_graphs

    click.echo(f"{output}: {export_graphs(shard, output, jet_type)} graphs")

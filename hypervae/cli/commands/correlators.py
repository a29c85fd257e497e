"""``hypervae correlators``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hypervae.cli.options import INPUT_FILE, OUTPUT_FILE, section_options


@click.command("correlators")
@click.option("--input", "shard", type=INPUT_FILE, required=True, help="Shard (HDF5).")
@click.option("--output", type=OUTPUT_FILE, required=True, help="Correlator file to write (HDF5).")
@click.option("--jet-type", help="Type of the jets, for shards that do not name it.")
@section_options("correlators")
def command(shard: Path, output: Path, jet_type: str | None, config: dict[str, Any]) -> None:
    """Compute energy correlators, pair bins and feature moments of one shard."""
    from hypervae.correlators.stage import compute_correlators

    compute_correlators(shard, output, config, jet_type=jet_type)

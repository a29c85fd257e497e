"""``hypervae correlators``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import CSV, FIGURE, HDF5, INPUT_FILE, Command, wrote
from hypervae.config import CorrelatorsStageConfig, PlotConfig
from hypervae.errors import printable
from hypervae.extras import require
from hypervae.io import write_text


@click.command(
    "correlators",
    cls=Command,
    example="hypervae correlators --input tops.h5 --output c.h5 --orders 2,3 --plot c.png",
)
@click.option("--input", "shard", type=INPUT_FILE, required=True, help="Shard (HDF5).")
@click.option("--output", type=HDF5, required=True, help="Correlator file to write (HDF5).")
@click.option("--jet-type", help="Type of the jets, for shards that do not name it.")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads."
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="cuda computes the correlators with torch on a GPU.",
)
@click.option("--plot", type=FIGURE, help="Also draw the correlators (PNG, PDF or SVG).")
@click.option("--table", type=CSV, help="Also write them as a table (CSV).")
@section_options("correlators")
def command(
    shard: Path,
    output: Path,
    jet_type: str | None,
    threads: int,
    device: str,
    plot: Path | None,
    table: Path | None,
    config: CorrelatorsStageConfig,
) -> None:
    """Compute energy correlators, pair bins and feature moments of one shard."""
    from hypervae.cli.kernels import start_kernels_at_once
    from hypervae.correlators.compute import compute_correlators

    start_kernels_at_once()
    if plot:
        require("matplotlib")
    if device != "cpu":
        from hypervae.device import choose_device

        choose_device(device)
    compute_correlators(shard, output, config, jet_type=jet_type, threads=threads, device=device)
    if plot:
        from hypervae.plotting.models import plot_model

        plot_model("correlators", output, plot, None, PlotConfig(), printable(shard.stem))
    if table:
        from hypervae.formats.correlator_curves import read_correlators

        write_text(table, read_correlators(output).table())
    wrote(output, plot, table)

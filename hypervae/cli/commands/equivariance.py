"""``hypervae equivariance``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import FILE_LIST, HTML, JSON, MODEL_FOLDER, SHARDS, Command, wrote
from hypervae.config import EquivarianceConfig


@click.command(
    "equivariance",
    cls=Command,
    example="hypervae equivariance --model results/models/t --shards tops.h5 --output e.json",
)
@click.option("--model", type=MODEL_FOLDER, required=True, help="Folder of a trained model.")
@click.option("--shards", type=FILE_LIST, required=True, help=f"Real jets, all splits: {SHARDS}")
@click.option("--output", type=JSON, required=True, help="Figures (JSON).")
@click.option("--table", type=HTML, help="The figures as a table (HTML).")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [all]")
@section_options("equivariance")
def command(
    model: Path,
    shards: Path,
    output: Path,
    table: Path | None,
    threads: int | None,
    config: EquivarianceConfig,
) -> None:
    """Measure how far a trained model is from Lorentz equivariance, on held-out jets.

    Deviations are in units of the spread between jets. A broken bound is a warning.
    """
    import torch

    from hypervae.equivariance.measure import measure_equivariance
    from hypervae.io import read_list

    if threads:
        torch.set_num_threads(threads)
    results = measure_equivariance(model, read_list(shards), config, output, table)
    for name, value in results["figures"].items():
        click.echo(f"{name:<24}{value if isinstance(value, str | None) else f'{value:.3g}'}")
    for line in results["broken_bounds"]:
        click.echo(f"warning: {line}", err=True)
    wrote(output, table)

"""``hypervae evaluate``: compare generated with held-out jets."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import INPUT_FILE, OUTPUT_FILE, section_options
from hypervae.config import EvaluateStageConfig
from hypervae.data.jets import JET_TYPES


@click.command("evaluate")
@click.option("--generated", type=INPUT_FILE, required=True, help="Generated jets (shard layout).")
@click.option(
    "--real",
    type=INPUT_FILE,
    required=True,
    help="Real jets of the same type, all splits: a list file of shards, or one HDF5 file.",
)
@click.option("--output", type=OUTPUT_FILE, required=True, help="Results (JSON).")
@click.option("--arrays", type=OUTPUT_FILE, required=True, help="Arrays for the figures (HDF5).")
@click.option(
    "--jet-type", type=click.Choice(list(JET_TYPES)), help="Where the generated file names none."
)
@click.option("--model", help="The model's name, for tables and figures.  [as in the file]")
@section_options("evaluate")
def command(
    config: EvaluateStageConfig,
    generated: Path,
    real: Path,
    output: Path,
    arrays: Path,
    jet_type: str | None,
    model: str | None,
) -> None:
    """Compare generated with held-out jets.

    Every metric stands beside its statistical error and its truth floor: the same distance between
    training and held-out jets.
    """
    from hypervae.evaluation.display import left_out
    from hypervae.evaluation.evaluate import evaluate
    from hypervae.io import read_list

    evaluation = evaluate(generated, read_list(real), config, jet_type=jet_type, model=model)
    evaluation.write(output, arrays)
    click.echo(str(evaluation))
    for line in left_out(evaluation.results):
        click.echo(f"warning: {line}", err=True)

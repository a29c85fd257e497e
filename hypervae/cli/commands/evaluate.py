"""``hypervae evaluate``: compare generated with held-out jets."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import FILE_LIST, HDF5, INPUT_FILE, JSON, SHARDS, Command, wrote
from hypervae.config import EvaluateStageConfig
from hypervae.data.jet_types import JET_TYPES


@click.command(
    "evaluate",
    cls=Command,
    example="hypervae evaluate --generated g.h5 --real tops.h5 --output r.json --metrics w1,fpd",
    renamed={"--model": "--model-name"},
)
@click.option("--generated", type=INPUT_FILE, required=True, help="Generated jets (shard layout).")
@click.option(
    "--real",
    "--shards",
    "real",
    type=FILE_LIST,
    required=True,
    help=f"Real jets of the same type, all splits or held-out jets alone: {SHARDS}",
)
@click.option("--output", type=JSON, required=True, help="Results (JSON).")
@click.option("--arrays", type=HDF5, help="Also the arrays behind the figures (HDF5).")
@click.option(
    "--jet-type", type=click.Choice(list(JET_TYPES)), help="Where the generated file names none."
)
@click.option(
    "--model-name", "model", help="The model's name, for tables and figures.  [as in the file]"
)
@section_options("evaluate")
def command(
    config: EvaluateStageConfig,
    generated: Path,
    real: Path,
    output: Path,
    arrays: Path | None,
    jet_type: str | None,
    model: str | None,
) -> None:
    """Compare generated with held-out jets.

    Every metric stands beside its statistical error and its truth floor: the same distance between
    training and held-out jets. Where there are no training jets, the held-out ones are cut in two.
    """
    from hypervae.evaluation.display import left_out
    from hypervae.evaluation.evaluate import evaluate
    from hypervae.io import read_list

    evaluation = evaluate(generated, read_list(real), config, jet_type=jet_type, model=model)
    evaluation.write(output, arrays)
    click.echo(str(evaluation))
    for line in left_out(evaluation.results):
        click.echo(f"warning: {line}", err=True)
    wrote(output, arrays)

"""``hypervae evaluate``: compare generated with held-out jets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    from hypervae.evaluation.evaluate import evaluate
    from hypervae.evaluation.inputs import real_files

    evaluation = evaluate(generated, real_files(real), config, jet_type=jet_type, model=model)
    evaluation.write(output, arrays)
    _report(evaluation.results)


def _report(results: dict[str, Any]) -> None:
    """Print the metrics as a table, and what must not be overlooked as warnings."""
    sizes, metrics = results["sizes"], results["metrics"]
    click.echo(f"{sizes['compared']} jets a side, type {results['jet_type']}")
    width = max(map(len, ["metric", *metrics])) + 1
    click.echo(f"{'metric':<{width}}{'value':>11}{'error':>10}{'floor':>11}{'error':>10}  unit")
    for name, metric in metrics.items():
        click.echo(
            f"{name:<{width}}{metric['value']:>11.4g}{metric['error']:>10.2g}"
            f"{metric['floor']:>11.4g}{metric['floor_error']:>10.2g}  {metric['unit']}"
            f"{'  (higher is better)' if metric['higher_is_better'] else ''}"
        )
    for name, reason in results["unavailable"].items():
        click.echo(f"{name}: unavailable: {reason}")
    for note in results["protocol"]["notes"]:
        click.echo(f"note: {note}")
    for reason in ("non_finite", "unphysical"):
        if results["generated"][reason]:
            click.echo(
                f"warning: {results['generated'][reason]} of {results['generated']['read']} "
                f"generated jets are {reason} and were left out of every metric",
                err=True,
            )

"""``hypervae sweep``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import INPUT_FILE, OWN_OUTPUT, Command, wrote


@click.command("sweep", cls=Command, example="hypervae sweep config/sweep.yaml --executor local")
@click.argument("file", type=INPUT_FILE)
@click.option(
    "--output-dir",
    type=OWN_OUTPUT,
    help="Gets trials, table and figures.  [results/sweeps/ and the name of the file]",
)
@click.option(
    "--executor",
    type=click.Choice(["slurm", "local"]),
    help="Where trials run, in place of the file's word.",
)
@click.option("--retry", is_flag=True, help="Try trials again that failed or were cancelled.")
def command(file: Path, output_dir: Path | None, executor: str | None, retry: bool) -> None:
    """Train trials of one model with other values of some keys, and rank them.

    The file says which keys, what is sought and where trials run (docs/how-to/sweep.md). Started
    again, a sweep goes on where it was; what is done is not done again.
    """
    from hypervae.extras import require

    require("optuna", "submitit", "snakemake", "matplotlib")
    from hypervae.sweep.figures import draw_sweep
    from hypervae.sweep.ranking import BEST, RANKING, table
    from hypervae.sweep.run import run_sweep

    found = run_sweep(file, output_dir, executor, retry=retry)
    click.echo(table(found.plan, found.ranking))
    figures = draw_sweep(found.folder, found.plan, found.ranking, found.first)
    wrote(found.folder / RANKING, found.folder / BEST, *figures)

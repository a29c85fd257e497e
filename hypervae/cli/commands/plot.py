"""``hypervae plot``: draw the figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from hypervae.cli.options import INPUT_FILE, OUTPUT_FILE, section_options
from hypervae.config import PlotConfig


@click.group("plot")
def command() -> None:
    """Draw the figures, each as PNG and, with --output-pdf, as PDF."""


def _outputs(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every figure."""
    function = click.option(
        "--page", type=OUTPUT_FILE, help="The figure with its caption, as HTML."
    )(function)
    function = click.option("--output-pdf", type=OUTPUT_FILE, help="The figure as PDF.")(function)
    return click.option("--output", type=OUTPUT_FILE, required=True, help="The figure as PNG.")(
        function
    )


@command.command("observables")
@click.option("--arrays", type=INPUT_FILE, required=True, help="From hypervae evaluate --arrays.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Gets the figures, PNG, PDF and, with captions, HTML: jets, particles, substructure, "
    "correlators, image.",
)
@section_options("plot")
def observables(config: PlotConfig, arrays: Path, folder: Path) -> None:
    """Compare generated with held-out jets, observable by observable: all figures of a type."""
    from hypervae.plotting.evaluation import plot_evaluation

    plot_evaluation(arrays, folder, config)


def _model_figure(name: str, source: str, meaning: str) -> None:
    """Add the subcommand of one of `hypervae.plotting.models.MODEL_FIGURES`."""

    @command.command(name, help=meaning)
    @click.option("--input", "source", type=INPUT_FILE, required=True, help=source)
    @click.option("--title", default="", help="Title of the figure, e.g. the model's name.")
    @_outputs
    @section_options("plot")
    def draw(
        config: PlotConfig,
        source: Path,
        title: str,
        output: Path,
        output_pdf: Path | None,
        page: Path | None,
    ) -> None:
        from hypervae.plotting.models import plot_model

        plot_model(name, source, output, output_pdf, config, title, page)


_model_figure("history", "A model's history.csv.", "Draw the training curves of a model.")
_model_figure(
    "correlators",
    "From hypervae normalize or hypervae correlators.",
    "Draw the energy correlators and their ratios to E2C.",
)
_model_figure(
    "latent",
    "From hypervae reconstruct.",
    "Draw where held-out jets lie in latent space, and which dimensions a model uses.",
)
_model_figure(
    "reconstruction",
    "From hypervae reconstruct.",
    "Draw reconstructed jets beside the true ones.",
)


@command.command("summary")
@click.option(
    "--results",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Results of hypervae evaluate (JSON), a list file of them, or the folder results of a "
    "run; NAME= tells the models of several runs apart; can be repeated.",
)
@click.argument("more", nargs=-1, metavar="[[NAME=]RESULTS]...")
@click.option("--table", type=OUTPUT_FILE, required=True, help="All metrics as CSV.")
@click.option(
    "--html", type=OUTPUT_FILE, help="All metrics as HTML, beside results that others published."
)
@_outputs
@section_options("plot")
def summary(
    config: PlotConfig,
    results: tuple[str, ...],
    more: tuple[str, ...],
    table: Path,
    html: Path | None,
    output: Path,
    output_pdf: Path | None,
    page: Path | None,
) -> None:
    """Draw the metrics of all models in units of the truth floor, and write them as tables.

    Two runs side by side: hypervae plot summary A=run1/results B=run2/results ...
    """
    from hypervae.plotting.summary import plot_summary

    plot_summary([*results, *more], table, html, output, output_pdf, config, page)


@command.command("overview")
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_outputs
@section_options("plot")
def overview(
    config: PlotConfig, results: Path, output: Path, output_pdf: Path | None, page: Path | None
) -> None:
    """Draw generated beside real jets of a run, and say on a page what was run and how good it is.

    RESULTS is the folder of the run.
    """
    from hypervae.plotting.overview import plot_overview

    plot_overview(results, output, output_pdf, config, page)

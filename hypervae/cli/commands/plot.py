"""``hypervae plot``: draw the figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import (
    CSV,
    FIGURE,
    FOLDER,
    HTML,
    INPUT_FILE,
    OUTPUT_DIRECTORY,
    PDF,
    Command,
    NamesFiles,
    wrote,
)
from hypervae.config import PlotConfig


@click.group("plot")
def command() -> None:
    """Draw the figures: PNG, PDF or SVG, by the suffix of the file."""


def _outputs(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every figure."""
    function = click.option("--page", type=HTML, help="The figure with its caption, as HTML.")(
        function
    )
    function = click.option("--output-pdf", type=PDF, help="The figure as PDF too.")(function)
    return click.option(
        "--output", type=FIGURE, required=True, help="The figure: PNG, PDF or SVG."
    )(function)


@command.command(
    "observables",
    cls=Command,
    example="hypervae plot observables --arrays arrays.h5 --output-dir figures",
    renamed={"--folder": "--output-dir"},
)
@click.option("--arrays", type=INPUT_FILE, required=True, help="From hypervae evaluate --arrays.")
@click.option(
    "--output-dir",
    type=OUTPUT_DIRECTORY,
    required=True,
    help="Gets the figures, PNG, PDF and, with captions, HTML: jets, particles, substructure, "
    "pairs, correlators, image.",
)
@section_options("plot")
def observables(config: PlotConfig, arrays: Path, output_dir: Path) -> None:
    """Compare generated with held-out jets, observable by observable: all figures of a type."""
    from hypervae.plotting.evaluation import FIGURES, plot_evaluation

    plot_evaluation(arrays, output_dir, config)
    wrote(*(output_dir / f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf")))


def _model_figure(name: str, source: str, meaning: str, example: str) -> None:
    """Add the subcommand of one of `hypervae.plotting.models.MODEL_FIGURES`."""

    @command.command(
        name,
        cls=Command,
        help=meaning,
        example=f"hypervae plot {name} --input {example} --output {name}.png",
    )
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
        wrote(output, output_pdf, page)


_model_figure(
    "history",
    "A model's history.csv.",
    "Draw the training curves of a model.",
    "results/models/t/history.csv",
)
_model_figure(
    "correlators",
    "From hypervae normalize or hypervae correlators.",
    "Draw the energy correlators and their ratios to E2C.",
    "correlators.h5",
)
_model_figure(
    "latent",
    "From hypervae reconstruct.",
    "Draw where held-out jets lie in latent space, and which dimensions a model uses.",
    "reconstruction.h5",
)
_model_figure(
    "reconstruction",
    "From hypervae reconstruct.",
    "Draw reconstructed jets beside the true ones.",
    "reconstruction.h5",
)


def _results_files(given: str) -> list[Path]:
    from hypervae.formats.evaluation import results_files

    return results_files(given)


_RESULTS = NamesFiles("text", _results_files)


@command.command(
    "summary",
    cls=Command,
    example="hypervae plot summary A=run1/results B=run2/results --table t.csv --output f.png",
)
@click.option(
    "--results",
    type=_RESULTS,
    multiple=True,
    metavar="[NAME=]PATH",
    help="Results of hypervae evaluate (JSON), a list file of them, or the folder results of a "
    "run; NAME= tells the models of several runs apart; can be repeated.",
)
@click.argument("more", nargs=-1, type=_RESULTS, metavar="[[NAME=]RESULTS]...")
@click.option("--table", type=CSV, required=True, help="All metrics as CSV.")
@click.option(
    "--html", type=HTML, help="All metrics as HTML, beside results that others published."
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
    """Draw the metrics of all models in units of the truth floor, and write them as tables."""
    from hypervae.plotting.summary import plot_summary

    plot_summary([*results, *more], table, html, output, output_pdf, config, page)
    wrote(table, html, output, output_pdf, page)


@command.command(
    "overview",
    cls=Command,
    example="hypervae plot overview results --output overview.png --page overview.html",
)
@click.argument("results", type=FOLDER)
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
    wrote(output, output_pdf, page)

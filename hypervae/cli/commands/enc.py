"""``hypervae enc``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import CSV, FIGURE, FILE_LIST, HDF5, Command, wrote
from hypervae.errors import ConfigError
from hypervae.extras import require
from hypervae.io import read_list, write_text


def _numbers(text: str, option: str, count: int | None = None) -> tuple[float, ...]:
    """Numbers with commas between."""
    try:
        found = tuple(float(word) for word in text.strip("[] ").split(","))
    except ValueError:
        found = ()
    if not found or count not in (None, len(found)):
        expected = f"{count or 'some'} numbers with commas between"
        raise ConfigError(f"{option}: found {text!r}, expected {expected}")
    return found


@click.command(
    "enc",
    cls=Command,
    example="hypervae enc --input tops.h5 --orders 2,2.5,3 --output enc.h5 --table enc.csv\n"
    "hypervae enc --input part1.h5,part2.h5 --output all.h5 --slope 3,2,0.01,0.1",
)
@click.option(
    "--input",
    "inputs",
    type=FILE_LIST,
    required=True,
    help="Jets (shards or generated jets), or spectra that this command wrote, which are merged: "
    "one or more HDF5 files, or a list file of them.",
)
@click.option("--output", type=HDF5, help="The spectrum with its covariance (HDF5); merges.")
@click.option("--table", type=CSV, help="Means with errors (CSV).")
@click.option("--plot", type=FIGURE, help="A figure (PNG, PDF or SVG).")
@click.option(
    "--orders", default="2,3,4", show_default=True, help="Any positive numbers, whole or not."
)
@click.option(
    "--variable",
    type=click.Choice(["R_L", "R_1"]),
    default="R_L",
    show_default=True,
    help="R_L: largest distance of two particles. R_1: largest distance from one particle, each in "
    "turn (arXiv:2410.16368); much faster for many particles.",
)
@click.option("--bins", type=click.IntRange(1, 2000), default=200, show_default=True)
@click.option(
    "--range", "range_", default="1e-4,2", show_default=True, help="Of the distance, low and high."
)
@click.option(
    "--weight", type=click.Choice(["pt", "energy"]), default="pt", show_default=True, help="Of it."
)
@click.option(
    "--exponent", type=float, default=1.0, show_default=True, help="Power of each weight."
)
@click.option(
    "--particles",
    type=click.IntRange(0),
    default=0,
    help="The hardest so many of each jet; 0: all.  [0]",
)
@click.option("--jet-type", help="Type of the jets, for files that do not name it.")
@click.option(
    "--slope",
    help="Also fit the ratio of two orders against ln R: order, over which, low and high R.",
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads."
)
def command(
    inputs: Path,
    output: Path | None,
    table: Path | None,
    plot: Path | None,
    orders: str,
    variable: str,
    bins: int,
    range_: str,
    weight: str,
    exponent: float,
    particles: int,
    jet_type: str | None,
    slope: str | None,
    threads: int,
) -> None:
    """Energy correlators of jets, of any order, with the covariance of all bins and orders."""
    from hypervae.cli.kernels import start_kernels_at_once
    from hypervae.correlators.binning import Binning
    from hypervae.enc.compute import spectrum_of_files
    from hypervae.enc.file import write_spectrum
    from hypervae.enc.spectrum import Settings

    start_kernels_at_once()
    if plot:
        require("matplotlib")
    low, high = _numbers(range_, "--range", 2)
    if not 0 < low < high:
        raise ConfigError(f"--range: found {range_!r}, expected 0 < low < high")
    line = _numbers(slope, "--slope", 4) if slope else None
    settings = Settings(
        variable,
        _numbers(orders, "--orders"),
        Binning(bins, low, high),
        weight,
        exponent,
        particles,
    )
    found = spectrum_of_files(read_list(inputs), settings, jet_type=jet_type, threads=threads)
    if line:
        fit = found.slope(*line)
        click.echo(
            f"slope of E{line[0]:g}C / E{line[1]:g}C in ln {found.settings.variable}: "
            f"{fit.slope:.5g} +- {fit.covariance[0, 0] ** 0.5:.2g}, "
            f"chi2 {fit.chi2:.1f} of {fit.points} bins"
        )
    if output:
        write_spectrum(output, found)
    if table:
        write_text(table, found.table())
    if plot:
        from hypervae.config import PlotConfig
        from hypervae.plotting.spectrum import draw_spectrum
        from hypervae.plotting.style import figure_style, save

        with figure_style(PlotConfig()):
            save(draw_spectrum(found), PlotConfig().dpi, plot)
    wrote(output, table, plot)

"""``hypervae enc``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hypervae.cli.shape import CSV, FIGURE, FILE_LIST, FILE_PAIR, HDF5, Command, wrote
from hypervae.errors import ConfigError
from hypervae.extras import require
from hypervae.io import read_list, write_text

if TYPE_CHECKING:
    from hypervae.correlators.binning import Binning
    from hypervae.enc.resolved import Resolved
    from hypervae.enc.spectrum import Settings, Spectrum

#: What pairs are unfolded in.
_UNFOLDED = {"variable": "R_L", "weight": "pt", "exponent": 1.0, "particles": 0, "select": ""}


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
    "hypervae enc --input part1.h5,part2.h5 --output all.h5 --slope 3,2,0.01,0.1\n"
    "hypervae enc --input tops.h5 --resolve 10,10 --bins 10 --range 0.01,1 --table shapes.csv",
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
    "--orders", help="Any positive numbers, whole or not; with --resolve one.  [2,3,4; 3]"
)
@click.option(
    "--variable",
    type=click.Choice(["R_L", "R_1"]),
    default="R_L",
    show_default=True,
    help="R_L: largest distance of two particles. R_1: largest distance from one particle, each in "
    "turn (arXiv:2410.16368); much faster for many particles.",
)
@click.option(
    "--resolve",
    help="Bins of xi (in R_1: of R_2/R_1) and of phi, e.g. 8,8: shapes of triangles in each bin of "
    "R. R_L takes order 3, R_1 3 to 6, of which the two farthest particles are seen.",
)
@click.option("--signed", is_flag=True, help="With --resolve: tell orientations apart.")
@click.option("--bins", type=click.IntRange(1, 2000), help="Of R.  [200; with --resolve 20]")
@click.option(
    "--range", "range_", default="1e-4,2", show_default=True, help="Of the distance, low and high."
)
@click.option(
    "--weight",
    default="pt",
    show_default=True,
    help="Fraction of pt or of energy, perhaps times a further column of the particles: charge is "
    "pt*charge, energy*charge is the other.",
)
@click.option(
    "--exponent", type=float, default=1.0, show_default=True, help="Power of the fraction."
)
@click.option(
    "--select",
    default="",
    help="Particles that count: charged, neutral, or those whose further column of this name is "
    "not 0. Fractions stay those of all.  [all]",
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
    help="Also fit the ratio of two orders against ln R: order, over which, low and high R. Of "
    "more numbers the first ones are orders, fitted together, e.g. 3,4,2,0.01,0.1.",
)
@click.option(
    "--response",
    type=FILE_PAIR,
    help="Unfold E2C of the jets: shards of simulated jets and of the same ones smeared, row by "
    "row, with the column match (docs/energy-correlators.md), e.g. truth.h5,seen.h5. Writes "
    "--table.",
)
@click.option(
    "--unfolding",
    type=click.Choice(["bayes", "inversion"]),
    default="bayes",
    show_default=True,
    help="With --response: D'Agostini's iterations, or the inverted matrix.",
)
@click.option(
    "--iterations", type=click.IntRange(1), default=4, show_default=True, help="Of bayes."
)
@click.option("--jet-pt", help="With --response: edges [GeV] of bins of the jets' pT.  [one bin]")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads."
)
def command(
    inputs: Path,
    output: Path | None,
    table: Path | None,
    plot: Path | None,
    jet_type: str | None,
    threads: int,
    **options: Any,
) -> None:
    """Energy correlators of jets, of any order, with the covariance of all bins and orders."""
    from hypervae.cli.kernels import start_kernels_at_once
    from hypervae.enc.compute import resolved_of_files, spectrum_of_files
    from hypervae.enc.file import write_spectrum
    from hypervae.enc.resolved import ResolvedSettings
    from hypervae.enc.triangles import Shape

    start_kernels_at_once()
    if plot:
        require("matplotlib")
    line, shape = _line(options["slope"]), _shape(options["resolve"])
    _check_together(options, output, table, plot)
    files, settings = read_list(inputs), _settings(options)
    found: Spectrum | Resolved
    if options["response"] is not None:
        _unfold(files, settings.binning, options, jet_type, table)
        wrote(table)
        return
    if shape is None:
        found = spectrum_of_files(files, settings, jet_type=jet_type, threads=threads)
        if line is not None:
            _fit(found, line)
    else:
        resolved = ResolvedSettings(settings, Shape(*shape, options["signed"]))
        found = resolved_of_files(files, resolved, jet_type=jet_type, threads=threads)
    if output:
        write_spectrum(output, found)
    if table:
        write_text(table, found.table())
    if plot:
        _draw(found, plot)
    wrote(output, table, plot)


def _settings(options: Mapping[str, Any]) -> Settings:
    """What is computed; by default fewer bins and one order where more is seen of each."""
    from hypervae.correlators.binning import Binning
    from hypervae.enc.spectrum import Settings

    low, high = _numbers(options["range_"], "--range", 2)
    if not 0 < low < high:
        raise ConfigError(f"--range: found {options['range_']!r}, expected 0 < low < high")
    orders, bins = "2,3,4", 200
    if options["resolve"] is not None:
        orders, bins = "3", 20
    if options["response"] is not None:
        orders, bins = "2", 20
    return Settings(
        options["variable"],
        _numbers(options["orders"] or orders, "--orders"),
        Binning(options["bins"] or bins, low, high),
        options["weight"],
        options["exponent"],
        options["particles"],
        options["select"],
    )


def _check_together(
    options: Mapping[str, Any], output: Path | None, table: Path | None, plot: Path | None
) -> None:
    """Refuse options that say nothing together."""
    if options["resolve"] is None and options["signed"]:
        raise ConfigError("--signed: found without --resolve, expected with it")
    if options["resolve"] is not None and options["slope"] is not None:
        raise ConfigError("--slope: found with --resolve, expected without")
    if options["response"] is None:
        if options["jet_pt"] is not None:
            raise ConfigError("--jet-pt: found without --response, expected with it")
        return
    if table is None:
        raise ConfigError("--response: found without --table, expected with it")
    others = {"output": output, "plot": plot}
    others |= {name: options[name] for name in ("slope", "resolve", "orders")}
    for name, value in others.items():
        if value not in (None, "2"):
            raise ConfigError(f"--{name}: found with --response, expected without")
    for name, only in _UNFOLDED.items():
        if options[name] != only:
            raise ConfigError(
                f"--{name}: found {options[name]!r} with --response, expected {only!r}"
            )


def _unfold(
    files: list[Path],
    binning: Binning,
    options: Mapping[str, Any],
    jet_type: str | None,
    table: Path | None,
) -> None:
    """Unfold the two-point correlator of jets."""
    from hypervae.enc.pair_cells import PairBins
    from hypervae.enc.unfolding import unfold_files

    pair = read_list(options["response"])
    if len(pair) != 2:
        raise ConfigError(
            f"--response: found {len(pair)} files ({options['response']}), expected two shards, "
            "the truth and the same jets smeared, with a comma between"
        )
    edges = () if options["jet_pt"] is None else _numbers(options["jet_pt"], "--jet-pt")
    found = unfold_files(
        files,
        (pair[0], pair[1]),
        PairBins(binning, jet_pt=edges),
        options["unfolding"],
        options["iterations"],
        jet_type,
    )
    if table is not None:
        write_text(table, found.table())


def _line(slope: str | None) -> tuple[float, ...] | None:
    """Orders, the one over which, low and high R."""
    if slope is None:
        return None
    line = _numbers(slope, "--slope")
    if len(line) < 4:
        raise ConfigError(
            f"--slope: found {slope!r}, expected 4 numbers with commas between, or more: orders, "
            "the one over which, low and high R"
        )
    return line


def _shape(resolve: str | None) -> tuple[int, int] | None:
    """Bins of x and phi."""
    if resolve is None:
        return None
    ratios, angles = _numbers(resolve, "--resolve", 2)
    if not (ratios.is_integer() and angles.is_integer() and min(ratios, angles) >= 1):
        raise ConfigError(f"--resolve: found {resolve!r}, expected two whole numbers from 1 on")
    return int(ratios), int(angles)


def _fit(found: Spectrum, line: tuple[float, ...]) -> None:
    """Say what the slopes of ratios are."""
    from hypervae.enc.ratios import slopes

    *orders, to, low, high = line
    fit = slopes(found, orders, to, low, high)
    errors = fit.covariance.diagonal() ** 0.5
    for order, value, error in zip(orders, fit.value, errors, strict=False):
        click.echo(
            f"slope of E{order:g}C / E{to:g}C in ln {found.settings.variable}: "
            f"{value:.5g} +- {error:.2g}, chi2 {fit.chi2:.1f} of {fit.points} bins"
        )
    for row, order in enumerate(orders):
        for column in range(row):
            shared = fit.covariance[row, column] / (errors[row] * errors[column])
            click.echo(f"correlation of E{orders[column]:g}C's and E{order:g}C's: {shared:.3f}")


def _draw(found: Spectrum | Resolved, plot: Path) -> None:
    from hypervae.config import PlotConfig
    from hypervae.enc.resolved import Resolved
    from hypervae.plotting.resolved import draw_resolved
    from hypervae.plotting.spectrum import draw_spectrum
    from hypervae.plotting.style import figure_style, save

    with figure_style(PlotConfig()):
        figure = draw_resolved(found) if isinstance(found, Resolved) else draw_spectrum(found)
        save(figure, PlotConfig().dpi, plot)

"""The figure of the README: top jets generated with the pretrained weights, and simulated ones.

``python -m benchmarks.figure --data FOLDER`` generates 10,000 jets and draws their mass, tau32 and
E2C beside those of the 10,000 test jets that `benchmarks.quality` simulates (or finds) in
``FOLDER/1``: not those that the weights were trained on.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from benchmarks.arguments import OnceParser
from benchmarks.floors import TEST_SHARDS
from benchmarks.quality import PARTICLES, data_folder, simulated
from hypervae import HyperVAE
from hypervae.config import resolve_section
from hypervae.data.jets import Jets, concatenate
from hypervae.evaluation.correlators import BINNING, correlator_sums
from hypervae.formats.shard import ShardReader
from hypervae.observables import OBSERVABLES, JetSample, compute_observables
from hypervae.plotting.names import JET_NAMES
from hypervae.plotting.observables import density
from hypervae.plotting.overlay import Curve, draw_overlay, fit_height, log_axis, panel_pair
from hypervae.plotting.style import GENERATED, TRUTH, TRUTH_FILL, figure_style, save

#: Observables with their bins; the correlator stands beside them.
PANELS = {"mass_kept": np.linspace(0.0, 240.0, 49), "tau32": np.linspace(0.0, 1.0, 41)}
TITLES = {"mass_kept": "jet mass", "tau32": "N-subjettiness ratio"}
#: Bins with fewer real jets have no ratio.
FEWEST = 10
OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "jets.png"


def main() -> None:
    """Simulate what is missing, generate, draw."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the simulated jets")
    parser.add_argument("--jet-type", default="t", help="g, q, t, w or z")
    parser.add_argument("--seed", type=int, default=1, help="of the jets and of the generation")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the figure (PNG)")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    options.shards, options.particles = 6, PARTICLES
    data, jet_type = data_folder(options, options.data), options.jet_type
    simulated([jet_type], data, options)
    real = concatenate([_read(data / jet_type / f"{shard}.h5", jet_type) for shard in TEST_SHARDS])
    made = HyperVAE.pretrained(jet_type).generate(len(real), seed=options.seed)
    config = resolve_section("plot", {})
    with figure_style(config):
        save(draw(real, made, jet_type), 110, options.output)
    print(f"{options.output}: {options.output.stat().st_size / 1000:.0f} kB")


def draw(real: Jets, made: Jets, jet_type: str) -> Figure:
    """Three panels with their ratios.

    Parameters
    ----------
    real, made : Jets
        Simulated jets that the model never saw, and generated ones.
    jet_type : str
        The jet type.
    """
    figure = Figure(figsize=(13.0, 4.5))
    grid = figure.add_gridspec(
        1, 1 + len(PANELS), left=0.065, right=0.99, top=0.84, bottom=0.125, wspace=0.26
    )
    pairs = [panel_pair(figure, grid[place]) for place in range(1 + len(PANELS))]
    samples = {"test": real, "generated": made}
    values = {
        name: compute_observables(JetSample(jets), tuple(PANELS)).values
        for name, jets in samples.items()
    }
    for (main, ratio), (name, edges) in zip(pairs, PANELS.items(), strict=False):
        curves, entries = {}, {}
        for sample, jets in samples.items():
            *curve, entries[sample] = density(
                values[sample][name], np.arange(len(jets)), len(jets), edges
            )
            curves[sample] = Curve(*curve)
        _panel(main, ratio, edges, curves, entries["test"] >= FEWEST)
        about = OBSERVABLES[name]
        ratio.set_xlabel(about.axis_label)
        main.set_ylabel("density" + (f" [1/{about.unit}]" if about.unit != "1" else ""))
        main.set_title(TITLES[name], loc="left")
        ratio.xaxis.set_major_locator(MaxNLocator(6))
    _draw_correlator(*pairs[-1], samples)
    _legend(figure, samples, jet_type)
    return figure


def _draw_correlator(main: Axes, ratio: Axes, samples: dict[str, Jets]) -> None:
    edges = BINNING.edges
    curves = {}
    for name, jets in samples.items():
        means = correlator_sums(jets).means()
        mean, error = (part[0, 1:-1] / BINNING.ln_width for part in (means.mean, means.error))
        curves[name] = Curve(mean, error)
    enough = curves["test"].error < 0.2 * curves["test"].values
    _panel(main, ratio, edges, curves, enough)
    log_axis(ratio.xaxis)
    ratio.set_xlabel("$R_L$")
    main.set_ylabel(r"E2C per unit of $\ln R_L$")
    main.set_title("two-point energy correlator", loc="left")


def _panel(
    main: Axes,
    ratio: Axes,
    edges: NDArray[np.float64],
    curves: dict[str, Curve],
    enough: NDArray[np.bool_],
) -> None:
    draw_overlay(main, ratio, edges, curves, enough)
    fit_height(main, curves, False)
    ratio.set(ylim=(0.5, 1.5), yticks=(0.75, 1.0, 1.25), ylabel="ratio")


def _legend(figure: Figure, samples: dict[str, Jets], jet_type: str) -> None:
    handles = [
        Patch(
            facecolor=TRUTH_FILL,
            edgecolor=TRUTH,
            label=f"simulated with Pythia 8 ({len(samples['test']):,} jets, never seen)",
        ),
        Line2D([], [], color=GENERATED, label=f"generated ({len(samples['generated']):,} jets)"),
        Patch(facecolor="#888888", alpha=0.4, label="statistical errors"),
    ]
    figure.suptitle(f"{JET_NAMES[jet_type]} jets", x=0.065, y=0.975, ha="left")
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.992, 0.995), ncols=3)


def _read(path: Path, jet_type: str) -> Jets:
    with ShardReader(path, jet_type) as reader:
        return reader.read()


if __name__ == "__main__":
    main()

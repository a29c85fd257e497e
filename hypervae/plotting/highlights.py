"""Generated beside real jets in one figure: mass and substructure of the first jet types."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from hypervae.formats.evaluation import EvaluationArrays
from hypervae.plotting.names import JET_NAMES, jets_called
from hypervae.plotting.observables import draw_panel
from hypervae.plotting.overlay import (
    distance_text,
    panel_page,
    panel_pair,
    sample_legend,
    set_metric,
)

#: Evaluations that the figure has room for.
MOST = 3
# Which ratio of N-subjettiness tells jets of this type from others.
_RATIO = {"t": "tau32"}
_ALL = ("mass_kept", "tau21", "tau32")


def draw_highlights(evaluations: Sequence[EvaluationArrays], bins: int) -> Figure:
    """Draw the first evaluations: each a column, or, where there are one or two, each a row.

    Parameters
    ----------
    evaluations : sequence of EvaluationArrays
    bins : int

    Returns
    -------
    Figure
    """
    shown = evaluations[:MOST]
    if len(shown) < MOST:
        panels = [(one, name) for one in shown for name in _ALL]
    else:
        panels = [(one, "mass_kept") for one in shown]
        panels += [(one, _RATIO.get(one.results["jet_type"], "tau21")) for one in shown]
    figure, grid = panel_page(len(panels))
    for place, (one, name) in enumerate(panels):
        main, ratio = panel_pair(figure, grid[place])
        draw_panel(main, ratio, name, one.samples, bins)
        about = one.results["metrics"].get(f"w1_{name}")
        set_metric(main, distance_text(about, one.results["sizes"]["compared"]))
        main.text(0.04, 0.95, _jets(one), transform=main.transAxes, va="top", fontsize=10)
    # above what is written in the panels
    for axis in figure.axes[::2]:
        axis.set_ylim(axis.get_ylim()[0], 1.15 * axis.get_ylim()[1])
    samples = list(dict.fromkeys(name for one in shown for name in one.samples))
    sample_legend(figure, "generated and real jets", dict.fromkeys(samples, ""))
    return figure


def _jets(one: EvaluationArrays) -> str:
    model, jet_type = one.results.get("model") or "", one.results["jet_type"]
    # as often, the model is called as the type
    return jets_called("" if model == jet_type or model in JET_NAMES else model, jet_type)

"""All figures of one evaluation, drawn in one process: importing takes longer than drawing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from hypervae.config import PlotConfig
from hypervae.formats.evaluation import EvaluationArrays, read_arrays
from hypervae.io.guarded import guarded
from hypervae.observables.table import PAGES
from hypervae.plotting.captions import evaluation_caption
from hypervae.plotting.evaluated_correlators import draw_evaluated_correlators
from hypervae.plotting.images import draw_images
from hypervae.plotting.names import jets_called
from hypervae.plotting.observables import draw_page
from hypervae.plotting.page import write_page
from hypervae.plotting.pairs import draw_pairs
from hypervae.plotting.style import figure_style, save

Drawn = Callable[[EvaluationArrays, PlotConfig], Figure]


def _overlays(page: str) -> Drawn:
    return lambda read, config: draw_page(page, read.samples, read.results, config.bins)


#: What draws each figure, by the name of its files.
FIGURES: dict[str, Drawn] = {
    **{page: _overlays(page) for page in PAGES},
    "pairs": lambda read, config: draw_pairs(read.samples, read.results),
    "correlators": lambda read, config: draw_evaluated_correlators(read.correlators, read.results),
    "image": lambda read, config: draw_images(read.samples, read.results, config.bins),
}


def _figures(folder: Path) -> list[Path]:
    return [folder / f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf", "html")]


@guarded(reads=("arrays",), writes=(("folder", _figures),))
def plot_evaluation(
    arrays: str | os.PathLike[str], folder: str | os.PathLike[str], config: PlotConfig
) -> None:
    """Draw the figures of one evaluation.

    Parameters
    ----------
    arrays : path-like
        What ``hypervae evaluate --arrays`` wrote.
    folder : path-like
        Gets a PNG and a PDF file of each of `FIGURES`, and a page (HTML) with its caption.
    config : PlotConfig
    """
    read = read_arrays(arrays)
    model, jet_type = read.results.get("model") or "", read.results["jet_type"]
    with figure_style(config):
        for name, draw in FIGURES.items():
            figure = draw(read, config)
            png, pdf, page = (Path(folder) / f"{name}.{end}" for end in ("png", "pdf", "html"))
            save(figure, config.dpi, png, pdf)
            title = f"{jets_called(model, jet_type)}: {name}"
            write_page(page, title, png, evaluation_caption(name, model, jet_type))

"""All figures of one evaluation, drawn in one process: importing takes longer than drawing."""

from __future__ import annotations

import os
from pathlib import Path

from hypervae.config import PlotConfig
from hypervae.formats.evaluation import read_arrays
from hypervae.observables.table import PAGES
from hypervae.plotting.evaluated_correlators import draw_evaluated_correlators
from hypervae.plotting.images import draw_images
from hypervae.plotting.observables import draw_page
from hypervae.plotting.style import figure_style, save

#: The figures, by the names of their files.
FIGURES = (*PAGES, "correlators", "image")


def plot_evaluation(
    arrays: str | os.PathLike[str], folder: str | os.PathLike[str], config: PlotConfig
) -> None:
    """Draw the figures of one evaluation.

    Parameters
    ----------
    arrays : path-like
        What ``hypervae evaluate --arrays`` wrote.
    folder : path-like
        Gets a PNG and a PDF file of each of `FIGURES`.
    config : PlotConfig
    """
    read = read_arrays(arrays)
    with figure_style(config):
        for name in FIGURES:
            if name in PAGES:
                figure = draw_page(name, read.samples, read.results, config.bins)
            elif name == "correlators":
                figure = draw_evaluated_correlators(read.correlators, read.results)
            else:
                figure = draw_images(read.samples, read.results, config.bins)
            paths = (Path(folder) / f"{name}.{suffix}" for suffix in ("png", "pdf"))
            save(figure, config.dpi, *paths)

"""The figures of one model: what each is read from, and how it is drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from hypervae.config import PlotConfig
from hypervae.formats.correlator_curves import read_correlators
from hypervae.formats.history import read_history
from hypervae.formats.reconstruction import read_reconstruction
from hypervae.io.guarded import guarded
from hypervae.plotting import latent, reconstruction
from hypervae.plotting.captions import caption
from hypervae.plotting.correlators import draw_correlators
from hypervae.plotting.history import draw_history
from hypervae.plotting.page import write_page
from hypervae.plotting.style import figure_style, save


@dataclass(frozen=True)
class ModelFigure:
    """A figure of a model.

    Parameters
    ----------
    read : callable
        From a file to what is drawn.
    draw : callable
        From this and a title to a figure.
    """

    read: Callable[[str | os.PathLike[str]], Any]
    draw: Callable[[Any, str], Figure]


#: By name, as on the command line.
MODEL_FIGURES: Mapping[str, ModelFigure] = {
    "history": ModelFigure(read_history, draw_history),
    "correlators": ModelFigure(read_correlators, draw_correlators),
    "latent": ModelFigure(
        partial(read_reconstruction, names=latent.DATASETS),
        lambda content, title: latent.draw_latent(content[0], content[1], title),
    ),
    "reconstruction": ModelFigure(
        partial(read_reconstruction, names=reconstruction.DATASETS),
        lambda content, title: reconstruction.draw_reconstruction(content[0], content[1], title),
    ),
}


@guarded(reads=("source",), writes=("output", "output_pdf", "page"))
def plot_model(
    name: str,
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    output_pdf: str | os.PathLike[str] | None,
    config: PlotConfig,
    title: str = "",
    page: str | os.PathLike[str] | None = None,
) -> None:
    """Draw a figure of one model.

    Parameters
    ----------
    name : str
        Of `MODEL_FIGURES`.
    source : path-like
        What it is read from.
    output, output_pdf : path-like
        The figure as PNG and PDF.
    config : PlotConfig
    title : str
    page : path-like, optional
        The figure with its caption (HTML).

    Raises
    ------
    InputError
        As the reader of the file.
    """
    figure = MODEL_FIGURES[name]
    content = figure.read(source)
    with figure_style(config):
        save(figure.draw(content, title), config.dpi, output, output_pdf)
    if page is not None:
        of = title or "a model"
        write_page(page, f"{of}: {name}", output, caption(name, of))

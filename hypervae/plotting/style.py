"""The style of all figures, and how they are written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib

# Batch jobs have no display; what a notebook has chosen stays.
if "MPLBACKEND" not in os.environ and "matplotlib.pyplot" not in sys.modules:
    matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

from hypervae.config import PlotConfig
from hypervae.io import atomic_path

#: Okabe and Ito's palette for the colour-blind (https://jfly.uni-koeln.de/color/), without its
#: yellow, which is too light for lines on white, and ordered so that neighbours differ most.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
#: The real jets, in every figure.
TRUTH, TRUTH_FILL = "#333333", "#D9D9D9"
#: The generated jets, where there is one set.
GENERATED = "#D55E00"
#: Real jets of the training split, where they stand beside those of the test split.
TRAINING = "#0072B2"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# The field's look without an experiment's name on it.
_PLAIN: dict[Any, Any] = {
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "mathtext.fontset": "dejavusans",
}
# Sizes and places for the figures here, of several panels: mplhep's styles are made for one of
# 10 x 10 inches.
_SIZES: dict[Any, Any] = {
    "font.size": 11,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-2, 4),
    "xaxis.labellocation": "center",
    "yaxis.labellocation": "center",
    "axes.labelsize": 12,
    "axes.titlesize": 11,
    "figure.titlesize": 14,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.major.size": 5,
    "ytick.major.size": 5,
    "xtick.minor.size": 2.5,
    "ytick.minor.size": 2.5,
    "axes.linewidth": 0.9,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "axes.labelpad": 4,
    "savefig.bbox": None,
    "figure.constrained_layout.use": False,
    "figure.autolayout": False,
}


_PARSER = MathTextParser("path")


@contextmanager
def figure_style(config: PlotConfig) -> Iterator[None]:
    """Draw in the style of the config (key ``style``); the former one comes back afterwards.

    Nothing is taken of a ``matplotlibrc``: LaTeX, for one, which a machine may not have.

    Parameters
    ----------
    config : PlotConfig
    """
    with plt.rc_context():
        plt.style.use("default")
        if config.style == "plain":
            plt.rcParams.update(_PLAIN)
        else:
            import mplhep  # takes more than a second to import

            mplhep.style.use(config.style)
        plt.rcParams.update(_SIZES)
        yield


def save(figure: Figure, dpi: int, *paths: str | os.PathLike[str] | None) -> None:
    """Write a figure to each path, in the format of its suffix, atomically, and close it.

    PDF files carry no date, so that the same data give the same file.

    Parameters
    ----------
    figure : Figure
    dpi : int
        Of bitmaps.
    *paths : path-like, optional
        None is passed over.
    """
    for text in figure.findobj(Text):  # names that users gave may hold a $ that begins no formula
        if "$" in text.get_text():
            try:
                _PARSER.parse(text.get_text())
            except ValueError:
                text.set_parse_math(False)
    try:
        for path in paths:
            if path is None:
                continue
            with atomic_path(path) as temporary:
                pdf = temporary.suffix.lower() == ".pdf"
                metadata = {"CreationDate": None} if pdf else None
                figure.savefig(temporary, dpi=dpi, metadata=metadata)
            # laying panels out takes as long as drawing them, and is the same in each format
            figure.set_layout_engine("none")
    finally:
        plt.close(figure)


def panel_grid(n: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A grid of `n` panels of `size` inches each, in rows of `columns`.

    Parameters
    ----------
    n, columns : int
        Panels, and those of a row at most.
    size : tuple of float
        Width and height of a panel [inches].

    Returns
    -------
    figure : Figure
    panels : list of Axes
    """
    columns = min(columns, n)
    rows = -(-n // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(columns * size[0], rows * size[1]),
        squeeze=False,
        layout="constrained",
    )
    panels = list(axes.flat)
    for unused in panels[n:]:
        unused.set_visible(False)
    return figure, panels[:n]

"""The figures of a sweep: its trials as lines, and how much each parameter matters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from hypervae.plotting.style import GENERATED, TRAINING

# An axis with more values than these gets ticks at some of them alone.
_MOST_TICKS = 6
_LONGEST = 12


@dataclass(frozen=True)
class Axis:
    """A parameter, as an axis of parallel coordinates.

    Attributes
    ----------
    name : str
    values : sequence
        Of each trial: numbers, or texts of a list.
    log : bool
    choices : sequence of str
        All texts, where the parameter has a list.
    """

    name: str
    values: Sequence[Any]
    log: bool = False
    choices: Sequence[str] = ()

    def places(self) -> np.ndarray:
        """Of each trial, in [0, 1].

        Returns
        -------
        [trials] float64
        """
        if self.choices:
            order = {choice: place for place, choice in enumerate(self.choices)}
            return np.array([self._even(order[value]) for value in self.values])
        low, high = self._ends()
        return (self._scaled(np.asarray(self.values, float)) - low) / (high - low)

    def ticks(self) -> tuple[list[float], list[str]]:
        """Places in [0, 1], and what is written there.

        Returns
        -------
        places : list of float
        texts : list of str
        """
        if self.choices:
            places = [self._even(place) for place in range(len(self.choices))]
            return places, [_cut(choice) for choice in self.choices]
        low, high = self._ends()
        whole = sorted(set(self.values))
        if len(whole) <= _MOST_TICKS and all(isinstance(value, int) for value in whole):
            return list(np.unique(self.places())), [str(value) for value in whole]
        places = list(np.linspace(0.0, 1.0, 5))
        scaled = [low + place * (high - low) for place in places]
        return places, [f"{10**value if self.log else value:.3g}" for value in scaled]

    def _even(self, place: int) -> float:
        return place / (len(self.choices) - 1) if len(self.choices) > 1 else 0.5

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return np.log10(values) if self.log else values

    def _ends(self) -> tuple[float, float]:
        scaled = self._scaled(np.asarray(self.values, float))
        low, high = float(scaled.min()), float(scaled.max())
        return (low, high) if high > low else (low - 0.5, high + 0.5)


def draw_parallel(axes: Sequence[Axis], objective: Sequence[float], name: str) -> Figure:
    """Draw each trial as a line over the axes of its parameters, coloured by the objective.

    Parameters
    ----------
    axes : sequence of Axis
    objective : [trials]
        Less is better; the best line is drawn last, and thick.
    name : str
        Of the objective.

    Returns
    -------
    Figure
    """
    values = np.asarray(objective, float)
    wide = bool(values.min() > 0 and values.max() > 10 * values.min())
    last = Axis(name, list(values), log=wide)
    every = [*axes, last]
    figure, axis = plt.subplots(figsize=(2.2 + 1.6 * len(every), 4.6), layout="constrained")
    norm = (LogNorm if wide else Normalize)(*_range(values))
    colours = plt.get_cmap("viridis")
    places = np.array([one.places() for one in every])
    best = int(values.argmin())
    for trial in np.argsort(-values, kind="stable"):
        look: dict[str, Any] = {"color": colours(norm(values[trial])), "lw": 1.2, "alpha": 0.8}
        if trial == best:
            look = {"color": GENERATED, "lw": 3.0, "label": "best trial"}
        axis.plot(range(len(every)), places[:, trial], **look)
    _draw_axes(axis, every)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.colorbar(ScalarMappable(norm, colours), ax=axis, label=name, pad=0.1)
    return figure


def _draw_axes(axis: Axes, every: Sequence[Axis]) -> None:
    for number, one in enumerate(every):
        axis.axvline(number, color="#333333", lw=0.9, zorder=0)
        texts = dict(zip(*one.ticks(), strict=True))
        if len(texts) > 2 * _MOST_TICKS:
            texts = dict(list(texts.items())[:: math.ceil(len(texts) / _MOST_TICKS)])
        for place, text in texts.items():
            axis.text(
                number + 0.04,
                place,
                text,
                fontsize=9,
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
            )
    labels = [one.name.replace(".", ".\n") for one in every]
    axis.set_xticks(range(len(every)), labels)
    axis.set_xlim(-0.1, len(every) - 0.6)
    axis.set_ylim(-0.05, 1.05)
    axis.set_yticks([])
    axis.tick_params(axis="x", which="both", length=0)
    axis.minorticks_off()
    for side in ("top", "right", "left", "bottom"):
        axis.spines[side].set_visible(False)


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + (abs(low) or 1.0))


def draw_importance(importances: Mapping[str, float], trials: int) -> Figure:
    """Draw how much each parameter matters, the most important above.

    Parameters
    ----------
    importances : mapping of str to float
        Their sum is 1.
    trials : int
        From which they were estimated.

    Returns
    -------
    Figure
    """
    ordered = sorted(importances.items(), key=lambda item: item[1])
    figure, axis = plt.subplots(figsize=(6.4, 1.6 + 0.42 * len(ordered)), layout="constrained")
    axis.barh(range(len(ordered)), [value for _, value in ordered], color=TRAINING)
    for place, (_, value) in enumerate(ordered):
        axis.text(value + 0.01, place, f"{value:.2f}", va="center", fontsize=10)
    axis.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axis.tick_params(axis="y", which="both", length=0)
    axis.set_xlim(0, 1.1)
    axis.set_xlabel(f"importance (PED-ANOVA, {trials} trials)")
    return figure


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

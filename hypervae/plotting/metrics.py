"""Metrics in units of their truth floor, and what they are called in figures and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hypervae.observables import OBSERVABLES

_OTHERS = {
    "w1m": "W1M",
    "w1p": "W1P",
    "w1p_etarel": r"W1P $\eta^{\mathrm{rel}}$",
    "w1p_phirel": r"W1P $\phi^{\mathrm{rel}}$",
    "w1p_ptrel": r"W1P $p_T^{\mathrm{rel}}$",
    "w1efp": "W1EFP",
    "fpd": "FPD",
    "kpd": "KPD",
    "fpnd": "FPND",
    "cov": "1 − coverage",
    "mmd": "MMD",
    "auc": "|AUC − 0.5|",
    **{f"w1_e{n}c": f"$W_1$ E{n}C" for n in (2, 3, 4)},
    **{f"deviation_e{n}c": f"|ratio − 1| E{n}C" for n in (2, 3, 4)},
    "deviation_e3c_e2c": "|ratio − 1| E3C/E2C",
    "w1_mass_ratio": r"$m^{\mathrm{kept}}/m^{\mathrm{jet}}$",
    "w1_sum_ptrel": r"$\sum p_T^{\mathrm{rel}}$",
    "w1_mass_at_multiplicity": r"$m^{\mathrm{kept}}/p_T^{\mathrm{jet}}$ at fixed $N$",
    "sliced_w1_mass_pt": r"($m^{\mathrm{jet}}, p_T^{\mathrm{jet}}$)",
    "single_particle": "one-particle jets",
    "nearer_training": "|nearer to training − 0.5|",
    "nearest_distance": "|nearest distances' ratio − 1|",
    "own_distance": "|own distances' ratio − 1|",
    "repeats": "|repeats − 0.01|",
}
#: What metrics are at best that are neither distances nor shares of something good.
_IDEAL = {
    "auc": 0.5,
    "nearer_training": 0.5,
    "nearest_distance": 1.0,
    "own_distance": 1.0,
    "repeats": 0.01,
}


class InFloors(NamedTuple):
    """A metric's distance from the ideal in units of the floor's.

    Parameters
    ----------
    value, error : float
        The error combines those of the metric and of the floor.
    clear : bool
        Whether the floor differs from the ideal by more than its error; if it does not, its error
        is the unit instead.
    """

    value: float
    error: float
    clear: bool


def in_floors(name: str, metric: Mapping[str, Any]) -> InFloors | None:
    """A metric in units of its truth floor: 1 is as good as real jets, more is worse.

    A distance is ideal at 0, a metric of which more is better at 1, the AUC at 0.5. Floors that are
    0 within their error (as may be those of FPD, extrapolated to infinite batches, and of KPD, free
    of bias and of either sign) are no unit: their error stands in. None where both are 0.

    Parameters
    ----------
    name : str
        Of the metric.
    metric : mapping
        As the evaluation writes it.

    Returns
    -------
    InFloors, optional
        None where there is no floor to compare with.
    """
    value, floor = (excess(name, metric, metric[key]) for key in ("value", "floor"))
    clear = floor > metric["floor_error"]
    unit = floor if clear else metric["floor_error"]
    if not unit > 0:
        return None
    # Of a quotient of two measured numbers, or of one alone.
    floor_part = value * metric["floor_error"] / unit if clear else 0.0
    return InFloors(value / unit, math.hypot(metric["error"], floor_part) / unit, clear)


def excess(name: str, metric: Mapping[str, Any], value: float) -> float:
    """How far a value is from the ideal.

    Parameters
    ----------
    name : str
        Of the metric.
    metric : mapping
        As the evaluation writes it.
    value : float

    Returns
    -------
    float
    """
    if name in _IDEAL:
        return abs(value - _IDEAL[name])
    return 1.0 - value if metric.get("higher_is_better") else value


def label(name: str) -> str:
    """What a metric is called in the figure.

    Parameters
    ----------
    name : str
        Of the metric.

    Returns
    -------
    str
    """
    if name in _OTHERS:
        return _OTHERS[name]
    measure, _, observable = name.partition("_")
    if observable in OBSERVABLES and measure in ("w1", "overlap"):
        return OBSERVABLES[observable].label
    return name


def ordered(names: Iterable[str]) -> list[str]:
    """Names of metrics, each once, in the order of the figures; unknown ones last, by name.

    Parameters
    ----------
    names : iterable of str
        Of metrics.

    Returns
    -------
    list of str
    """
    known = [*_OTHERS]
    known += [f"{measure}_{name}" for measure in ("w1", "overlap") for name in OBSERVABLES]
    found = set(names)
    return [name for name in known if name in found] + sorted(found - set(known))


def columns(names: Iterable[str]) -> dict[str, list[str]]:
    """Metrics by the columns of the figure, in order; empty columns are left out.

    Parameters
    ----------
    names : iterable of str
        Of metrics.

    Returns
    -------
    dict of str to list of str
    """
    found: dict[str, list[str]] = {"standard": [], "w1": [], "overlap": []}
    for name in ordered(names):
        measure, _, observable = name.partition("_")
        column = measure if measure in found and observable in OBSERVABLES else "standard"
        found[column].append(name)
    return {column: members for column, members in found.items() if members}

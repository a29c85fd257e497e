"""The objective of a sweep, from the results of evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypervae.config.sweep import ObjectiveConfig
from hypervae.errors import HyperVAEError
from hypervae.plotting.metrics import excess, in_floors


class NoObjective(HyperVAEError):
    """A metric that the objective needs could not be computed."""


def objective_of(config: ObjectiveConfig, results: Sequence[Mapping[str, Any]]) -> float:
    """The objective: the mean over the jet types of a model.

    Parameters
    ----------
    config : ObjectiveConfig
    results : sequence of mapping
        Of each jet type, as ``hypervae evaluate`` writes them.

    Returns
    -------
    float
        Less is better; in units of the metric, or of truth floors.

    Raises
    ------
    NoObjective
        Naming the metric, and why it is missing.
    """
    values = [_of_type(config, result) for result in results]
    return sum(values) / len(values)


def metrics_of(config: ObjectiveConfig, results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The values of the objective's metrics, for the table.

    Parameters
    ----------
    config : ObjectiveConfig
    results : sequence of mapping

    Returns
    -------
    dict of str to float
        With the jet type before the name where there are several.
    """
    found = {}
    for result in results:
        above = f"{result['jet_type']}/" if len(results) > 1 else ""
        for name in config.floors or [config.metric]:
            if name in result["metrics"]:
                found[f"{above}{name}"] = float(result["metrics"][name]["value"])
    return found


def _of_type(config: ObjectiveConfig, result: Mapping[str, Any]) -> float:
    for name in config.floors or [config.metric]:
        if name not in result["metrics"]:
            why = result.get("unavailable", {}).get(name, "it is not in the results")
            raise NoObjective(f"{name} of {result['jet_type']} jets: {why}")
    if config.metric:
        metric = result["metrics"][config.metric]
        return excess(config.metric, metric, float(metric["value"]))
    total = 0.0
    for name in config.floors:
        measured = in_floors(name, result["metrics"][name])
        if measured is None:
            raise NoObjective(f"{name} of {result['jet_type']} jets: it has no truth floor")
        total += measured.value
    return total

"""The figures of a sweep, from its ranking."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna

from hypervae.plotting.metrics import label
from hypervae.plotting.style import figure_style, save
from hypervae.plotting.sweep import Axis, draw_importance, draw_parallel
from hypervae.sweep.plan import SweepPlan
from hypervae.sweep.ranking import Ranked
from hypervae.sweep.space import Parameter

PARALLEL, IMPORTANCE = "parallel.png", "importance.png"
_LOG = logging.getLogger(__name__)


def draw_sweep(
    folder: Path, plan: SweepPlan, ranking: Sequence[Ranked], first: Sequence[Ranked]
) -> list[Path]:
    """Draw the figures of a sweep, into its folder.

    Parameters
    ----------
    folder : Path
    plan : SweepPlan
    ranking : sequence of Ranked
        By the longest run of each trial.
    first : sequence of Ranked
        By the runs of the first rung, which can be compared.

    Returns
    -------
    list of Path
        What was drawn.
    """
    done = [one for one in ranking if one.objective is not None]
    drawn, config = [folder / PARALLEL], plan.workflow.config.plot
    with figure_style(config):
        axes = [_axis(parameter, done) for parameter in plan.space.parameters]
        objective = [float(one.objective or 0.0) for one in done]
        save(draw_parallel(axes, objective, _name(plan)), config.dpi, drawn[0])
        compared = [one for one in first if one.objective is not None]
        importances = importances_of(plan, compared)
        if importances:
            drawn.append(folder / IMPORTANCE)
            save(draw_importance(importances, len(compared)), config.dpi, drawn[1])
        else:
            _LOG.info("no figure of importances: the trials do not differ in their objective")
    return drawn


def importances_of(plan: SweepPlan, done: Sequence[Ranked]) -> dict[str, float]:
    """How much each parameter matters for the objective, by PED-ANOVA (arXiv:2304.10255).

    Parameters
    ----------
    plan : SweepPlan
    done : sequence of Ranked
        With an objective each.

    Returns
    -------
    dict of str to float
        Empty where there is nothing to tell by.
    """
    if len({one.objective for one in done}) < 2:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    for one in done:
        coded = {
            parameter.name: parameter.coded(one.trial.values[parameter.name])
            for parameter in plan.space.parameters
        }
        study.add_trial(
            optuna.trial.create_trial(
                params=coded, distributions=plan.space.distributions, value=one.objective
            )
        )
    with warnings.catch_warnings():  # Optuna calls the evaluator experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(value) for name, value in found.items()}


def _name(plan: SweepPlan) -> str:
    objective = plan.config.objective
    if objective.metric:
        return label(objective.metric)
    if len(objective.floors) == 1:
        return f"{label(objective.floors[0])} / floor"
    return f"sum of {len(objective.floors)} metrics / floor"


def _axis(parameter: Parameter, done: Sequence[Ranked]) -> Axis:
    values = [one.trial.values[parameter.name] for one in done]
    if not parameter.values:
        return Axis(parameter.name, values, parameter.log)
    texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
    choices = [value if isinstance(value, str) else json.dumps(value) for value in parameter.values]
    return Axis(parameter.name, texts, choices=choices)

"""What a sweep is about, read from its file and from the config: space, rungs, jobs' settings."""

from __future__ import annotations

import copy
import functools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypervae.config import Section, decisive
from hypervae.config.messages import text_keys
from hypervae.config.models import with_changes
from hypervae.config.sweep import SWEPT, SweepConfig
from hypervae.config.yaml_text import read_yaml_file
from hypervae.errors import ConfigError
from hypervae.evaluation.metrics import chosen
from hypervae.sweep.samplers.registry import SAMPLERS
from hypervae.sweep.space import Space, nested, read_space
from hypervae.workflow import Plan


@dataclass(frozen=True)
class SweepPlan:
    """A sweep file and the config that it varies, checked.

    Attributes
    ----------
    config : SweepConfig
    base : dict
        The config of the workflow, as loaded and merged.
    model : str
        Which of its models is varied.
    space : Space
    """

    config: SweepConfig
    base: dict[str, Any]
    model: str
    space: Space

    @functools.cached_property
    def workflow(self) -> Plan:
        """The config without the sweep."""
        return Plan(self.base)

    @property
    def jet_types(self) -> list[str]:
        """Of the model."""
        return self.workflow.types_of(self.model)

    @property
    def trials(self) -> int:
        """How many there are."""
        if self.config.sampler == "grid":
            return min(len(self.space.points()), self.config.trials)
        return self.config.trials

    @property
    def independent(self) -> bool:
        """Whether values are chosen without results."""
        return SAMPLERS[self.config.sampler].independent

    def rungs(self) -> list[tuple[int, int]]:
        """Trials and epochs of each rung of the halving; epochs 0: what a trial's own config says.

        Returns
        -------
        list of (int, int)
        """
        halving = self.config.halving
        if not halving.epochs:
            return [(self.trials, 0)]
        last = self.workflow.sections(self.model).train.epochs
        trials, epochs, rungs = self.trials, halving.epochs, []
        while epochs < last:
            rungs.append((trials, epochs))
            trials, epochs = max(trials // halving.factor, 1), epochs * halving.factor
        return [*rungs, (trials, last)]

    def config_of(self, values: Mapping[str, Any], epochs: int = 0) -> dict[str, Any]:
        """The config of the workflow with the model of a trial alone.

        Parameters
        ----------
        values : mapping of str to object
            Of the parameters.
        epochs : int
            Of the rung; 0 for what the config says.

        Returns
        -------
        dict
        """
        config = copy.deepcopy(self.base)
        entry = config["models"][self.model]
        rung = {"train.epochs": epochs, "train.steps": 0} if epochs else {}
        changes = nested({**values, **rung})
        for section in SWEPT:
            if section in changes:
                entry[section] = _merged(entry.get(section) or {}, changes[section])
        config["models"] = {self.model: entry}
        return config

    def decides(self) -> dict[str, Any]:
        """What may not change while a sweep goes on, since its trials could not be compared.

        Returns
        -------
        dict
        """
        config = self.workflow.config
        about = decisive(config)
        about["models"] = {self.model: config.models[self.model].to_dict()}
        types = about["data"]["jet_types"]
        about["data"]["jet_types"] = {name: types[name] for name in self.jet_types}
        for section in ("plot", "equivariance", "reconstruction"):
            about.pop(section, None)
        own = self.config
        sweep = {
            "parameters": own.parameters,
            "objective": own.objective.to_dict(),
            "halving": own.halving.to_dict(),
            "sampler": own.sampler,
            "seed": own.seed,
        }
        content: dict[str, Any] = json.loads(json.dumps({**sweep, "config": about}))
        return content


def read_sweep(file: str | os.PathLike[str]) -> SweepPlan:
    """Read a sweep file, and the config that it names.

    Parameters
    ----------
    file : path-like
        YAML; see `hypervae.config.sweep.SweepConfig`.

    Returns
    -------
    SweepPlan

    Raises
    ------
    ConfigError
        Naming the file and the key, one line for each mistake.
    """
    try:
        config = SweepConfig.of(read_yaml_file(file, f"config: {os.fspath(file)}"))
        base = merged_configs(config.config)
    except ConfigError as error:
        raise _of_file(file, error) from None
    workflow = Plan(base)  # whose mistakes are the config's
    try:
        model = _model(config, workflow)
        space = read_space(config.parameters, workflow.sections(model))
        plan = SweepPlan(config, base, model, space)
        _check(plan)
    except ConfigError as error:
        raise _of_file(file, error) from None
    return plan


def merged_configs(files: Sequence[str | os.PathLike[str]]) -> dict[str, Any]:
    """Config files of the workflow, merged as Snakemake does.

    Parameters
    ----------
    files : sequence of path-like

    Returns
    -------
    dict
    """
    merged: dict[str, Any] = {}
    for file in files:
        content = read_yaml_file(file, f"config: {os.fspath(file)}")
        merged = _merged(merged, text_keys(content))
    return merged


def _of_file(file: str | os.PathLike[str], error: ConfigError) -> ConfigError:
    lines = [line.removeprefix("config: ") for line in str(error).splitlines()]
    return ConfigError("\n".join(f"{os.fspath(file)}: {line}" for line in lines))


def _model(config: SweepConfig, workflow: Plan) -> str:
    known = ", ".join(workflow.models)
    if not config.model and len(workflow.models) == 1:
        return workflow.models[0]
    if config.model not in workflow.models:
        raise ConfigError(f"config: model: found {config.model!r}, expected one of {known}")
    if workflow.config.models[config.model].weights:
        expected = f"a model that is trained, of {known}"
        raise ConfigError(
            f"config: model: found {config.model!r} with weights, expected {expected}"
        )
    return config.model


def _check(plan: SweepPlan) -> None:
    """What is wrong between the sweep and the config."""
    sections = plan.workflow.sections(plan.model)
    halving, train = plan.config.halving, sections.train
    if plan.config.sampler == "grid":
        plan.space.grid()
    if halving.epochs:
        for key in ("train.epochs", "train.steps"):
            if key in plan.space.names:
                raise ConfigError(f"config: parameters.{key}: found beside halving, expected none")
        if halving.epochs >= train.epochs:
            expected = f"fewer than train.epochs, {train.epochs}"
            raise ConfigError(
                f"config: halving.epochs: found {halving.epochs}, expected {expected}"
            )
    computed = chosen(plan.workflow.config.evaluate.metrics)
    known = [metric for group in computed.values() for metric in group]
    objective = plan.config.objective
    for key, metrics in (("metric", [objective.metric]), ("floors", objective.floors)):
        for metric in metrics:
            if metric and metric not in known:
                expected = f"one that evaluate.metrics of the config computes ({', '.join(known)})"
                raise ConfigError(f"config: objective.{key}: found {metric!r}, expected {expected}")


def sections_of(plan: SweepPlan, values: Mapping[str, Any]) -> dict[str, Section]:
    """The sections of a trial, checked.

    Parameters
    ----------
    plan : SweepPlan
    values : mapping of str to object

    Returns
    -------
    dict of str to Section

    Raises
    ------
    ConfigError
        If the values do not fit each other.
    """
    base, changes = plan.workflow.sections(plan.model), nested(values)
    return {
        name: with_changes(getattr(base, name), changes.get(name, {}), f"{name}.") for name in SWEPT
    }


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            value = _merged(merged[name], value)
        merged[name] = value
    return merged

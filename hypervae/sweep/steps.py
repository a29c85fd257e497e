"""The steps of a trial: the workflow's subcommands, with the settings that its rules would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypervae.sweep.inputs import Inputs
from hypervae.sweep.plan import SweepPlan
from hypervae.workflow import Plan


@dataclass(frozen=True)
class Step:
    """A subcommand that a trial runs.

    Attributes
    ----------
    name : str
        For its log and for the mark that it is done.
    arguments : tuple of str
        Of ``hypervae``.
    """

    name: str
    arguments: tuple[str, ...]


def epochs_of(plan: SweepPlan, values: Mapping[str, Any], epochs: int) -> int:
    """Epochs of a run.

    Parameters
    ----------
    plan : SweepPlan
    values : mapping of str to object
    epochs : int
        Of the rung, or 0.

    Returns
    -------
    int
    """
    workflow = Plan(plan.config_of(values, epochs))
    return workflow.sections(plan.model).train.epochs


def steps_of(
    plan: SweepPlan, inputs: Inputs, folder: Path, values: Mapping[str, Any], epochs: int
) -> tuple[Step, ...]:
    """The steps of a run: train, then generate and evaluate each jet type.

    Parameters
    ----------
    plan : SweepPlan
    inputs : Inputs
        From whose folder the steps run.
    folder : Path
        Absolute; of the run, beside those of the trial's other rungs and its checkpoints.
    values : mapping of str to object
    epochs : int
        Of the rung, or 0.

    Returns
    -------
    tuple of Step

    Raises
    ------
    ConfigError
        If the values do not fit each other.
    """
    workflow = Plan(plan.config_of(values, epochs))
    model = str(folder / "model")
    steps = [Step("train", _train(workflow, inputs, folder))]
    for jet_type in inputs.jet_types:
        generated, result = (str(folder / name) for name in files_of(jet_type))
        arguments = ["generate", "--model", model, "--jet-type", jet_type, "--threads", "1"]
        arguments += ["--config", workflow.generation(inputs.model), "--output", generated]
        arguments += workflow.execution_options("generate", inputs.model).split()
        steps.append(Step(f"generate-{jet_type}", tuple(arguments)))
        arguments = ["evaluate", "--generated", generated, "--real", inputs.real(jet_type)]
        arguments += ["--jet-type", jet_type, "--model-name", inputs.model, "--output", result]
        arguments += ["--config", workflow.section("evaluate", inputs.model)]
        steps.append(Step(f"evaluate-{jet_type}", tuple(arguments)))
    return tuple(steps)


def files_of(jet_type: str) -> tuple[str, str]:
    """Generated jets and results of a type, below the folder of a run.

    Parameters
    ----------
    jet_type : str

    Returns
    -------
    generated, results : str
    """
    return f"generated/{jet_type}.h5", f"evaluation/{jet_type}.json"


def _train(workflow: Plan, inputs: Inputs, folder: Path) -> tuple[str, ...]:
    arguments = ["train", "--shards", inputs.shards, "--correlators", inputs.correlators]
    arguments += ["--normalization", inputs.normalization, "--output-dir", str(folder / "model")]
    arguments += ["--checkpoint-dir", str(folder.parent / "checkpoints")]
    arguments += ["--jet-types", ",".join(inputs.jet_types)]
    arguments += ["--threads", str(workflow.training_cpus(inputs.model))]
    initial = workflow.given_files(inputs.model)
    arguments += ["--init-from", str(Path(initial[0]).resolve())] if initial else []
    arguments += ["--config", workflow.section("train", inputs.model)]
    return (*arguments, *workflow.execution_options("train", inputs.model).split())

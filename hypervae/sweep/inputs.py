"""What all trials share: shards, correlators and normalization, made once by the workflow."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hypervae.config import decisive, resolve_config
from hypervae.config.yaml_text import read_yaml_file
from hypervae.errors import ConfigError, HyperVAEError
from hypervae.stopped import wait
from hypervae.sweep.plan import SweepPlan

#: The folder in which the package lies, and in a checkout the workflow.
LIBRARY = Path(__file__).resolve().parents[2]
#: The sections that decide these files.
_SECTIONS = ("data", "correlators", "hyperedges", "normalization")


@dataclass(frozen=True)
class Inputs:
    """Files below the folder of a run, from which their entries count, too.

    Attributes
    ----------
    folder : Path
        Absolute.
    model : str
    jet_types : tuple of str
    """

    folder: Path
    model: str
    jet_types: tuple[str, ...]

    @property
    def normalization(self) -> str:
        """Of the model."""
        return f"results/normalization/{self.model}.h5"

    @property
    def shards(self) -> str:
        """List of all shards of the model."""
        return f"results/lists/models/{self.model}.shards.txt"

    @property
    def correlators(self) -> str:
        """List of the correlator files, in the same order."""
        return f"results/lists/models/{self.model}.correlators.txt"

    def real(self, jet_type: str) -> str:
        """List of the shards of a type.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        str
        """
        return f"results/lists/shards/{jet_type}.txt"

    @property
    def files(self) -> list[str]:
        """All of them."""
        lists = [self.real(jet_type) for jet_type in self.jet_types]
        return [self.normalization, self.shards, self.correlators, *lists]


def make_inputs(plan: SweepPlan, log: Path) -> Inputs:
    """Let the workflow make what is not there yet, or take what another run has made.

    Parameters
    ----------
    plan : SweepPlan
    log : Path
        Gets what Snakemake says.

    Returns
    -------
    Inputs

    Raises
    ------
    HyperVAEError
        If the workflow fails, or the other run is not one of the same jets.
    """
    given = plan.config.inputs
    inputs = Inputs(Path(os.path.realpath(given or os.curdir)), plan.model, tuple(plan.jet_types))
    if given:
        _check_given(plan, inputs)
    else:
        _run_workflow(plan, inputs, log)
    return inputs


def _check_given(plan: SweepPlan, inputs: Inputs) -> None:
    for file in inputs.files:
        if not (inputs.folder / file).is_file():
            raise ConfigError(
                f"inputs: found no {inputs.folder / file}, expected the folder in which the "
                f"workflow has run for model {inputs.model!r}"
            )
    resolved = inputs.folder / "results" / "config.yaml"
    if not resolved.is_file():
        return
    there = resolve_config(read_yaml_file(resolved))
    for section in _SECTIONS:
        own, other = (decisive(getattr(c, section)) for c in (plan.workflow.config, there))
        if section == "data":
            for config in (own, other):
                types = config["jet_types"]
                config["jet_types"] = {name: types.get(name) for name in inputs.jet_types}
        if own != other:
            raise ConfigError(
                f"inputs: found another section {section} in {resolved}, expected that of the "
                "config of the sweep"
            )


def _run_workflow(plan: SweepPlan, inputs: Inputs, log: Path) -> None:
    snakefile = LIBRARY / "workflow" / "Snakefile"
    if not snakefile.is_file():
        raise HyperVAEError(
            f"sweep: found no {snakefile}, expected a checkout with the workflow beside the "
            "library; or name a run of the workflow as inputs"
        )
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)]
    command += ["--configfile", *plan.config.config, *plan.config.workflow, "--", *inputs.files]
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        open(log, "a", encoding="utf-8") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            code = wait(process, "sweep: the workflow")
        except BaseException:
            process.kill()
            raise
    if code:
        raise HyperVAEError(
            f"sweep: the workflow ended with {code} while it made shards, correlators "
            f"and normalization; {log} says why"
        )

"""What a sweep leaves in its folder, from which it goes on: trials, their runs, Optuna's study."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from hypervae.errors import ConfigError, InputError
from hypervae.formats.evaluation import read_results
from hypervae.io import write_json
from hypervae.sweep.job import FAILURE
from hypervae.sweep.jobs import JobId
from hypervae.sweep.objective import NoObjective, metrics_of, objective_of
from hypervae.sweep.plan import SweepPlan
from hypervae.sweep.samplers.registry import SAMPLERS
from hypervae.sweep.steps import files_of

_SWEEP, _STUDY, _TRIALS = "sweep.json", "study.journal", "trials"
_TRIAL, _JOB = "trial.json", "job.json"


@dataclass(frozen=True)
class Trial:
    """Values of the parameters.

    Attributes
    ----------
    number : int
        From 0.
    values : dict of str to object
        As the config has them.
    optuna : int
        Its number in Optuna's study.
    """

    number: int
    values: Mapping[str, Any]
    optuna: int


@dataclass(frozen=True)
class Outcome:
    """How a run of a trial ended.

    Attributes
    ----------
    state : str
        ``"done"``, ``"failed"`` or ``"cancelled"``.
    objective : float, optional
        Of one that is done.
    metrics : dict of str to float
        The objective's.
    reason : str
        Of another.
    """

    state: str
    objective: float | None
    metrics: Mapping[str, float]
    reason: str = ""


class Store:
    """The folder of a sweep.

    Parameters
    ----------
    folder : Path
        Absolute.
    plan : SweepPlan

    Raises
    ------
    ConfigError
        If it holds another sweep.
    """

    def __init__(self, folder: Path, plan: SweepPlan):
        self.folder, self.plan = folder, plan
        folder.mkdir(parents=True, exist_ok=True)
        self._check()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / _STUDY))),
            study_name="sweep",
            load_if_exists=True,
        )
        self.trials: list[Trial] = []
        while (path := self.folder_of(len(self.trials)) / _TRIAL).is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            number = len(self.trials)
            self.trials.append(Trial(number, content["values"], content["optuna"]))
        self._forget_unkept()

    def folder_of(self, number: int) -> Path:
        """The folder of a trial.

        Parameters
        ----------
        number : int

        Returns
        -------
        Path
        """
        return self.folder / _TRIALS / f"{number:04d}"

    def run_of(self, trial: Trial, epochs: int) -> Path:
        """The folder of one of a trial's runs.

        Parameters
        ----------
        trial : Trial
        epochs : int

        Returns
        -------
        Path
        """
        return self.folder_of(trial.number) / f"epochs-{epochs:04d}"

    def ask(self) -> Trial:
        """Choose the values of one more trial, and keep them.

        Returns
        -------
        Trial
        """
        number, space = len(self.trials), self.plan.space
        sampler = SAMPLERS[self.plan.config.sampler]
        self.study.sampler = sampler.make(space, self.plan.config.seed, number)
        asked = self.study.ask(space.distributions)
        trial = Trial(number, space.decoded(asked.params), asked.number)
        write_json(
            self.folder_of(number) / _TRIAL, {"values": dict(trial.values), "optuna": trial.optuna}
        )
        self.trials.append(trial)
        return trial

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Let the sampler know how a trial ended in the first rung; telling twice does nothing.

        Parameters
        ----------
        trial : Trial
        outcome : Outcome
        """
        known = self.study.trials[trial.optuna]
        if known.state == TrialState.RUNNING:
            state = TrialState.COMPLETE if outcome.objective is not None else TrialState.FAIL
            self.study.tell(trial.optuna, outcome.objective, state=state)
        elif known.state == TrialState.FAIL and outcome.objective is not None:
            told = [one for one in self.study.trials if one.user_attrs.get("again") == trial.optuna]
            if not told:  # it was tried again, and Optuna takes no second word
                self.study.add_trial(
                    create_trial(
                        params=known.params,
                        distributions=known.distributions,
                        value=outcome.objective,
                        user_attrs={"again": trial.optuna},
                    )
                )

    def outcome(self, run: Path) -> Outcome | None:
        """How a run ended.

        Parameters
        ----------
        run : Path

        Returns
        -------
        Outcome, optional
            None if it has not.
        """
        failure = run / FAILURE
        if failure.is_file():
            content = json.loads(failure.read_text(encoding="utf-8"))
            step = f"{content['step']}: " if content["step"] else ""
            return Outcome(content.get("state", "failed"), None, {}, step + content["reason"])
        types = self.plan.jet_types
        if not all((run / f"evaluate-{jet_type}.done").is_file() for jet_type in types):
            return None
        objective = self.plan.config.objective
        try:
            results = read_results([run / files_of(jet_type)[1] for jet_type in types])
            value = objective_of(objective, results)
        except (InputError, NoObjective) as error:
            return Outcome("failed", None, {}, str(error))
        return Outcome("done", value, metrics_of(objective, results))

    def fail(self, run: Path, reason: str, state: str = "failed") -> None:
        """Note that a run has ended without a result.

        Parameters
        ----------
        run : Path
        reason : str
        state : str
        """
        write_json(run / FAILURE, {"step": "", "reason": reason, "state": state})

    def forgive(self) -> None:
        """Forget failures, so that these runs are tried again; what is done of them stays."""
        for failure in self.folder.glob(f"{_TRIALS}/*/*/{FAILURE}"):
            failure.unlink()
            (failure.parent / _JOB).unlink(missing_ok=True)

    def job_of(self, run: Path) -> JobId | None:
        """The job that was sent last for a run.

        Parameters
        ----------
        run : Path

        Returns
        -------
        JobId, optional
        """
        path = run / _JOB
        return JobId(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def keep_job(self, run: Path, job: JobId) -> None:
        """Keep which job was sent for a run.

        Parameters
        ----------
        run : Path
        job : JobId
        """
        write_json(run / _JOB, asdict(job))

    def _check(self) -> None:
        """Refuse to go on with a sweep that is another by now."""
        path, now = self.folder / _SWEEP, self.plan.decides()
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            changed = list(differences(before, now))
            if changed:
                raise ConfigError(
                    f"{self.folder}: found a sweep that was begun with other values of "
                    f"{', '.join(changed)}; expected the same, or another --output-dir"
                )
            return
        write_json(path, now)

    def _forget_unkept(self) -> None:
        """A sweep that was killed between asking and keeping has asked for nothing."""
        kept = {trial.optuna for trial in self.trials}
        for one in self.study.trials:
            if one.state == TrialState.RUNNING and one.number not in kept:
                self.study.tell(one.number, state=TrialState.FAIL)
        left = self.folder_of(len(self.trials))
        if left.is_dir():
            shutil.rmtree(left)


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], above: str = ""
) -> Sequence[str]:
    """Names of the keys that differ.

    Parameters
    ----------
    before, now : mapping
    above : str
        What stands before the names.

    Returns
    -------
    list of str
    """
    found: list[str] = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{above}{name}.")
        elif old != new:
            found.append(f"{above}{name}")
    return found

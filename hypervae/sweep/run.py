"""A sweep from its file to the ranked table; started again, it goes on."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from hypervae.errors import ConfigError, HyperVAEError
from hypervae.io.lock import locked_folder
from hypervae.io.targets import check_targets
from hypervae.sweep.inputs import Inputs, make_inputs
from hypervae.sweep.job import PROGRAM, TrialJob
from hypervae.sweep.jobs import EXECUTORS, JobId, Jobs
from hypervae.sweep.plan import SweepPlan, read_sweep
from hypervae.sweep.ranking import BEST, RANKING, Ranked, ranked, write_ranking
from hypervae.sweep.steps import epochs_of, steps_of
from hypervae.sweep.store import Outcome, Store, Trial

#: How often a job is sent again that ended without a word (a dead node, a killed process).
ATTEMPTS = 3
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    Attributes
    ----------
    plan : SweepPlan
    folder : Path
    ranking : list of Ranked
        The best first.
    first : list of Ranked
        By the first rung alone.
    """

    plan: SweepPlan
    folder: Path
    ranking: list[Ranked]
    first: list[Ranked]


def run_sweep(
    file: str | os.PathLike[str],
    output_dir: str | os.PathLike[str] | None = None,
    executor: str | None = None,
    *,
    retry: bool = False,
) -> SweepResult:
    """Run a sweep, or what is left of it.

    Parameters
    ----------
    file : path-like
        The sweep file.
    output_dir : path-like, optional
        Gets all that the sweep makes; ``results/sweeps/`` and the name of the file, by default.
    executor : str, optional
        In place of that of the file.
    retry : bool
        Whether trials that failed or were cancelled are tried again.

    Returns
    -------
    SweepResult

    Raises
    ------
    HyperVAEError
        If the file is wrong, the workflow cannot make the inputs, no trial came to an end, another
        process runs this sweep, or it was stopped by hand.
    """
    plan = read_sweep(file)
    name = Path(file).stem
    folder = Path(os.path.realpath(output_dir or Path("results", "sweeps", name)))
    read = [
        ("the sweep file", Path(file)),
        *(("its config", Path(one)) for one in plan.config.config),
    ]
    check_targets(read, [("--output-dir", folder / made) for made in (RANKING, BEST)])
    with locked_folder(folder):
        store = Store(folder, plan)
        if retry:
            store.forgive()
        inputs = make_inputs(plan, folder / "inputs.log")
        jobs = EXECUTORS[executor or plan.config.executor](folder / "jobs", plan.config)
        runner = Runner(plan, store, inputs, jobs, name)
        with _stoppable():
            try:
                runner.run()
            except KeyboardInterrupt:
                runner.leave()
        ranking = runner.ranking()
        write_ranking(folder, plan, ranking)
    if not ranking or ranking[0].objective is None:
        reason = next((one.outcome.reason for one in ranking if one.outcome), "none was begun")
        raise HyperVAEError(f"sweep: none of {len(ranking)} trials has a result: {reason}")
    return SweepResult(plan, folder, ranking, runner.first)


@dataclass
class Runner:
    """Runs the rungs of a sweep.

    Attributes
    ----------
    plan : SweepPlan
    store : Store
    inputs : Inputs
    jobs : Jobs
    name : str
    first : list of Ranked
        The trials by the first rung, once it has ended.
    """

    plan: SweepPlan
    store: Store
    inputs: Inputs
    jobs: Jobs
    name: str
    first: list[Ranked] = field(default_factory=list)
    _runs: dict[Path, tuple[Trial, int]] = field(default_factory=dict)
    _outcomes: dict[Path, Outcome] = field(default_factory=dict)
    _sent: dict[Path, int] = field(default_factory=dict)
    _missing: dict[Path, int] = field(default_factory=dict)

    def run(self) -> None:
        """Run all rungs, or what is left of them."""
        for index, (trials, epochs) in enumerate(self.plan.rungs()):
            if index == 0:
                self._rung(self.store.trials[:trials], epochs, trials)
                best = self.first = self.ranking()
            else:
                going_on = [one.trial for one in best if one.objective is not None][:trials]
                names = ", ".join(str(trial.number) for trial in going_on)
                _LOG.info("%d epochs: trials %s go on", epochs, names or "none")
                self._rung(going_on, epochs, 0)
                best = [one for one in self.ranking() if one.trial in going_on]

    def ranking(self) -> list[Ranked]:
        """The trials in their order, as far as they are.

        Returns
        -------
        list of Ranked
        """
        runs = [(*about, self._outcomes.get(run)) for run, about in self._runs.items()]
        return ranked(runs)

    def leave(self) -> NoReturn:
        """End the sweep before its trials have ended.

        Raises
        ------
        HyperVAEError
            Saying how it goes on.
        """
        ids = [self.store.job_of(run) for run in self._runs if run not in self._outcomes]
        alive = self.jobs.alive([one for one in ids if one is not None]) or set()
        what = self.jobs.leave(sorted(alive, key=lambda one: one.id))
        raise HyperVAEError(f"sweep stopped: {what}; the same command continues it")

    def _rung(self, members: Sequence[Trial], epochs: int, wanted: int) -> None:
        """Run trials to the end, and ask for more up to a number, where the sampler is asked."""
        runs = [self._begin(trial, epochs) for trial in members]
        while True:
            self._collect(runs, first=wanted > 0)
            open_runs = [run for run in runs if run not in self._outcomes]
            waiting, working = self._look(open_runs)
            free = self._free(working)
            most = free if self.plan.independent else self.plan.config.parallel - working
            while wanted > len(runs) and len(waiting) < most:
                run = self._begin(self.store.ask(), epochs)
                runs.append(run)
                if run not in self._outcomes:
                    waiting.append(run)
            self._submit(waiting[:free])
            if len(runs) >= wanted and all(run in self._outcomes for run in runs):
                self._collect(runs, first=wanted > 0)
                return
            time.sleep(self.jobs.interval)

    def _free(self, working: int) -> int:
        """How many jobs may be sent now: as many as are missing, or one array."""
        if self.jobs.largest_array and not working:
            return self.jobs.largest_array
        return max(self.plan.config.parallel - working, 0)

    def _begin(self, trial: Trial, epochs: int) -> Path:
        """The folder of a run; values that do not fit each other end it at once."""
        wrong = ""
        try:
            epochs = epochs_of(self.plan, trial.values, epochs)
        except ConfigError as error:
            wrong = str(error).replace("\n", "; ")
        run = self.store.run_of(trial, epochs)
        self._runs[run] = (trial, epochs)
        if wrong:
            self.store.fail(run, wrong)
        outcome = self.store.outcome(run)
        if outcome is not None:
            self._outcomes[run] = outcome
        return run

    def _collect(self, runs: Sequence[Path], *, first: bool) -> None:
        """See which runs have ended."""
        news = False
        for run in runs:
            outcome = self._outcomes.get(run) or self.store.outcome(run)
            if outcome is None:
                continue
            if first:
                self.store.tell(self._runs[run][0], outcome)
            if run not in self._outcomes:
                self._outcomes[run] = outcome
                self._say(run, outcome)
                news = True
        if news:
            write_ranking(self.store.folder, self.plan, self.ranking())

    def _say(self, run: Path, outcome: Outcome) -> None:
        trial, epochs = self._runs[run]
        values = ", ".join(f"{name} {value}" for name, value in trial.values.items())
        if outcome.objective is None:
            _LOG.warning(
                "trial %d (%s): %s: %s", trial.number, values, outcome.state, outcome.reason
            )
            return
        _LOG.info(
            "trial %d (%s): %.6g after %d epochs", trial.number, values, outcome.objective, epochs
        )

    def _look(self, runs: Sequence[Path]) -> tuple[list[Path], int]:
        """Runs that have no job, and how many have one that waits or works."""
        ids = {run: self.store.job_of(run) for run in runs}
        alive = self.jobs.alive([one for one in ids.values() if one is not None])
        waiting, working = [], 0
        for run, job in ids.items():
            if job is None:
                waiting.append(run)
            elif alive is None or job in alive:
                working += 1
                self._missing.pop(run, None)
            elif self._ended(run, job):
                waiting.append(run)
            else:
                working += run not in self._outcomes
        return waiting, working

    def _ended(self, run: Path, job: JobId) -> bool:
        """Whether the job of a run is gone without a word, and another is to be sent."""
        # its last word may be on its way, over a network file system or through Slurm's database
        self._missing[run] = self._missing.get(run, 0) + 1
        if self._missing[run] < 3 or self.store.outcome(run) is not None:
            return False
        self._missing.pop(run)
        state = self.jobs.end_of(job)
        if state.startswith("CANCELLED"):
            self.store.fail(run, f"job {job.id} was cancelled", "cancelled")
            return False
        if state.startswith("OUT_OF_ME"):
            self.store.fail(run, f"job {job.id} needed more than slurm.memory_gb")
            return False
        if self._sent.get(run, 0) >= ATTEMPTS:
            word = f" ({state})" if state else ""
            self.store.fail(run, f"its jobs ended without a word, {ATTEMPTS} times{word}")
            return False
        _LOG.warning(
            "trial %d: job %s ended without a word%s, as a killed job does; it is sent again",
            self._runs[run][0].number,
            job.id,
            f" ({state})" if state else "",
        )
        return True

    def _submit(self, runs: Sequence[Path]) -> None:
        if not runs:
            return
        cpus = self.plan.workflow.training_cpus(self.plan.model)
        sent = self.jobs.submit([self._job(run, cpus) for run in runs], self.name, cpus)
        for run, job in zip(runs, sent, strict=True):
            self.store.keep_job(run, job)
            self._sent[run] = self._sent.get(run, 0) + 1

    def _job(self, run: Path, cpus: int) -> TrialJob:
        trial, epochs = self._runs[run]
        rung = epochs if self.plan.config.halving.epochs else 0
        steps = steps_of(self.plan, self.inputs, run, trial.values, rung)
        # some of the time before the limit is Slurm's and submitit's
        grace = max(self.plan.config.slurm.signal_seconds * 0.8, 5.0)
        return TrialJob(str(run), str(self.inputs.folder), steps, cpus, grace, PROGRAM)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and SIGHUP are a Ctrl-C meanwhile, unless they are ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    stopping = [signal.SIGTERM, signal.SIGHUP]
    heeded = [number for number in stopping if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

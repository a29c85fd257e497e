"""Keep Snakemake's Slurm executor from losing jobs while Slurm does not answer.

snakemake-executor-plugin-slurm (2.8.0, the newest) forgets all of its jobs when the status cannot
be asked for within one cycle, and then waits for ever (docs/slurm-status.md). Here it is held to
what Snakemake asks of every executor: each job that is looked after is reported as ended or handed
back as running. Jobs that are neither are handed back, until Slurm answers, or a deadline ends the
run with an error. Submissions that Slurm's controller could not take are sent again; those that it
refuses are told once, with the remedy, and not tried again.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from hypervae.errors import ConfigError
from hypervae.workflow.slurm.refusals import Refusals

PLUGIN = "snakemake_executor_plugin_slurm"
#: How long a run waits for an answer of Slurm [min], and the variable that says otherwise.
PATIENCE, PATIENCE_VARIABLE = 60.0, "HYPERVAE_SLURM_PATIENCE"
#: How often jobs that seem to run are looked for in the queue, and how long one that is not there
#: may take to be seen by other means [s].
LOOK_EVERY, LOOK_AGAIN = 300.0, 120.0
#: When a submission is sent again [s]; sooner if the patience is short.
RESUBMIT_AFTER = 20.0

# What Slurm says when it is away or busy; nothing is wrong with the job then.
_AWAY = re.compile(
    "unable to contact slurm|socket timed out|connection (?:refused|reset|timed out)|"
    "zero bytes were transmitted|unable to accept job|standby mode|error sending message|"
    "transport endpoint is not connected|resource temporarily unavailable|munge|"
    "unable to establish control|"
    "slurm_persist_conn_open|unexpected message received|could not establish a configuration",
    re.IGNORECASE,
)
_RUNNING = {
    *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "RESIZING"),
    *("STAGE_OUT", "SIGNALING", "STOPPED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"),
    *("PREEMPTED", "RESV_DEL_HOLD", "REVOKED", "NODE_FAIL"),
}


class StatusGuard:
    """What is known of the jobs of one executor beyond what the executor knows.

    Parameters
    ----------
    executor : snakemake_executor_plugin_slurm.Executor
    patience : float
        [s]
    """

    def __init__(self, executor: Any, patience: float) -> None:
        self.executor, self.patience = executor, patience
        self.ended: set[int] = set()
        self.submitted: set[str] = set()
        self.refusals = Refusals()
        self.command: str | None = None
        self.silent_since: float | None = None
        self.refused_since: float | None = None
        self._look_at = time.monotonic() + LOOK_EVERY
        self._suspects: set[str] = set()

    async def check(self, cycle: AsyncIterator[Any], jobs: list[Any]) -> list[Any]:
        """Let the executor ask for the status of jobs; none may get lost.

        Parameters
        ----------
        cycle : asynchronous iterator
            The executor's own, which gives the jobs that are still running.
        jobs : list of SubmittedJobInfo

        Returns
        -------
        list of SubmittedJobInfo
            The jobs that are still running.

        Raises
        ------
        WorkflowError
            If Slurm has not answered for too long.
        """
        self.ended.clear()
        running = [job async for job in cycle]
        kept = {id(job) for job in running} | self.ended
        lost = [job for job in jobs if id(job) not in kept]
        if lost:
            self._unanswered(lost)
            return running + lost
        if self.silent_since is not None:
            self.executor.logger.warning("Slurm says again how the jobs are.")
            self.silent_since = None
            self._look_at = time.monotonic()  # a controller that crashed may have forgotten some
        if running and time.monotonic() >= self._look_at:
            states = self.queue_states()
            running = [job for job in running if not self._gone(job, states)]
            wait = LOOK_AGAIN if self._suspects else LOOK_EVERY
            self._look_at = time.monotonic() + wait
        return running

    def _unanswered(self, lost: list[Any]) -> None:
        command = self.executor.get_status_command()
        now = time.monotonic()
        if self.silent_since is None:
            self.silent_since = now
            self.executor.logger.warning(
                f"{command} fails: Slurm does not say how {len(lost)} jobs are. They are kept, and "
                f"Slurm is asked again for {self.patience / 60:.0f} min ({PATIENCE_VARIABLE})."
            )
        if now - self.silent_since > self.patience:
            raise self._error(command, lost)
        other = {"sacct": "squeue", "squeue": "sacct"}.get(command, "squeue")
        if shutil.which(other):
            self.command = other

    def _error(self, command: str, lost: list[Any]) -> Exception:
        from snakemake_interface_common.exceptions import WorkflowError

        numbers = ", ".join(sorted(job.external_jobid for job in lost)[:20])
        return WorkflowError(
            f"squeue and sacct have failed for {self.patience / 60:.1f} min (last: {command}); "
            f"the run ends, and its {len(lost)} Slurm jobs go on: {numbers}. When "
            "`squeue --me` answers: `make recover` cancels what still runs and goes on from all "
            "that is complete. Does sacct fail on your site always? Then set "
            "`slurm-status-command: squeue` in the profile; the jobs must stay visible to squeue "
            "for 2 min after their end (MinJobAge in `scontrol show config`)."
        )

    def queue_states(self) -> dict[str, str] | None:
        """How the jobs of this run are, by the queue.

        Returns
        -------
        dict of str to str, optional
            States by number of job (that of the array); None if Slurm does not answer.
        """
        name = self.executor.run_uuid
        command = ["squeue", "--noheader", "--states=all", "--format=%F|%T", "--name", name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            return None
        states: dict[str, str] = {}
        for line in done.stdout.splitlines():
            number, _, state = line.strip().partition("|")
            if states.get(number) not in _RUNNING:  # of an array: what runs, counts
                states[number] = state
        return states

    def _gone(self, job: Any, states: dict[str, str] | None) -> bool:
        """Whether a job that the executor takes for running is not there any more.

        Slurm forgets jobs some minutes after their end; so does an accounting that lost them.
        """
        resources = job.job.resources
        elsewhere = any(resources.get(key) for key in ("slurm_cluster", "cluster", "clusters"))
        if states is None or elsewhere:
            return False
        number = job.external_jobid
        state = states.get(number.partition("_")[0])
        if state in _RUNNING:
            self._suspects.discard(number)
            return False
        if number not in self._suspects:  # it may have ended just now
            self._suspects.add(number)
            return False
        if state is not None:  # what the executor asks does not know it
            self.command = "squeue"
            return False
        self._suspects.discard(number)
        self.executor.report_job_error(
            job,
            msg=f"Slurm does not know job {number} any more, and how it ended was not seen while "
            "Slurm did not answer. ",
        )
        return True

    def retries(self, job: Any, message: str | None) -> bool:
        """Whether a job that could not be submitted is sent again, as Slurm is only away.

        Parameters
        ----------
        job : SubmittedJobInfo
        message : str, optional
            What the executor says.

        Returns
        -------
        bool
        """
        text = message or ""
        said = re.search(r"error message was '(.*?)'\.\n", text, re.DOTALL)
        if job.external_jobid is not None or not _AWAY.search(said[1] if said else text):
            return False
        now = time.monotonic()
        if self.refused_since is None:
            self.refused_since = now
            self.executor.logger.warning(
                f"Slurm's controller does not take jobs: {(said[1] if said else text).strip()}. "
                f"They are submitted again for {self.patience / 60:.0f} min ({PATIENCE_VARIABLE})."
            )
        if now - self.refused_since > self.patience:
            return False
        comment = re.search(r" --comment ('[^']*'|\S+)", text)
        comments = shlex.split(comment[1]) if comment else []
        interval = min(RESUBMIT_AFTER, self.patience / 10)
        again = threading.Timer(interval, self._resubmit, [job, text, comments])
        again.daemon = True
        again.start()
        return True

    def failed(
        self, job: Any, message: str | None, report: Callable[..., None], details: dict[str, Any]
    ) -> None:
        """Let a job fail, unless it is submitted again; a refused one for good, told once.

        Parameters
        ----------
        job : SubmittedJobInfo
        message : str, optional
            What the executor says.
        report : callable
            The executor's own way to let it fail.
        details : dict
            Other arguments of that.
        """
        if self.retries(job, message):
            return
        self.ended.add(id(job))
        refused = None
        if job.external_jobid is None:  # never submitted
            refused = self.refusals.told(job.job, message)
        if refused is None:
            report(self.executor, job, msg=message, **details)
        elif refused[1]:
            report(self.executor, job, msg=f"{refused[0]}\n", **details)  # more is added to it
        else:  # what that does, too, without a page for each of a thousand jobs
            self.executor.workflow.scheduler.error_callback(job.job)

    def _resubmit(self, job: Any, message: str, comments: list[str]) -> None:
        if not self.executor.wait:  # the run has ended
            return
        try:
            self.cancel_unseen(comments)
        except (OSError, subprocess.SubprocessError):
            self.executor.report_job_error(job, msg=message)  # still away
            return
        self.executor.run_job(job.job)

    def cancel_unseen(self, comments: list[str]) -> None:
        """Cancel what Slurm took although it did not say so: sbatch timed out.

        Parameters
        ----------
        comments : list of str
            That of the job, which names its rule and wildcards.
        """
        command = ["squeue", "--noheader", "--format=%A|%k", "--name", self.executor.run_uuid]
        queue = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        for line in queue.stdout.splitlines():
            number, _, comment = line.strip().partition("|")
            if comment in comments and number not in self.submitted:
                subprocess.run(["scancel", number], timeout=60, check=True)


def guard(executor: Any, patience: float) -> StatusGuard:
    """The guard of an executor.

    Parameters
    ----------
    executor : snakemake_executor_plugin_slurm.Executor
    patience : float
        [s]

    Returns
    -------
    StatusGuard
    """
    found: StatusGuard = executor.__dict__.setdefault(
        "_status_guard", StatusGuard(executor, patience)
    )
    return found


def install(executor_class: Any, patience: float) -> None:
    """Put a guard before the methods by which Snakemake and an executor talk to each other.

    Parameters
    ----------
    executor_class : type
        Of the plugin.
    patience : float
        [s]
    """
    if hasattr(executor_class, "_unguarded"):
        return
    names = ("check_active_jobs", "report_job_submission", "report_job_success")
    own = {name: getattr(executor_class, name) for name in (*names, "report_job_error")}
    # the one method that is not of Snakemake's interface: other releases may lack it
    own["get_status_command"] = getattr(executor_class, "get_status_command", lambda self: "squeue")
    executor_class._unguarded = own

    async def check_active_jobs(self: Any, active_jobs: list[Any]) -> AsyncIterator[Any]:
        cycle = own["check_active_jobs"](self, active_jobs)
        for job in await guard(self, patience).check(cycle, active_jobs):
            yield job

    def report_job_submission(self: Any, job_info: Any, *args: Any, **kwargs: Any) -> None:
        guard(self, patience).refused_since = None
        guard(self, patience).submitted.add(str(job_info.external_jobid).partition("_")[0])
        own["report_job_submission"](self, job_info, *args, **kwargs)

    def report_job_success(self: Any, job_info: Any) -> None:
        guard(self, patience).ended.add(id(job_info))
        own["report_job_success"](self, job_info)

    def report_job_error(self: Any, job_info: Any, msg: Any = None, **kwargs: Any) -> None:
        guard(self, patience).failed(job_info, msg, own["report_job_error"], kwargs)

    def get_status_command(self: Any) -> Any:
        return guard(self, patience).command or own["get_status_command"](self)

    def run_array_jobs(self: Any, jobs: list[Any]) -> None:
        with guard(self, patience).refusals.listening(self.logger, jobs):
            own["run_array_jobs"](self, jobs)

    if hasattr(executor_class, "run_array_jobs"):
        own["run_array_jobs"] = executor_class.run_array_jobs
        executor_class.run_array_jobs = run_array_jobs
    executor_class.check_active_jobs = check_active_jobs
    executor_class.report_job_submission = report_job_submission
    executor_class.report_job_success = report_job_success
    executor_class.report_job_error = report_job_error
    executor_class.get_status_command = get_status_command


def patience() -> float:
    """How long a run waits for an answer of Slurm.

    Returns
    -------
    float
        [s]

    Raises
    ------
    ConfigError
        If the variable holds no number of minutes.
    """
    text = os.environ.get(PATIENCE_VARIABLE, str(PATIENCE))
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not minutes > 0:
        raise ConfigError(f"{PATIENCE_VARIABLE}: found {text}; expected minutes, above 0")
    return 60 * minutes


def guard_slurm() -> None:
    """Guard Slurm's executor, if its plugin is installed (Snakemake has imported it then)."""
    plugin = sys.modules.get(PLUGIN)
    if plugin is not None:
        install(plugin.Executor, patience())

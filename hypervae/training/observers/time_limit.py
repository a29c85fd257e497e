"""A training that reaches its time limit, or is pre-empted, goes back into the queue by itself."""

from __future__ import annotations

import logging
import subprocess

from hypervae.slurm_job import own_job
from hypervae.training.observers.interface import Observer, StepReport

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: A job with less time left than this stops because of its limit, not since somebody asked [s].
NEAR = 300

_LOG = logging.getLogger(__name__)


class TimeLimit(Observer):
    """Counts what this attempt did: a job that went on is worth another allocation.

    A workflow repeats a failed job a few times. A long training would use these up by reaching its
    time limit, although nothing failed; put back into the queue under its own number, it does not.
    Slurm requeues what it pre-empts, but not a job that ends by itself in the time of grace before.
    One that took no step is left to fail, or it would come back for ever.
    """

    def __init__(self) -> None:
        self.steps = 0

    def on_step(self, report: StepReport) -> None:
        """Count a step of this attempt."""
        self.steps += 1

    def requeue(self) -> bool:
        """Put this job back into the queue, if Slurm stopped it and it has gone on.

        Returns
        -------
        bool
            Whether Slurm ends the job now, and starts it again later.
        """
        job = own_job()
        if not job or not self.steps:
            return False
        try:
            reason = _stopped_by_slurm(job)
            if not reason:
                return False
            _slurm("scontrol", "requeue", job)
        except (OSError, subprocess.SubprocessError) as error:
            _LOG.warning("Slurm job %s is not put back into the queue: %s", job, error)
            return False
        text = "Slurm job %s goes back into the queue after %d steps: %s"
        _LOG.info(text, job, self.steps, reason)
        return True


def _stopped_by_slurm(job: str) -> str:
    """Why Slurm stops a running job; empty if it does not, or the job is being cancelled."""
    columns = "--Format=State:20,TimeLeft:20,PreemptTime:30"
    said = _slurm("squeue", "--noheader", "--jobs", job, columns).split()
    state, left, preempted = (*said, "", "", "")[:3]
    if state != "RUNNING":
        return ""
    if preempted[:1].isdigit():  # else N/A
        return "it is pre-empted"
    seconds = _seconds(left)
    if seconds is None or seconds > NEAR:
        return ""
    return f"{seconds} s were left of its time"


def _seconds(left: str) -> int | None:
    """What squeue says of a job's time; None without a limit."""
    days, _, clock = left.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts):
        return None
    seconds = 0
    for part in parts:
        seconds = 60 * seconds + int(part)
    return seconds + 86400 * int(days or 0)


def _slurm(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()

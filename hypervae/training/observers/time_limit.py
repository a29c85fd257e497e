"""A training that reaches its Slurm job's time limit goes back into the queue by itself."""

from __future__ import annotations

import logging
import os
import subprocess

from hypervae.training.observers.interface import Observer, StepReport

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: A job with less time left than this stops because of its limit, not since somebody asked [s].
NEAR = 300

_LOG = logging.getLogger(__name__)


class TimeLimit(Observer):
    """Counts what this attempt did: a job that went on is worth another allocation.

    A workflow repeats a failed job a few times. A long training would use these up by reaching its
    time limit, although nothing failed; put back into the queue under its own number, it does not.
    One that took no step is left to fail, or it would come back for ever.
    """

    def __init__(self) -> None:
        self.steps = 0

    def on_step(self, report: StepReport) -> None:
        """Count a step of this attempt."""
        self.steps += 1

    def requeue(self) -> bool:
        """Put this job back into the queue, if it stopped at its limit and has gone on.

        Returns
        -------
        bool
            Whether Slurm ends the job now, and starts it again later.
        """
        job = os.environ.get("SLURM_JOB_ID")
        if not job or not self.steps:
            return False
        try:
            left = _seconds_left(job)
            if left is None or left > NEAR:
                return False
            _slurm("scontrol", "requeue", job)
        except (OSError, subprocess.SubprocessError) as error:
            _LOG.warning("Slurm job %s is not put back into the queue: %s", job, error)
            return False
        _LOG.info(
            "Slurm job %s goes back into the queue after %d steps: %d s were left of its time",
            *(job, self.steps, left),
        )
        return True


def _seconds_left(job: str) -> int | None:
    """Of a running job; None without a limit, or when it is being cancelled."""
    state, _, left = _slurm("squeue", "--noheader", "--jobs", job, "--format=%T|%L").partition("|")
    days, _, clock = left.strip().rpartition("-")
    parts = clock.split(":")
    if state.strip() != "RUNNING" or not all(part.isdigit() for part in parts):
        return None
    seconds = 0
    for part in parts:
        seconds = 60 * seconds + int(part)
    return seconds + 86400 * int(days or 0)


def _slurm(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()

"""The Slurm job that this process belongs to: variables of another one may be left over."""

from __future__ import annotations

import os

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`


def own_job() -> str | None:
    """The number of this process's Slurm job.

    A shell that was started in a job and lives on elsewhere, ``sbatch`` within a job, or a file of
    variables that is read in, hand on those of a job that is not this process's. Slurm names the
    process that it started for a task: what belongs to the job, descends from it.

    Returns
    -------
    str or None
    """
    job = os.environ.get("SLURM_JOB_ID")
    return job if job and belongs_to_its_task() else None


def belongs_to_its_task() -> bool:
    """Whether this process descends from the task that Slurm's variables tell of.

    Returns
    -------
    bool
        Also where they name no process, as in an allocation that ``salloc`` made.
    """
    task = os.environ.get("SLURM_TASK_PID", "")
    if not task.isdigit():
        return True
    import psutil  # here, since who looks for a lock needs it in a job alone

    try:
        process = psutil.Process()
        known = [process.pid, *(parent.pid for parent in process.parents())]
    except psutil.Error:  # hidden from this user
        return True
    return int(task) in known

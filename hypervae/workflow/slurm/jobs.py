"""Slurm jobs that a run left behind in a folder, and how to end them.

Snakemake, killed by ``kill -9``, leaves its jobs in the queue, and its next start knows nothing of
them: two jobs would write the same files.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hypervae.errors import HyperVAEError

# The executor calls all jobs of a run {prefix}_{random number}; the prefix is the profile's.
_RUN = re.compile(r"(?:.*_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BETWEEN_TRIES = 20.0
# What programs of Slurm say on a machine that belongs to no cluster.
_NO_CLUSTER = "Could not establish a configuration source"


class Job(NamedTuple):
    """A job in the queue.

    Attributes
    ----------
    number : str
        Of an array, that of the array.
    name : str
        That of its run.
    state : str
    """

    number: str
    name: str
    state: str


def has_slurm() -> bool:
    """Whether this machine has a queue of Slurm to ask.

    Returns
    -------
    bool
    """
    return shutil.which("squeue") is not None


def live_jobs(folder: Path, patience: float = 0.0) -> list[Job]:
    """The user's jobs of Snakemake that were submitted from a folder and have not ended.

    Parameters
    ----------
    folder : Path
    patience : float
        How long Slurm is asked again if it does not answer [s].

    Returns
    -------
    list of Job
        By number.

    Raises
    ------
    OSError
        If Slurm does not answer.
    """
    command = ["squeue", "--me", "--noheader", "--format=%F|%j|%T|%Z"]
    end = time.monotonic() + patience
    while True:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                break
            problem = done.stderr.strip() or f"exit code {done.returncode}"
            if _NO_CLUSTER in problem:
                return []
        except subprocess.TimeoutExpired:
            problem = "no answer within 60 s"
        if time.monotonic() >= end:
            raise OSError(f"squeue fails: {problem}")
        time.sleep(min(_BETWEEN_TRIES, patience / 10))
    place = os.path.realpath(folder)
    jobs = set()
    for line in done.stdout.splitlines():
        number, name, state, directory = line.split("|", 3)
        if _RUN.fullmatch(name) and os.path.realpath(directory.strip()) == place:
            jobs.add(Job(number.strip(), name, state))
    return sorted(jobs, key=lambda job: int(job.number))


def refusal(jobs: Sequence[Job], folder: Path) -> str:
    """Why a run does not start in a folder, and what to do.

    Parameters
    ----------
    jobs : sequence of Job
    folder : Path

    Returns
    -------
    str
        One line.
    """
    names = sorted({job.name for job in jobs})
    return (
        f"{folder}: {len(jobs)} Slurm jobs of an earlier run are alive here "
        f"({', '.join(job.number for job in jobs[:20])}); a second run would write the same files. "
        f"Cancel them: scancel --me --name {','.join(names)} (`make cancel` waits for their end, "
        "too, `make recover` also goes on with the run)"
    )


def check_alone(folder: Path, patience: float) -> None:
    """Find out that no job of an earlier run is alive in a folder.

    Parameters
    ----------
    folder : Path
    patience : float
        How long Slurm is asked again if it does not answer [s].

    Raises
    ------
    HyperVAEError
        If there is one.
    OSError
        If Slurm does not answer.
    """
    jobs = live_jobs(folder, patience) if has_slurm() else []
    if jobs:
        raise HyperVAEError(refusal(jobs, folder))


def cancel(folder: Path, timeout: float = 600.0) -> int:
    """Cancel all live jobs of a folder and wait for their end, which may take Slurm's `KillWait`.

    Parameters
    ----------
    folder : Path
    timeout : float
        [s]

    Returns
    -------
    int
        How many there were.

    Raises
    ------
    OSError
        If Slurm does not answer, or jobs do not end.
    """
    if not has_slurm():
        raise OSError("no squeue on this machine: nothing is known of Slurm's jobs")
    found = set()
    end = time.monotonic() + timeout
    while jobs := live_jobs(folder, patience=60.0):
        found |= {job.number for job in jobs}
        if time.monotonic() > end:
            numbers = ", ".join(job.number for job in jobs)
            raise OSError(f"jobs do not end {timeout:.0f} s after scancel: {numbers}")
        waiting = [job.number for job in jobs if job.state != "COMPLETING"]
        if waiting:
            subprocess.run(["scancel", *waiting], check=False, timeout=60)
        time.sleep(1.0)
    return len(found)


def snakemakes(folder: Path) -> list[int]:
    """Processes of Snakemake on this machine that work in a folder, but for those within jobs.

    Jobs of a run that was killed may live on this very machine; each has a Snakemake of its own.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of int
    """
    place = os.path.realpath(folder)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            directory = os.readlink(process / "cwd")
        except OSError:  # gone, or another user's
            continue
        starts = any(Path(os.fsdecode(word)).name == "snakemake" for word in words[:3])
        within_job = (b"--mode", b"remote") in itertools.pairwise(words)
        if starts and directory == place and not within_job:
            found.append(int(process.name))
    return sorted(found)

"""Jobs of trials: sent with submitit, and looked after without the process that sent them."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import submitit

from hypervae.config.sweep import SlurmConfig, SweepConfig
from hypervae.errors import HyperVAEError
from hypervae.io.holder import started
from hypervae.stopped import Stopped, Watch
from hypervae.sweep.inputs import LIBRARY
from hypervae.sweep.job import TrialJob

_LOG = logging.getLogger(__name__)
#: Of a job on this machine, which has no limit of its own [min].
_NO_LIMIT = 60 * 24 * 365
_WAIT = 60


@dataclass(frozen=True)
class JobId:
    """A job, as it is kept in the folder of its run.

    Attributes
    ----------
    executor : str
        ``"slurm"`` or ``"local"``.
    id : str
        Of Slurm, ``"12_3"`` in an array; or of the process.
    started : float
        Of the process: when it was made, in clock ticks since boot, since ids are used again.
    """

    executor: str
    id: str
    started: float = 0.0


class Jobs(ABC):
    """Where the jobs of a sweep run.

    Parameters
    ----------
    folder : Path
        Gets submitit's files.
    config : SweepConfig
    """

    #: Seconds between looks.
    interval: float
    #: Jobs that are sent at once at most, to be held back by Slurm itself; 0 where none are.
    largest_array: int = 0

    def __init__(self, folder: Path, config: SweepConfig):
        self.folder, self.config = folder, config

    @abstractmethod
    def submit(self, jobs: Sequence[TrialJob], name: str, cpus: int) -> list[JobId]:
        """Send jobs.

        Parameters
        ----------
        jobs : sequence of TrialJob
        name : str
            Of the sweep.
        cpus : int
            Of each job.

        Returns
        -------
        list of JobId
            In the same order.
        """

    @abstractmethod
    def alive(self, ids: Sequence[JobId]) -> set[JobId] | None:
        """The jobs that wait or run.

        Parameters
        ----------
        ids : sequence of JobId

        Returns
        -------
        set of JobId, optional
            None where that cannot be known at the moment.
        """

    @abstractmethod
    def end_of(self, job: JobId) -> str:
        """How a job that is not alive has ended.

        Parameters
        ----------
        job : JobId

        Returns
        -------
        str
            One of Slurm's states; empty if unknown.
        """

    @abstractmethod
    def leave(self, ids: Sequence[JobId]) -> str:
        """What becomes of jobs when the sweep is stopped by hand.

        Parameters
        ----------
        ids : sequence of JobId
            Those that live.

        Returns
        -------
        str
            For the message.
        """


class LocalJobs(Jobs):
    """Processes on this machine, each with one of its GPUs in turn, if there are any."""

    interval = 0.5

    def __init__(self, folder: Path, config: SweepConfig):
        super().__init__(folder, config)
        self._kept: list[Any] = []
        self._watches: dict[JobId, Watch] = {}
        self._ends: dict[JobId, str] = {}
        self._sent = 0

    def submit(self, jobs: Sequence[TrialJob], name: str, cpus: int) -> list[JobId]:
        """See `Jobs.submit`."""
        found, gpus = [], _gpus()
        for job in jobs:
            executor = submitit.LocalExecutor(self.folder / "%j")
            gpu = [gpus[self._sent % len(gpus)]] if gpus else []
            self._sent += 1
            executor.update_parameters(
                timeout_min=_NO_LIMIT, gpus_per_node=len(gpu), visible_gpus=gpu
            )
            with _importable(), _deaf_to_interrupts():
                sent = executor.submit(job)
            self._kept.append(sent)  # so that its end is noticed
            found.append(JobId("local", sent.job_id, made(int(sent.job_id))))
        return found

    def alive(self, ids: Sequence[JobId]) -> set[JobId] | None:
        """See `Jobs.alive`."""
        for job in self._kept:
            job.done()  # takes leave of a process that has ended
        living = {one for one in ids if made(int(one.id)) == one.started}
        for one in living:
            try:
                self._watches.setdefault(one, Watch(int(one.id), "a trial's job")).look()
            except Stopped as error:  # it ends without a word, and another is sent
                self._ends[one] = str(error)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(one.id), signal.SIGKILL)
        return living

    def end_of(self, job: JobId) -> str:
        """See `Jobs.end_of`."""
        return self._ends.get(job, "")

    def leave(self, ids: Sequence[JobId]) -> str:
        """See `Jobs.leave`; they are stopped, each with a checkpoint."""
        for one in ids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(one.id), signal.SIGTERM)
        end = time.monotonic() + _WAIT
        while self.alive(ids) and time.monotonic() < end:
            time.sleep(self.interval)
        return f"{len(ids)} trials were stopped, with checkpoints"


class SlurmJobs(Jobs):
    """Slurm arrays."""

    interval = 5.0
    largest_array = 1000  # Slurm's own default is 1001

    def submit(self, jobs: Sequence[TrialJob], name: str, cpus: int) -> list[JobId]:
        """See `Jobs.submit`.

        Raises
        ------
        HyperVAEError
            With what Slurm said.
        """
        slurm = self.config.slurm
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise HyperVAEError(
                "sweep: found no sbatch or srun on this machine, expected Slurm; "
                "--executor local runs trials here"
            )
        try:
            executor = submitit.AutoExecutor(
                self.folder / "%j", cluster="slurm", slurm_max_num_timeout=slurm.timeouts
            )
            executor.update_parameters(**_parameters(slurm, name, cpus, self.config.parallel))
            with _importable():
                sent = executor.submit_array(list(jobs))
        except (RuntimeError, submitit.core.utils.FailedJobError) as error:
            raise HyperVAEError(f"sweep: Slurm takes no job: {_said(error)}") from error
        return [JobId("slurm", job.job_id) for job in sent]

    def alive(self, ids: Sequence[JobId]) -> set[JobId] | None:
        """See `Jobs.alive`."""
        if not ids:
            return set()
        said = _ask("squeue", "--noheader", "--array", "--format=%i", f"--user={os.getuid()}")
        if said is None:
            return None
        there = set(said.split())
        return {one for one in ids if one.id in there}

    def end_of(self, job: JobId) -> str:
        """See `Jobs.end_of`."""
        # the controller forgets jobs after some minutes, and not every site has a database
        said = _ask("scontrol", "--oneliner", "show", "job", job.id) or ""
        found = re.search(r"\bJobState=(\w+)", said)
        if found:
            return found[1]
        said = _ask("sacct", "-X", "-n", "-P", "-j", job.id, "-o", "State") or ""
        return said.split()[0] if said.split() else ""

    def leave(self, ids: Sequence[JobId]) -> str:
        """See `Jobs.leave`; they go on."""
        numbers = sorted({one.id.partition("_")[0] for one in ids}, key=int)
        return f"{len(ids)} trials go on in Slurm (scancel {' '.join(numbers)} ends them)"


#: By name, as the sweep file has them.
EXECUTORS: dict[str, type[Jobs]] = {"local": LocalJobs, "slurm": SlurmJobs}


def _parameters(slurm: SlurmConfig, name: str, cpus: int, parallel: int) -> dict[str, Any]:
    paths = os.pathsep.join([str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])])
    given = {
        "slurm_partition": slurm.partition,
        "slurm_gres": slurm.gres,
        "slurm_account": slurm.account,
        "slurm_qos": slurm.qos,
        "slurm_constraint": slurm.constraint,
        "slurm_exclude": slurm.exclude,
        "slurm_additional_parameters": slurm.options,
    }
    return {
        "name": f"sweep_{name}",
        "timeout_min": slurm.time,
        "mem_gb": slurm.memory_gb or 1 + 2 * cpus,  # of the rule that trains
        "cpus_per_task": cpus,
        "slurm_array_parallelism": parallel,
        "slurm_signal_delay_s": slurm.signal_seconds,
        "slurm_setup": [f"export PYTHONPATH={shlex.quote(paths)}", *slurm.setup],
        **{key: value for key, value in given.items() if value},
    }


def _said(error: Exception) -> str:
    return " ".join(str(error).split())


def _ask(*command: str) -> str | None:
    """What one of Slurm's programs says; None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        _LOG.debug("%s: %s", command[0], error)
        return None
    return done.stdout if done.returncode == 0 else None


def made(pid: int) -> float:
    """When a process was made.

    Parameters
    ----------
    pid : int

    Returns
    -------
    float
        0 if there is none, or one that has ended.
    """
    # not by the date: a clock that is set changes that of all processes
    if (since := started(pid)) is not None:
        return float(max(since, 0))
    try:
        process = psutil.Process(pid)  # where there is no /proc
        return 0.0 if Path("/proc/self/stat").exists() else float(process.create_time())
    except psutil.NoSuchProcess:
        return 0.0


def _gpus() -> list[int]:
    """The GPUs that this process sees."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if re.fullmatch(r"\d+(,\d+)*", visible):
        return [int(index) for index in visible.split(",")]
    return list(range(torch.cuda.device_count()))


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """The library that this is can be imported by jobs, wherever they run."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(LIBRARY), *filter(None, [before])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile do not hear a Ctrl-C: they are stopped in order, by `leave`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

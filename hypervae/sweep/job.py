"""The job of a trial, as submitit runs it: its steps, one after the other, stopped and resumed.

Each step is a process of its own. A job that is told of its end (SIGUSR2, by submitit's
arrangement with Slurm) stops the training, which saves a checkpoint, and is sent again by submitit;
one that is told to end (SIGTERM: pre-emption, scancel) stops it, too, and waits to be ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from hypervae.io import write_json
from hypervae.stopped import Stopped, Watch
from hypervae.sweep.inputs import LIBRARY
from hypervae.sweep.steps import Step

FAILURE = "failure.json"
#: What runs a step.
PROGRAM = (sys.executable, "-P", "-m", "hypervae")
#: How long a job that Slurm told to end waits for it [s]; longer than Slurm's own patience.
_PATIENCE = 120.0
_TICK = 0.2
_PR_SET_PDEATHSIG = 1


@dataclass
class TrialJob:
    """What submitit calls; sent to the job as a pickle.

    Attributes
    ----------
    folder : str
        Of the run; gets a log of each step and a mark once it is done.
    place : str
        The folder in which the steps run.
    steps : tuple of Step
    threads : int
        Of numerical libraries.
    grace : float
        How long a training may take to save a checkpoint [s].
    program : tuple of str
        What takes the arguments of a step.
    """

    folder: str
    place: str
    steps: tuple[Step, ...]
    threads: int
    grace: float
    program: tuple[str, ...] = PROGRAM

    def __post_init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._told = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_child": None, "_told": False}

    def __call__(self) -> str:
        """Run the steps that are not done yet.

        Returns
        -------
        str
            ``"done"`` or ``"failed"``; the folder says more.
        """
        if os.environ.get("SUBMITIT_EXECUTOR") == "slurm":
            _show_requeues(Path(self.folder))
        before = signal.signal(signal.SIGTERM, self._end)
        try:
            for step in self.steps:
                if not mark_of(Path(self.folder), step).exists() and not self._run(step):
                    return "failed"
        except Exception as error:  # submitit's word that a job timed out too often, for one
            self._fail("", str(error))
            raise
        finally:
            self._stop()
            signal.signal(signal.SIGTERM, before)
        return "done"

    def checkpoint(self) -> Any:
        """What submitit sends again when the job is about to end: the same, after a checkpoint.

        Returns
        -------
        submitit.helpers.DelayedSubmission
        """
        import submitit

        self._stop()
        return submitit.helpers.DelayedSubmission(self)

    def _run(self, step: Step) -> bool:
        folder, started = Path(self.folder), time.monotonic()
        log = folder / f"{step.name}.log"
        folder.mkdir(parents=True, exist_ok=True)
        paths = [str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[name] = str(self.threads)
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                [*self.program, *step.arguments],
                cwd=self.place,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is passed on by the job alone
                preexec_fn=_bind_to_parent,
            )
            # not `wait`, in which a signal's handler could not ask for the state
            watch = Watch(self._child.pid, step.name)
            try:
                while self._child.poll() is None:
                    time.sleep(_TICK)
                    watch.look()
            except Stopped as error:
                self._child.kill()
                self._child = None
                self._fail(step.name, str(error))
                return False
        code, self._child = self._child.returncode, None
        if self._told:
            self._wait_for_the_end()
        if code:
            if code < 0:  # a job that is killed sees its step die first
                time.sleep(2.0)
            self._fail(step.name, _reason(code, log))
            return False
        write_json(mark_of(folder, step), {"seconds": time.monotonic() - started})
        return True

    def _fail(self, step: str, reason: str) -> None:
        write_json(Path(self.folder) / FAILURE, {"step": step, "reason": reason})

    def _stop(self) -> None:
        """End the step that runs; a training saves a checkpoint first."""
        child, end = self._child, time.monotonic() + self.grace
        if child is None:
            return
        child.send_signal(signal.SIGTERM)
        while _runs(child.pid) and time.monotonic() < end:
            time.sleep(_TICK)
        if _runs(child.pid):
            child.kill()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._told = True
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)

    def _wait_for_the_end(self) -> None:
        """Do not end by itself: Slurm sends a pre-empted job again, and no job that has ended."""
        if os.environ.get("SUBMITIT_EXECUTOR") == "slurm":
            time.sleep(_PATIENCE)
        raise SystemExit(1)


def mark_of(folder: Path, step: Step) -> Path:
    """The file that says that a step is done.

    Parameters
    ----------
    folder : Path
        Of the run.
    step : Step

    Returns
    -------
    Path
    """
    return folder / f"{step.name}.done"


def _show_requeues(folder: Path) -> None:
    """Keep which jobs worked on a run, for who looks for what happened."""
    folder.mkdir(parents=True, exist_ok=True)
    restarts = os.environ.get("SLURM_RESTART_COUNT", "0")
    with open(folder / "jobs.log", "a", encoding="utf-8") as file:
        file.write(f"job {os.environ.get('SLURM_JOB_ID')} restart {restarts}\n")


def _reason(code: int, log: Path) -> str:
    """Why a step failed: what it said last, or the signal that killed it."""
    if code < 0:
        name = signal.Signals(-code).name
        memory = "; SIGKILL is how a machine ends a process that needs too much memory"
        return f"killed by {name}{memory if name == 'SIGKILL' else ''}"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("hypervae: error: ")]
    last = (errors or lines or [f"ended with {code}"])[-1]
    return last.removeprefix("hypervae: error: ").strip()


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _bind_to_parent() -> None:
    """Of a new process: die with the job, and leave to it the signal that says its end is near."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

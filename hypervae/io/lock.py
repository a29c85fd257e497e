"""One writer at a time: a lock on the folder of a run."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from hypervae.errors import HyperVAEError

LOCK = "lock.json"
#: Seconds between signs of life, and how long a holder on another machine is watched for one.
HEARTBEAT, DEAD_AFTER = 30.0, 120.0
# A lock that is older than so many times DEAD_AFTER is not watched any more, whatever the clocks.
_LONG_AGO = 10

_LOG = logging.getLogger(__name__)


class RunLock:
    """Holds a run's folder for this process; a dead holder's lock is broken.

    The lock is a file made with O_EXCL, which is atomic on network file systems too. It names the
    holder (host, process, Slurm job), and its time of change is the holder's sign of life. A holder
    on this machine is dead when its process is gone, one in this very Slurm job, which was then
    requeued, in any case, and one elsewhere when it shows no life for two minutes of watching:
    clocks of machines differ, so only changes count.

    Parameters
    ----------
    directory : path-like
        The folder of the run.
    heartbeat, dead_after : float
        [s]

    Raises
    ------
    HyperVAEError
        On entering, if a living process holds the lock.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        heartbeat: float = HEARTBEAT,
        dead_after: float = DEAD_AFTER,
    ):
        self.path = Path(directory) / LOCK
        self.heartbeat, self.dead_after = heartbeat, dead_after
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> RunLock:
        content = json.dumps(identity()).encode()
        while True:
            try:
                file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._break_if_dead()
                continue
            with os.fdopen(file, "wb") as stream:
                stream.write(content)
            break
        self._thread = threading.Thread(target=self._show_life, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.path.unlink(missing_ok=True)

    def _show_life(self) -> None:
        while not self._stop.wait(self.heartbeat):
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.path)

    def _break_if_dead(self) -> None:
        try:
            seen = self.path.stat().st_mtime
            holder = read_holder(self.path)
            alive = lives_here(holder)
            if alive is None:
                alive = self._watch(seen, holder)
        except FileNotFoundError:
            return  # released meanwhile
        if alive:
            raise HyperVAEError(
                f"{self.path}: this run is being trained by {described(holder)}; wait for it or "
                "stop it. If it is surely gone, remove the file"
            )
        # Two that find it dead: only one of them renames it away.
        grave = self.path.with_name(f".{LOCK}.{os.getpid()}.dead")
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.path, grave)
            grave.unlink()

    def _watch(self, seen: float, holder: dict[str, Any]) -> bool:
        """Whether a holder elsewhere shows life."""
        if time.time() - seen > _LONG_AGO * self.dead_after:
            return False
        _LOG.info("%s: held by %s; watching it for signs of life", self.path, described(holder))
        end = time.monotonic() + self.dead_after
        while time.monotonic() < end:
            time.sleep(min(1.0, self.dead_after / 20))
            if self.path.stat().st_mtime != seen:
                return True
        return False


def identity() -> dict[str, Any]:
    """How a lock names the process that holds it.

    Returns
    -------
    dict
    """
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def read_holder(path: Path) -> dict[str, Any]:
    """What a lock says of its holder; nothing if it was killed while it wrote it.

    Parameters
    ----------
    path : Path
        The lock.

    Returns
    -------
    dict
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def lives_here(holder: dict[str, Any]) -> bool | None:
    """Whether the holder of a lock is alive; None if that cannot be told from here.

    Parameters
    ----------
    holder : dict
        As `read_holder` gives it.

    Returns
    -------
    bool, optional
    """
    if holder.get("host") == socket.gethostname() and isinstance(holder.get("pid"), int):
        started = _started(holder["pid"])
        # a number is used again by another process in time, and at once after a restart
        return started is not None and started == holder.get("started")
    job = os.environ.get("SLURM_JOB_ID")
    if job is not None and holder.get("slurm_job") == job:
        return False  # this job, before it was requeued to another node
    return None


def described(holder: dict[str, Any]) -> str:
    """The holder, for people.

    Parameters
    ----------
    holder : dict
        As `read_holder` gives it.

    Returns
    -------
    str
    """
    if not holder:
        return "an unknown process"
    job = f", Slurm job {holder['slurm_job']}" if holder.get("slurm_job") else ""
    return f"process {holder.get('pid')} on {holder.get('host')}{job}"


def _started(pid: int) -> float | None:
    """When a process of this machine started; None if there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except psutil.NoSuchProcess:
        return None

"""Who holds a lock: how it is named there, and whether it lives."""

from __future__ import annotations

import errno
import functools
import json
import os
import socket
from pathlib import Path
from typing import Any

from hypervae.slurm_job import own_job

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`


def identity() -> dict[str, Any]:
    """How a lock names this process.

    Returns
    -------
    dict
    """
    return {
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": os.getpid(),
        "started": started(os.getpid()),
        "slurm_job": own_job(),
        "slurm_restarts": _restarts(),
    }


def read(path: Path) -> dict[str, Any]:
    """What a lock says of its holder; nothing if a crash of its machine cut it off.

    Parameters
    ----------
    path : Path

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
        As `read` gives it.

    Returns
    -------
    bool, optional
    """
    machine, pid = _machine(), holder.get("pid")
    if machine is None or holder.get("machine") != machine or not isinstance(pid, int):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError as error:
        if error.errno != errno.EPERM:  # another user's
            return None
    since = started(pid)
    if since is None:  # hidden from this user, or gone by now
        return None
    return bool(since == holder.get("started"))  # a number is used again in time


def is_requeued(holder: dict[str, Any]) -> bool:
    """Whether the holder is of this very Slurm job, before it was requeued.

    Parameters
    ----------
    holder : dict
        As `read` gives it.

    Returns
    -------
    bool
    """
    job = own_job()
    return (
        job is not None
        and holder.get("slurm_job") == job
        and isinstance(holder.get("slurm_restarts"), int)
        and holder["slurm_restarts"] < _restarts()
    )


def described(holder: dict[str, Any]) -> str:
    """The holder, for people.

    Parameters
    ----------
    holder : dict
        As `read` gives it.

    Returns
    -------
    str
    """
    if not holder:
        return "an unknown process"
    job = f", Slurm job {holder['slurm_job']}" if holder.get("slurm_job") else ""
    return f"process {holder.get('pid')} on {holder.get('host')}{job}"


def how_to_stop(holder: dict[str, Any]) -> str:
    """The command that stops the holder.

    Parameters
    ----------
    holder : dict
        As `read` gives it.

    Returns
    -------
    str
    """
    if holder.get("slurm_job"):
        return f"scancel {holder['slurm_job']}"
    return f"kill {holder.get('pid')} on {holder.get('host')}" if holder else "it has no name"


def _restarts() -> int:
    count = os.environ.get("SLURM_RESTART_COUNT", "")
    return int(count) if count.isdigit() else 0


@functools.cache
def _machine() -> str | None:
    """What process numbers are counted in: a boot of a machine, and within it a container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux: every holder is watched
        return None


def started(pid: int) -> int | None:
    """When a process started, which no change of the clock changes; -1: a zombie.

    Parameters
    ----------
    pid : int

    Returns
    -------
    int, optional
        Clock ticks since boot; None where the system does not say.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold anything
    return -1 if fields[0] in "ZX" else int(fields[19])

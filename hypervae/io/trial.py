"""What HDF5 makes of texts of a file, tried in a process of its own with limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

#: What HDF5 may take for the texts of an object, on top of itself [bytes, s of processor time].
MEMORY, TIME = 2**27, 1
# Of the clock, where the machine is busy or the file far away [s].
_PATIENCE = 60

# It says each name before it reads it, and what came of it after.
_PROGRAM = f"""
import json, resource, signal, sys
asked = json.load(sys.stdin)
sys.path[:] = asked["path"]
import h5py
def limit(kind, most):
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
pages = int(open("/proc/self/statm").read().split()[0]) if sys.platform == "linux" else 2**20
limit(resource.RLIMIT_AS, pages * resource.getpagesize() + {MEMORY})
limit(resource.RLIMIT_CORE, 0)
signal.setitimer(signal.ITIMER_PROF, {TIME})
with h5py.File(asked["file"], "r") as file:
    owner = file[asked["owner"]]
    for name in asked["names"]:
        print(json.dumps([name, None]), flush=True)
        try:
            found = ""
            if name is None:
                owner[()]
            elif h5py.check_string_dtype(owner.attrs.get_id(name).dtype):
                owner.attrs[name]
        except Exception as error:
            found = str(error) or type(error).__name__
        print(json.dumps([name, found]), flush=True)
"""


def try_texts(
    path: str | os.PathLike[str], owner: str, names: list[str | None]
) -> dict[str | None, str]:
    """Read texts elsewhere.

    Parameters
    ----------
    path : path-like
        Of the file.
    owner : str
        A group or dataset of it.
    names : list
        Of its attributes; None for the dataset.

    Returns
    -------
    dict
        What is wrong with each, and empty where nothing is; without those after one that ends the
        process.
    """
    told, reason = _run(path, owner, names)
    found = {name: text for name, text in told if text is not None}
    amid = told[-1][0] if told else names[0]
    if len(found) < len(names):  # it ended amid one, or before the first
        found.setdefault(amid, reason)
    return found


def _run(
    path: str | os.PathLike[str], owner: str, names: list[str | None]
) -> tuple[list[tuple[str | None, str | None]], str]:
    """What the process said, and by what it ended."""
    asked = {"path": sys.path, "file": os.fspath(path), "owner": owner, "names": names}
    command = [sys.executable, "-c", _PROGRAM]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked).encode(), capture_output=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired as late:
        return _lines(late.stdout or b""), f"not read within {_PATIENCE} s"
    said = done.stderr.decode(errors="replace").strip().splitlines()
    reason = said[-1] if said else f"HDF5 ends with {done.returncode}"
    if done.returncode == -signal.SIGPROF:
        reason = f"HDF5 does not come to an end within {TIME} s"
    elif done.returncode < 0:
        reason = f"HDF5 crashes with {signal.Signals(-done.returncode).name}"
    return _lines(done.stdout), reason


def _lines(output: bytes) -> list[tuple[str | None, str | None]]:
    return [tuple(json.loads(line)) for line in output.splitlines() if line.endswith(b"]")]

"""The job's side: hands the command line over, and waits for its exit status.

It imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from hypervae.environment import own_temporary_folder
from hypervae.errors import HyperVAEError
from hypervae.stopped import TICK, Watch

#: The variable that names the process for whose jobs there is one server.
OWNER = "HYPERVAE_FORKSERVER"
#: Of the message of a command, its length comes first [bytes].
LENGTH = 8
#: What the server says once a command runs: its number and its own, of so many bytes.
NUMBERS, DIGITS = 2, 12
#: So long the server, and other clients that look for it, have to answer [s].
PATIENCE = 120.0
# Of the name of a socket [bytes].
_LONGEST = 107


def run_forked(arguments: list[str]) -> int | None:
    """Have a command run by the server of `OWNER`, which is started where there is none.

    Parameters
    ----------
    arguments : list of str
        Of the command line, without the program's name.

    Returns
    -------
    int or None
        Exit status; None where there can be no server, and the command is to run here: outside of
        Linux, where the owner's process cannot be seen, as within a container, where ``TMPDIR`` is
        too long for the name of a socket, or where the server ends just now or does not answer.

    Raises
    ------
    HyperVAEError
        If the server ended after it had started the command, or one of them was stopped.
    """
    owner = os.environ.pop(OWNER, "")
    if not hasattr(os, "pidfd_open") or not owner.isdigit() or not _is_alive(int(owner)):
        return None
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # this process ends, and with it the command
    path = own_temporary_folder() / f"{owner}-{_start_of(owner)}-{_of_this_environment()}"
    if len(os.fsencode(path)) > _LONGEST:
        return None
    server = _connected(path, int(owner))
    if server is None:
        return None
    with server:
        message = json.dumps(
            {
                "arguments": arguments,
                "directory": os.getcwd(),
                "environment": dict(os.environ),
                "umask": _umask(),
            }
        ).encode()
        try:
            socket.send_fds(server, [len(message).to_bytes(LENGTH, "big")], [0, 1, 2])
            server.sendall(message)
            started = server.recv(NUMBERS * DIGITS, socket.MSG_WAITALL)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            started = b""
        if not started:
            return None
        with contextlib.suppress(ConnectionResetError):
            if answer := _answer(server, arguments[0], started):
                return int(answer)
    raise HyperVAEError(f"{arguments[0]}: the process that it was forked from ended before it did")


def _answer(server: socket.socket, name: str, started: bytes) -> bytes:
    """What the server says at a command's end, unless one of the two is stopped for long."""
    numbers = (int(started[at : at + DIGITS]) for at in range(0, len(started), DIGITS))
    whats = (name, f"{name}: what it was forked from")
    watches = [Watch(pid, what) for pid, what in zip(numbers, whats, strict=False)]
    server.settimeout(TICK)
    while True:
        try:
            return server.recv(LENGTH)
        except TimeoutError:
            for watch in watches:
                watch.look()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    return True


def _connected(path: Path, owner: int) -> socket.socket | None:
    """A connection to the server; the lock is held only while one is looked for and started."""
    with open(path.parent / "lock", "w", encoding="utf-8") as lock:
        if not _locked(lock):
            return None
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            path.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
                listener.listen(socket.SOMAXCONN)
                _start(listener, owner)
            connection.connect(str(path))
    return connection


def _locked(file: TextIO) -> bool:
    """Whether the lock was granted; who holds it may be stopped, and wait with it for ever."""
    import fcntl

    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
        time.sleep(0.05)


def _start_of(pid: str) -> str:
    """When a process started: ids are used again."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]


def _of_this_environment() -> str:
    """A digest of all that a process takes over when it starts: commands that differ share none.

    Any variable may be read by an import. Those of Snakemake's jobs are the same in one software
    environment; a server keeps the code of the package as it was at its first command.
    """
    place = str(Path(__file__).resolve())
    text = json.dumps([sys.executable, place, dict(os.environ)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _umask() -> int:
    mask = os.umask(0o077)  # there is no way to read it alone
    os.umask(mask)
    return mask


def _start(listener: socket.socket, owner: int) -> None:
    place = listener.fileno()
    subprocess.Popen(
        [sys.executable, "-P", "-m", "hypervae.forkserver.server", str(place), str(owner)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[place],
        start_new_session=True,  # a job that is stopped takes it along not
        cwd="/",
    )

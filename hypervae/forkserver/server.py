"""The server's side: imports what a command needs, once, and forks a process for each.

``python -m hypervae.forkserver.server SOCKET OWNER``, which `client` starts. It ends with its
owner, or when no command came for a while; its own memory is that of the imports. It has no
threads, which a fork would not copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import NamedTuple, NoReturn

from hypervae.cli import SUBCOMMANDS, main
from hypervae.forkserver.client import DIGITS, LENGTH
from hypervae.forkserver.preparation import prepare

#: Without a command for so long the server ends [s].
IDLE = 60.0
#: So long a command whose client is gone has to stop by itself [s].
GRACE = 20.0


class _Command(NamedTuple):
    pid: int
    client: socket.socket


class _Process(NamedTuple):
    number: int
    descriptor: int


class Server:
    """Runs the commands that come over a socket.

    Parameters
    ----------
    listener : socket
    owner : int
        Process with which the server ends.
    """

    def __init__(self, listener: socket.socket, owner: int):
        self._listener = listener
        self._owner = os.pidfd_open(owner)
        self._commands: dict[int, _Command] = {}  # by the descriptor of the process
        self._stopping: dict[int, float] = {}  # when to kill it
        self._known: set[str] = set()
        self._spare = os.open(os.devnull, os.O_RDONLY)  # a file to give up

    def serve(self) -> None:
        """Serve until the owner ends, or nobody has asked for `IDLE` seconds."""
        last = time.monotonic()
        while self._commands or time.monotonic() < last + IDLE:
            clients = {command.client.fileno(): at for at, command in self._commands.items()}
            waiting = [at for at in clients if clients[at] not in self._stopping]
            places = [self._listener.fileno(), self._owner, *self._commands, *waiting]
            ready, _, _ = select.select(places, [], [], 1.0)
            for place in ready:
                if place == self._owner:
                    self._end()
                    return
                if place == self._listener.fileno():
                    self._accept()
                elif place in self._commands:
                    self._answer(place)
                elif clients[place] in self._commands:  # a client says nothing: it is gone
                    self._stop(clients[place])
                last = time.monotonic()
            for place, until in list(self._stopping.items()):
                if time.monotonic() > until:
                    _signal(self._commands[place].pid, signal.SIGKILL)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # too many files: this client has to run its command by itself
            os.close(self._spare)
            with contextlib.suppress(OSError):
                self._listener.accept()[0].close()
            self._spare = os.open(os.devnull, os.O_RDONLY)
            return
        client.settimeout(10)
        files: list[int] = []
        try:
            start, files, _, _ = socket.recv_fds(client, LENGTH, 3)
            if len(start) < LENGTH:
                raise ConnectionResetError
            message = b""
            while len(message) < int.from_bytes(start, "big"):
                part = client.recv(1 << 16)
                if not part:
                    raise ConnectionResetError
                message += part
        except OSError:  # killed before it had said what to run
            client.close()
            for file in files:
                os.close(file)
            return
        asked = json.loads(message)
        self._prepare(asked["arguments"])
        try:
            process = self._forked(asked, files)
        except OSError:  # too many processes or files
            client.close()
            return
        finally:
            for file in files:
                os.close(file)
        self._commands[process.descriptor] = _Command(process.number, client)
        with contextlib.suppress(OSError):  # a client that is gone is seen when it is waited for
            client.sendall(f"{process.number:{DIGITS}}{os.getpid():{DIGITS}}".encode())

    def _forked(self, asked: dict[str, object], files: list[int]) -> _Process:
        pid = os.fork()
        if pid == 0:
            self._run(asked, files)
        try:
            return _Process(pid, os.pidfd_open(pid))
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise

    def _prepare(self, arguments: list[str]) -> None:
        """Import what a subcommand needs, the first time that it comes."""
        name = next((word for word in arguments if word in SUBCOMMANDS), "")
        if not name or name in self._known:
            return
        self._known.add(name)
        try:
            prepare(name)
        except Exception:  # what is missing or broken, the command itself says in its own log
            return

    def _run(self, asked: dict[str, object], files: list[int]) -> NoReturn:
        """In the forked process: become what the client would have been."""
        status = 1
        try:
            os.setsid()
            for place, file in enumerate(files):
                os.dup2(file, place)
            # these of the server may seek in /dev/null, which is a pipe now
            sys.stdout = open(1, "w", encoding=sys.stdout.encoding, closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", 1, encoding=sys.stderr.encoding, closefd=False)  # noqa: SIM115
            for command in self._commands.values():
                command.client.close()
            self._listener.close()
            os.environ.clear()
            os.environ.update(asked["environment"])  # type: ignore[call-overload]
            os.umask(int(asked["umask"]))  # type: ignore[call-overload]
            os.chdir(str(asked["directory"]))
            sys.argv = ["hypervae", *asked["arguments"]]  # type: ignore[misc]
            main()
            status = 0
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            except OSError:  # the disk of the log is full
                status = status or 1
            os._exit(status)

    def _answer(self, place: int) -> None:
        command = self._commands.pop(place)
        self._stopping.pop(place, None)
        os.close(place)
        _, status = os.waitpid(command.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        with command.client:
            try:
                command.client.sendall(str(code if code >= 0 else 128 - code).encode())
            except OSError:  # nobody waits any more
                return

    def _stop(self, place: int) -> None:
        self._stopping[place] = time.monotonic() + GRACE
        _signal(self._commands[place].pid, signal.SIGTERM)

    def _end(self) -> None:
        """Stop all commands, those that do not heed it after `GRACE`."""
        until = time.monotonic() + GRACE
        for command in self._commands.values():
            _signal(command.pid, signal.SIGTERM)
        while self._commands:
            ready, _, _ = select.select([*self._commands], [], [], max(until - time.monotonic(), 0))
            for place in ready:
                self._answer(place)
            if not ready:
                for command in self._commands.values():
                    _signal(command.pid, signal.SIGKILL)
                until = time.monotonic() + GRACE


def _signal(pid: int, number: int) -> None:
    """To a command and all that it started, which are a session of their own."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # before it made the session
        os.kill(pid, number)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as taken:
        Server(taken, int(sys.argv[2])).serve()
        os.unlink(taken.getsockname())

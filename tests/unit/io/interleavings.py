"""Runs pieces of code as processes that take turns at each operation on the file system.

A process may be left standing at any operation, for any time: its turn may come after those of all
others. Orders are taken one after the other until no state is left from which a turn of a process
has not been tried. A state is the tree of files, and what each process has found out so far, and
how often one was left standing.
"""

import itertools
import os
import threading
from pathlib import Path
from types import SimpleNamespace

from hypervae.errors import HyperVAEError
from hypervae.io import atomic, holder, lock

#: Operations of `os` before which another process may have its turn.
OPERATIONS = ("rename", "replace", "unlink", "rmdir", "utime", "listdir")
# More than any process needs; one that takes more hangs.
MOST_TURNS = 500


class Killed(BaseException):
    """The end of a process whose order leads to nothing new."""


class Process:
    """A thread that goes on when it is told to, up to its next operation."""

    def __init__(self, number, body):
        self.number, self.clock, self.tokens, self.beats = number, 0, itertools.count(), 0
        self.history, self.held, self.done, self.killed = [], [], False, False
        self.error = None
        self.turn, self.paused = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, args=(body,), daemon=True)
        self.thread.process = self
        self.thread.start()

    def _run(self, body):
        self.turn.acquire()
        try:
            body(self)
        except HyperVAEError as error:
            self.history.append(type(error).__name__)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        self.done = True
        self.paused.release()

    def go(self):
        """Make one operation, and all up to the next one."""
        self.turn.release()
        self.paused.acquire()
        if self.error is not None:
            raise self.error

    def kill(self):
        """Make no more operations."""
        self.killed = True
        self.turn.release()
        self.thread.join()

    def operation(self, function, *arguments, seen=None):
        """Wait for the turn, do something, and remember what came of it."""
        if not self.killed:
            self.paused.release()
            self.turn.acquire()
        if self.killed:
            raise Killed
        if function is os.rename:  # another try to take the lock knows nothing of those before
            self.history.clear()
        try:
            result = function(*arguments)
        except OSError as error:
            self.history.append(error.errno)
            raise
        self.history.append(seen(result) if seen else result)
        return result


def current():
    """The process whose turn it is."""
    return threading.current_thread().process


class _Held:
    """The locks of the current process, in place of those of this one."""

    def append(self, entry):
        current().held.append(entry)

    def remove(self, entry):
        current().held.remove(entry)

    def __iter__(self):
        return iter(list(current().held))

    def __bool__(self):
        return bool(current().held)


def _as_operation(function, seen=None):
    return lambda *arguments: current().operation(function, *arguments, seen=seen)


def _life(moment):
    """The number of a sign of life; moments of the real clock are all the same."""
    return moment if moment < 1000 else 0


def _utime(path):
    current().beats += 1
    os.utime(path, ns=(current().beats, current().beats))


def _sleep(seconds):
    current().clock += 1
    current().operation(lambda: None)


class _Os:
    def __init__(self, **replaced):
        self.path = SimpleNamespace(
            **{name: getattr(os.path, name) for name in ("abspath", "isdir")},
            exists=_as_operation(os.path.exists),
        )
        for name in OPERATIONS:
            function = replaced.get(name, getattr(os, name))
            names = (lambda found: tuple(sorted(found))) if name == "listdir" else None
            setattr(self, name, _as_operation(function, names))

    def __getattr__(self, name):
        return getattr(os, name)


def take_turns(monkeypatch, on_replace):
    """Let the library's locks and atomic writes wait for their turns.

    `on_replace` is called with source and target before a file is renamed to what is guarded.
    """

    def replace(source, target):
        on_replace(source, target)
        os.replace(source, target)

    last_life, read = lock.last_life, holder.read
    tokens = SimpleNamespace(token_hex=lambda n: f"{current().number}-{next(current().tokens)}")
    time = SimpleNamespace(sleep=_sleep, monotonic=lambda: current().clock)
    thread = SimpleNamespace(start=lambda: None, join=lambda: None)
    events = SimpleNamespace(Thread=lambda **_: thread, Event=threading.Event)
    for module, name, value in (
        (lock, "os", _Os(utime=_utime)),
        (atomic, "os", _Os(replace=replace)),
        (lock, "secrets", tokens),
        (atomic, "secrets", tokens),
        (lock, "time", time),
        (lock, "threading", events),
        (lock, "_held", _Held()),
        (lock, "last_life", _as_operation(last_life, seen=_life)),
        (holder, "read", _as_operation(read, seen=lambda content: content["pid"])),
        # each on a machine of its own
        (holder, "identity", lambda: {"machine": current().number, "pid": current().number}),
    ):
        monkeypatch.setattr(module, name, value)


def _tree(folder):
    """All that is in a folder: names, contents, signs of life."""
    found = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += [(entry.name, *inner) for inner in _tree(entry.path)] or [(entry.name,)]
        else:
            text = Path(entry.path).read_text()
            found.append((entry.name, text, _life(entry.stat().st_mtime_ns)))
    return sorted(found)


class Explorer:
    """Takes the orders of some processes, one after the other.

    Parameters
    ----------
    folder : Path
        In which they work; emptied before each order.
    bodies : sequence of callable
        What each process does; called with its `Process`.
    changes : int
        How often at most a process that could go on is left standing for another.
    """

    def __init__(self, folder, bodies, changes):
        self.folder, self.bodies, self.changes = folder, bodies, changes
        self.seen, self.orders = set(), 0

    def explore(self, check):
        """Take all orders; `check` is called after each."""
        waiting = [()]
        while waiting:
            waiting += self._take(waiting.pop(), check)

    def _take(self, prefix, check):
        """Follow an order, and go on while that leads to new states; what branches off from it."""
        _empty(self.folder)
        processes = [Process(number, body) for number, body in enumerate(self.bodies)]
        for process in processes:
            process.go()  # up to its first operation
        order, branches, changes = [], [], 0
        while alive := [process.number for process in processes if not process.done]:
            assert len(order) < MOST_TURNS, f"no end: {order}"
            last = order[-1] if order and order[-1] in alive else None
            chosen = alive[0] if last is None else last
            if len(order) < len(prefix):
                chosen = prefix[len(order)]
            elif self._is_known(processes, last, changes):
                for number in alive:
                    processes[number].kill()
                return branches
            elif last is None or changes < self.changes:
                branches += [(*order, other) for other in alive if other != chosen]
            changes += last is not None and chosen != last
            order.append(chosen)
            processes[chosen].go()
        self.orders += 1
        check()
        return branches

    def _is_known(self, processes, last, changes):
        """Whether all turns in the present state have been tried, or will be."""
        histories = tuple(tuple(process.history) for process in processes)
        state = (histories, tuple(_tree(self.folder)), last, changes)
        known = state in self.seen
        self.seen.add(state)
        return known


def _empty(folder):
    for entry in os.scandir(folder):
        if entry.is_dir():
            _empty(entry.path)
            os.rmdir(entry.path)
        else:
            os.unlink(entry.path)

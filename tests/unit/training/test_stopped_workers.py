"""Workers that are stopped, and those that are only slow."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from hypervae.stopped import Stopped
from tests.unit.training.test_workers import assert_ended, make, take, worker_processes

__all__ = ["make"]  # a fixture


def test_a_worker_that_is_stopped_is_named(make):
    items = make(1, patience=2.0).items(range(100))
    assert take(items, 1) == [0]
    (worker,) = worker_processes()
    os.kill(worker.pid, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(Stopped, match=rf"loading: a worker: process {worker.pid} .*state T"):
        take(items, 100)
    assert 2 < time.monotonic() - start < 20
    assert_ended([worker])


def test_one_that_is_continued_in_time_goes_on(make):
    items = make(1, patience=8.0).items(range(100))
    assert take(items, 1) == [0]
    (worker,) = worker_processes()
    os.kill(worker.pid, signal.SIGSTOP)
    threading.Timer(3.0, os.kill, (worker.pid, signal.SIGCONT)).start()
    assert take(items, 99) == [n * n for n in range(1, 100)]


def test_a_slow_worker_is_left_alone(make):
    items = make(1, patience=0.5, slow=0).items(range(2))
    assert take(items, 2) == [0, 1]


STOPPED_SERVER = """
import os, signal, sys, time
from multiprocessing import forkserver
from hypervae.stopped import Stopped, state_of
from hypervae.training.workers import Workers
from tests.unit.training.test_workers import Squares
server = forkserver._forkserver
workers = Workers(Squares(), 1, _patience=2.0)
assert next(workers.items(range(5))) == 0
os.kill(server._forkserver_pid, signal.SIGSTOP)
workers.close()
while state_of(server._forkserver_pid) != "Z":  # it was killed
    time.sleep(0.1)
forkserver.ensure_running()
os.kill(server._forkserver_pid, signal.SIGSTOP)
try:
    next(workers.items(range(5)))
except Stopped as error:
    sys.exit(str(error))
"""


def test_what_starts_workers_may_be_stopped_too():
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_SERVER], capture_output=True, text=True, timeout=100
    )
    assert re.fullmatch(
        r"loading: the process that starts workers: process \d+ was stopped \(state T\) .*\n",
        done.stderr,
    )
    assert done.returncode == 1

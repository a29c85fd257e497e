import itertools
import os
import signal
import subprocess
import sys
import time
from multiprocessing import forkserver

import psutil
import pytest

from hypervae.errors import HyperVAEError
from hypervae.training import workers as workers_module
from hypervae.training.workers import WorkerLost, in_workers

# The numbers w, w + W, ... are what worker w of W is to prepare.
PREPARE = itertools.count


def worker_processes():
    return psutil.Process(forkserver._forkserver._forkserver_pid).children()


@pytest.fixture
def handled():
    """Signals that reach a handler of this process, or one that a worker has from it."""
    received = []
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = {kind: signal.signal(kind, lambda *_: received.append(1)) for kind in kinds}
    yield received
    for kind, handler in before.items():
        signal.signal(kind, handler)


def test_a_worker_that_dies_ends_the_loading(handled):
    batches = in_workers(PREPARE, 2)
    assert [next(batches) for _ in range(6)] == list(range(6))
    workers = worker_processes()
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker.pid, signal.SIGINT)
    assert [next(batches) for _ in range(6)] == list(range(6, 12))
    # no handler of the main process reaches them
    os.kill(workers[0].pid, signal.SIGTERM)
    assert psutil.wait_procs(workers[:1], timeout=10)[1] == []
    os.kill(workers[1].pid, signal.SIGKILL)
    with pytest.raises(WorkerLost, match="a worker process died"):
        list(batches)
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert not handled
    assert issubclass(WorkerLost, HyperVAEError)


def test_workers_end_with_the_iteration():
    batches = in_workers(PREPARE, 1)
    assert next(batches) == 0
    workers = worker_processes()
    assert len(workers) == 1
    batches.close()
    assert psutil.wait_procs(workers, timeout=20)[1] == []


MAIN = """
import itertools, time
from multiprocessing import forkserver
from hypervae.training.workers import in_workers

batches = in_workers(itertools.count, 1)
next(batches)
print(forkserver._forkserver._forkserver_pid, flush=True)
time.sleep(600)
"""


def test_workers_end_with_a_main_process_that_is_killed():
    def ended(process):
        # nobody may be there to collect the exit status of an orphan
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    with subprocess.Popen([sys.executable, "-c", MAIN], stdout=subprocess.PIPE, text=True) as main:
        server = psutil.Process(int(main.stdout.readline()))
        processes = [server, *server.children()]
        assert len(processes) == 2
        main.kill()
        main.stdout.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not all(map(ended, processes)):
            time.sleep(0.05)
    left = [process for process in processes if not ended(process)]
    for process in left:
        process.kill()
    assert left == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), WorkerLost),
        (ConnectionResetError("of a batch that was to be fetched"), WorkerLost),
        (RuntimeError("Caught RuntimeError in DataLoader worker process 0."), RuntimeError),
        (ValueError("Caught ValueError in DataLoader worker process 0."), ValueError),
    ],
)
def test_a_lost_worker_is_told_from_a_mistake_in_the_code(monkeypatch, error, kind):
    def failing(*_, **__):
        yield 1
        raise error

    monkeypatch.setattr(workers_module, "DataLoader", failing)
    batches = in_workers(PREPARE, 1)
    next(batches)
    with pytest.raises(kind) as caught:
        next(batches)
    assert type(caught.value) is kind

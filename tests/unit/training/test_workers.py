import gc
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil
import pytest
import torch
from torch.utils.data import Dataset

from hypervae.errors import HyperVAEError, InputError
from hypervae.records import TensorRecord
from hypervae.training.workers import WorkerLost, Workers
from tests.unit.training.children import grandchildren

ENDLESS = sys.maxsize


ERRORS = [
    InputError("shard.h5", "n_jets", found="3", expected="4"),
    ValueError("a mistake"),
    RuntimeError("another mistake"),
]


class Squares(Dataset):
    """The square of a number; an error at some number; from some number on it takes its time."""

    def __init__(self, failing=-1, error=None, slow=ENDLESS):
        self.failing, self.error, self.slow = failing, error, slow

    def __getitem__(self, number):
        if number == self.failing:
            raise ERRORS[self.error]
        if number >= self.slow:
            time.sleep(1.0)
        return number**2


def squares(start, stop):
    return [number**2 for number in range(start, stop)]


def take(items, n):
    return [next(items) for _ in range(n)]


def worker_processes():
    return grandchildren()


def assert_ended(processes):
    assert psutil.wait_procs(processes, timeout=20)[1] == []


@pytest.fixture
def make():
    made = []

    def make(workers, patience=None, **options):
        made.append(Workers(Squares(**options), workers, _patience=patience))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


@pytest.fixture
def handled():
    """Signals that reach a handler of this process, or one that a worker has from it."""
    received = []
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = {kind: signal.signal(kind, lambda *_: received.append(1)) for kind in kinds}
    yield received
    for kind, handler in before.items():
        signal.signal(kind, handler)


def test_a_worker_that_dies_ends_the_loading(make, handled):
    loading = make(2)
    items = loading.items(range(ENDLESS))
    assert take(items, 6) == squares(0, 6)
    workers = worker_processes()
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker.pid, signal.SIGINT)
    assert take(items, 6) == squares(6, 12)
    # no handler of the main process reaches them
    os.kill(workers[0].pid, signal.SIGTERM)
    assert psutil.wait_procs(workers[:1], timeout=10)[1] == []
    os.kill(workers[1].pid, signal.SIGKILL)
    with pytest.raises(WorkerLost, match=r"a worker process died.*train\.execution\.workers"):
        list(items)
    assert_ended(workers)
    assert not handled
    assert issubclass(WorkerLost, HyperVAEError)
    assert list(loading.items(range(3, 9))) == squares(3, 9)


def test_a_worker_that_dies_between_two_iterations_is_noticed(make):
    loading = make(1)
    assert list(loading.items(range(3))) == squares(0, 3)
    (worker,) = worker_processes()
    worker.kill()
    with pytest.raises(WorkerLost):
        next(loading.items(range(ENDLESS)))


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # of more workers than cores
def test_workers_go_from_one_iteration_to_the_next(make, number):
    loading = make(number)
    assert list(loading.items(range(7))) == squares(0, 7)
    workers = worker_processes()
    assert len(workers) == number
    assert list(loading.items(range(100, 102))) == squares(100, 102)
    assert list(loading.items(range(5, 5))) == []
    left = loading.items(range(200, ENDLESS))
    assert take(left, 2) == squares(200, 202)
    left.close()
    # one of which nothing was taken, and one that is still open when the next one comes
    loading.items(range(300, ENDLESS)).close()
    left = loading.items(range(400, ENDLESS))
    assert take(left, 1) == squares(400, 401)
    after = loading.items(range(500, ENDLESS))
    assert take(after, 10) == squares(500, 510)
    with pytest.raises(RuntimeError, match="another iteration"):
        next(left)
    assert take(after, 10) == squares(510, 520)
    assert worker_processes() == workers


@pytest.mark.parametrize("error", range(len(ERRORS)), ids=[type(e).__name__ for e in ERRORS])
def test_an_error_of_a_worker_crosses_and_leaves_nothing_behind(make, error):
    loading = make(2, failing=3, error=error)
    items = loading.items(range(ENDLESS))
    assert take(items, 3) == squares(0, 3)
    expected = ERRORS[error]
    with pytest.raises(type(expected), match=re.escape(str(expected))) as caught:
        next(items)
    assert type(caught.value) is type(expected)
    if isinstance(expected, InputError):
        assert caught.value.field == "n_jets"
        assert caught.value.args == expected.args
    assert take(loading.items(range(50, ENDLESS)), 8) == squares(50, 58)
    assert len(worker_processes()) == 2


@pytest.fixture
def interrupt_after():
    """Interrupt this process after some seconds, as the terminal would."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupted_start_leaves_nothing_behind(make, interrupt_after):
    loading = make(2, slow=1000)
    # both workers are busy with what nobody waits for, so that the next iteration has to wait
    assert take(loading.items(range(998, ENDLESS)), 2) == squares(998, 1000)
    interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        next(loading.items(range(10, ENDLESS)))
    assert take(loading.items(range(20, ENDLESS)), 6) == squares(20, 26)


def test_workers_end_when_closed(make):
    loading = make(2)
    loading.close()
    items = loading.items(range(ENDLESS))
    next(items)
    workers = worker_processes()
    assert len(workers) == 2
    loading.close()
    loading.close()
    assert_ended(workers)
    with pytest.raises(RuntimeError, match="they ended"):
        next(items)
    assert take(loading.items(range(ENDLESS)), 3) == squares(0, 3)


def test_workers_end_with_the_last_reference():
    loading = Workers(Squares(), 1)
    items = loading.items(range(ENDLESS))
    next(items)
    workers = worker_processes()
    assert len(workers) == 1
    gc.disable()  # no cycle keeps them
    try:
        del loading, items
        assert_ended(workers)
    finally:
        gc.enable()


MAIN = """
import sys
from hypervae.training.workers import Workers
from tests.unit.training.test_workers import ENDLESS, Squares

workers = Workers(Squares(), 1)
items = workers.items(range(ENDLESS))
next(items)
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize(
    ("end", "code"), [(None, -signal.SIGKILL), ("1 / 0", 1)], ids=["killed", "error"]
)
def test_workers_end_with_the_main_process(end, code):
    def ended(process):
        # nobody may be there to collect the exit status of an orphan
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    command = [sys.executable, "-c", MAIN + (end or "")]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, text=True) as main:
        assert main.stdout.readline() == "ready\n"
        processes = psutil.Process(main.pid).children(recursive=True)
        assert len(grandchildren(psutil.Process(main.pid))) == 1
        if end is None:
            main.kill()
        _, errors = main.communicate("\n", timeout=30)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not all(map(ended, processes)):
            time.sleep(0.05)
    left = [process for process in processes if not ended(process)]
    for process in left:
        process.kill()
    assert left == []
    assert main.returncode == code
    assert ("ZeroDivisionError" in errors) == (end == "1 / 0")
    assert "orker" not in errors


@dataclass
class Record(TensorRecord):
    values: torch.Tensor
    none: torch.Tensor
    missing: torch.Tensor | None = None


class Large(Dataset):
    """Megabytes an item, which no pipe holds."""

    def __getitem__(self, number):
        return Record(torch.full((3_000_000,), float(number)), torch.zeros(0, 3))


def test_large_items_arrive_whole_and_can_be_written_to():
    loading = Workers(Large(), 2)
    for number, item in enumerate(loading.items(range(4))):
        assert torch.equal(item.values, torch.full((3_000_000,), float(number)))
        assert item.none.shape == (0, 3)
        assert item.missing is None
        item.values += 1
    loading.close()


def test_a_worker_killed_amid_an_item_is_noticed_at_once():
    loading = Workers(Large(), 1)
    items = loading.items(range(ENDLESS))
    next(items)
    (worker,) = worker_processes()
    worker.kill()
    start = time.monotonic()
    with pytest.raises(WorkerLost, match="it was killed, as the system does where memory runs out"):
        for _ in items:
            pass
    assert time.monotonic() - start < 30


class Lambdas(Dataset):
    """Items that cannot be sent."""

    def __getitem__(self, number):
        return lambda: number


def test_an_item_that_cannot_be_sent_is_an_error():
    loading = Workers(Lambdas(), 1)
    with pytest.raises(Exception, match="ickle"):
        next(loading.items(range(3)))
    loading.close()


LIMITED = """
import os, resource, sys
from hypervae.limits import LimitReached
from hypervae.training.workers import Workers
from tests.unit.training.test_workers import Squares

for files in map(int, sys.argv[2:]):
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == 0
        continue
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    workers = Workers(Squares(), int(sys.argv[1]))
    try:
        print(files, sum(workers.items(range(9))), flush=True)
        workers.close()
    except LimitReached as error:
        print(files, error, flush=True)
    os._exit(0)
"""


@pytest.mark.parametrize(("workers", "least"), [(2, 44), (8, 68)])
def test_with_few_open_files_workers_work_or_the_limit_is_named(workers, least):
    """Each number below the least is refused; from it on all are prepared."""
    numbers = range(10, least + 1)
    command = [sys.executable, "-c", LIMITED, workers, *numbers]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stderr == ""
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert list(said) == [str(number) for number in numbers]
    for number in numbers:
        if number >= least:
            assert said[str(number)] == str(sum(squares(0, 9)))
        else:
            assert f"(ulimit -n): found a limit of {number}, expected" in said[str(number)]
            assert "train.execution.workers" in said[str(number)]


def in_a_mount_namespace(script):
    """A command with file systems of its own; None where that is not allowed."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        return None
    return ["unshare", "-m", "bash", "-c", script]


@pytest.mark.parametrize("folder", ["/dev/shm", "TMPDIR"])
def test_workers_need_no_space_for_temporary_files(folder, tmp_path):
    """With 4 kB of shared memory, or a long name, or a full disk for temporary files."""
    small = tmp_path / ("x" * 60) / ("y" * 60)
    small.mkdir(parents=True)
    place = "/dev/shm" if folder == "/dev/shm" else str(small)
    command = in_a_mount_namespace(
        f"mount -t tmpfs -o size=4k none {place} && dd if=/dev/zero of={place}/f bs=4k count=1 "
        f'2>/dev/null; exec {sys.executable} -c "$SCRIPT" 2 128'
    )
    if command is None:
        pytest.skip("unshare -m is not allowed")
    variables = {**os.environ, "SCRIPT": LIMITED}
    if folder == "TMPDIR":
        variables["TMPDIR"] = place
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
    assert done.stdout == f"128 {sum(squares(0, 9))}\n", done.stderr

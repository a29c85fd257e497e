import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from hypervae.errors import HyperVAEError, InputError
from hypervae.io import atomic_path, write_text
from hypervae.io import lock as lock_module
from hypervae.io.holder import identity
from hypervae.io.lock import HOLDER, LockLost, WriterLock, lock_of

ELSEWHERE = {"host": "another-" + socket.gethostname(), "machine": "another"}


@pytest.fixture(autouse=True)
def no_job(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)


def held_by(path, age=0.0, **changes):
    """Leave the lock of another holder on a file, as it looks from outside."""
    staging = path.with_name(f".{path.name}.lock") / "0123"
    staging.mkdir(parents=True)
    holder = staging / HOLDER
    holder.write_text(json.dumps({**identity(), **changes}))
    then = time.time() - age
    os.utime(holder, (then, then))
    return holder


def dead_process() -> dict:
    """The identity of a process that has ended."""
    code = "import json; from hypervae.io.holder import identity; print(json.dumps(identity()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def quick(path):
    return WriterLock(path, heartbeat=0.05, dead_after=0.5)


def test_a_lock_is_there_while_it_is_held(tmp_path):
    with WriterLock(tmp_path / "a.h5") as lock:
        assert json.loads((lock.staging / HOLDER).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_released_on_errors(tmp_path):
    with pytest.raises(KeyError), WriterLock(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_it_guards_a_file_or_a_folder_with_all_in_it(tmp_path):
    (tmp_path / "folder").mkdir()
    with WriterLock(tmp_path / "folder") as folder, WriterLock(tmp_path / "a") as file:
        assert lock_of(tmp_path / "folder" / "deep" / "b") is folder
        assert lock_of(tmp_path / "a") is file
        assert lock_of(tmp_path / "other") is None
    assert lock_of(tmp_path / "a") is None


def test_what_is_written_lies_within_the_lock_and_appears_as_ever(tmp_path):
    with WriterLock(tmp_path / "a.txt") as lock:
        with atomic_path(tmp_path / "a.txt") as temporary:
            assert temporary.parent == lock.staging
            temporary.write_text("1")
        assert (tmp_path / "a.txt").read_text() == "1"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_second_writer_is_refused_and_told_by_whom_and_how_to_stop_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    whom = rf"process {os.getpid()} on .*, Slurm job 4711.*\(scancel 4711\)"
    with (
        WriterLock(tmp_path),
        pytest.raises(HyperVAEError, match=whom),
        WriterLock(tmp_path),
    ):
        pass


def test_the_lock_of_a_dead_process_is_broken_at_once_with_what_it_left(tmp_path):
    path = tmp_path / "a.h5"
    holder = held_by(path, **dead_process())
    (holder.parent / ".a.77-0000.h5").write_text("half")
    start = time.monotonic()
    with WriterLock(path) as lock:
        assert os.listdir(lock.place) == [lock.token]
        assert os.listdir(lock.staging) == [HOLDER]
    assert time.monotonic() - start < 10  # not watched for two minutes
    assert list(tmp_path.iterdir()) == []


def test_another_process_of_the_same_number_does_not_count(tmp_path):
    held_by(tmp_path / "a", started=identity()["started"] - 1000)
    with WriterLock(tmp_path / "a"):
        pass


# clocks are minutes apart, and may be set between two signs of life
@pytest.mark.parametrize(
    ("age", "later"),
    [(-600.0, 0.1), (0.0, 0.1), (600.0, 0.1), (1e5, 0.1), (0.0, -86400.0), (0.0, 3e7)],
)
def test_a_holder_elsewhere_that_shows_life_is_respected(tmp_path, age, later):
    holder = held_by(tmp_path / "a", age=age, **ELSEWHERE)
    beat = holder.stat().st_mtime + later
    alive = threading.Timer(0.1, lambda: os.utime(holder, (beat, beat)))
    alive.start()
    with pytest.raises(HyperVAEError, match=ELSEWHERE["host"]), quick(tmp_path / "a"):
        pass
    alive.join()
    assert holder.exists()


@pytest.mark.parametrize("age", [-600.0, 0.0, 600.0, 1e5])
def test_a_holder_elsewhere_is_watched_and_dead_if_it_shows_no_life(tmp_path, age):
    held_by(tmp_path / "a", age=age, **ELSEWHERE)
    start = time.monotonic()
    with quick(tmp_path / "a"):
        assert time.monotonic() - start >= 0.5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("same", [{"host": socket.gethostname()}, {"slurm_job": "4711"}])
def test_neither_the_name_of_the_host_nor_of_the_job_says_that_a_holder_is_dead(
    tmp_path, monkeypatch, same
):
    """A container of the same name, a node that booted anew; a job that was requeued."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    held_by(tmp_path / "a", **{**ELSEWHERE, "pid": 2**22 + 1, **same})
    start = time.monotonic()
    with quick(tmp_path / "a"):
        assert time.monotonic() - start >= 0.5


def test_a_requeued_job_waits_for_itself_that_lives_on(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    first = quick(tmp_path / "a")
    order = []
    with first:
        monkeypatch.setenv("SLURM_RESTART_COUNT", "1")

        def second():
            with quick(tmp_path / "a"):
                order.append("second")

        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.5)
        order.append("first")
    waiting.join(timeout=20)
    assert order == ["first", "second"]


def test_a_lock_whose_holder_cannot_be_read_is_watched(tmp_path):
    held_by(tmp_path / "a").write_text('{"pid": 1')  # a node crashed before it reached the disk
    start = time.monotonic()
    with quick(tmp_path / "a"):
        assert time.monotonic() - start >= 0.5


def test_a_lock_broken_halfway_is_broken_to_the_end(tmp_path):
    holder = held_by(tmp_path / "a", **ELSEWHERE)
    (holder.parent / "half").write_text("")
    holder.unlink()
    with WriterLock(tmp_path / "a"):  # nobody to be watched
        pass


def test_the_holder_shows_life(tmp_path):
    with WriterLock(tmp_path, heartbeat=0.01) as lock:
        holder = lock.staging / HOLDER
        os.utime(holder, (1, 1))
        end = time.monotonic() + 20
        while holder.stat().st_mtime < 1000 and time.monotonic() < end:
            time.sleep(0.01)
        assert holder.stat().st_mtime > 1000


def test_a_failing_disk_does_not_end_the_signs_of_life(tmp_path, monkeypatch):
    with WriterLock(tmp_path / "a") as lock:
        failing = OSError(errno.EIO, "Input/output error")
        with monkeypatch.context() as patched:
            patched.setattr(lock_module.os, "utime", lambda *_: (_ for _ in ()).throw(failing))
            lock.show_life()
        lock.check()


def take_over(lock):
    """Break a lock, as another process does that saw no life."""
    for file in lock.staging.iterdir():
        file.unlink()
    lock.staging.rmdir()


def write_while_lock_is_lost(path, lock):
    with atomic_path(path) as temporary:
        temporary.write_text("mine")
        take_over(lock)


def test_a_holder_that_lost_its_lock_writes_nothing(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the other's")
    with quick(path) as lock:
        take_over(lock)
        with pytest.raises(LockLost, match="taken over"):
            write_text(path, "mine")
        assert lock.lost
    assert path.read_text() == "the other's"


def test_a_holder_that_loses_its_lock_while_it_writes_does_not_end_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the other's")
    with quick(path) as lock, pytest.raises(LockLost, match="taken over"):
        write_while_lock_is_lost(path, lock)
    assert path.read_text() == "the other's"


def test_a_holder_that_lost_its_lock_leaves_the_other_alone(tmp_path):
    one, two = quick(tmp_path / "a"), WriterLock(tmp_path / "a", heartbeat=1000)
    with one:
        take_over(one)
        two.__enter__()
        seen = (two.staging / HOLDER).stat().st_mtime_ns
        one.show_life()
        assert (two.staging / HOLDER).stat().st_mtime_ns == seen
    two.check()  # also after the first was left
    two.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_waiting_process_prepared_is_removed(tmp_path):
    prepared = tmp_path / ".a.lock.dead" / "dead"
    prepared.mkdir(parents=True)
    (prepared / HOLDER).write_text(json.dumps(dead_process()))
    with WriterLock(tmp_path / "a"):
        assert not prepared.parent.exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/a: output: found no way to write there"):
        WriterLock(tmp_path / "file" / "a").__enter__()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no place where nothing can be made")
def test_a_place_where_no_folder_can_be_made_is_named_at_once():
    for path in ("/proc/a.h5", "/proc/self/a.h5", "/proc/none/a.h5"):
        with pytest.raises(InputError, match=rf"{path}: output: found no way to write there"):
            WriterLock(path).__enter__()

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from hypervae.errors import HyperVAEError
from hypervae.io.lock import LOCK, RunLock, identity


def write(folder, age=0.0, **changes):
    path = folder / LOCK
    path.write_text(json.dumps({**identity(), **changes}))
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def dead_process() -> dict:
    """The identity of a process that has ended."""
    code = "import json; from hypervae.io.lock import identity; print(json.dumps(identity()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_a_lock_is_there_while_it_is_held(tmp_path):
    with RunLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_released_on_errors(tmp_path):
    with pytest.raises(KeyError), RunLock(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_is_refused_and_told_by_whom(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with (
        RunLock(tmp_path),
        pytest.raises(HyperVAEError, match=rf"process {os.getpid()} on .*, Slurm job 4711"),
        RunLock(tmp_path),
    ):
        pass


def test_the_lock_of_a_dead_process_is_broken_at_once(tmp_path):
    write(tmp_path, **dead_process())
    with RunLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_another_process_of_the_same_number_does_not_count(tmp_path):
    write(tmp_path, started=identity()["started"] - 1000)
    with RunLock(tmp_path):
        pass


ELSEWHERE = "another-" + socket.gethostname()


def quick(folder):
    return RunLock(folder, heartbeat=0.05, dead_after=0.5)


def test_a_holder_elsewhere_that_shows_life_is_respected(tmp_path):
    path = write(tmp_path, host=ELSEWHERE)
    alive = threading.Timer(0.1, lambda: os.utime(path, (1, 1)))
    alive.start()
    with pytest.raises(HyperVAEError, match=ELSEWHERE), quick(tmp_path):
        pass
    alive.join()
    assert path.exists()


@pytest.mark.parametrize("age", [-100.0, 0.0, 1e5])
def test_a_holder_elsewhere_that_shows_none_is_dead(tmp_path, age):
    write(tmp_path, age=age, host=ELSEWHERE)  # its clock may be ahead
    with quick(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_requeued_job_takes_over_from_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    write(tmp_path, host=ELSEWHERE)
    with RunLock(tmp_path):  # without watching for two minutes
        pass


def test_a_lock_cut_off_while_it_was_written_is_broken(tmp_path):
    (tmp_path / LOCK).write_text('{"pid": 1')
    with quick(tmp_path):
        pass


def test_the_holder_shows_life(tmp_path):
    with RunLock(tmp_path, heartbeat=0.01):
        os.utime(tmp_path / LOCK, (1, 1))
        end = time.monotonic() + 20
        while (tmp_path / LOCK).stat().st_mtime < 1000 and time.monotonic() < end:
            time.sleep(0.01)
        assert (tmp_path / LOCK).stat().st_mtime > 1000

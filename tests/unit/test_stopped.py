"""Who waits for a process that was stopped ends with its number; a slow one is left alone."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from hypervae import stopped
from hypervae.stopped import Stopped, Watch, state_of, wait
from hypervae.sweep.job import FAILURE, TrialJob
from hypervae.sweep.steps import Step
from hypervae.training.processes import ProcessLost, check_alive, watching_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="states are Linux's")


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setattr(stopped, "PATIENCE", 1.5)


@pytest.fixture
def process():
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_waiting_for_one_that_is_stopped_ends(process):
    process.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(Stopped, match=rf"a child: process {process.pid} was stopped \(state T\)"):
        wait(process, "a child")
    assert 1.5 < time.monotonic() - start < 10
    assert process.poll() == -signal.SIGKILL


def test_one_that_only_waits_is_waited_for():
    with subprocess.Popen(["sleep", "3"]) as process:
        assert wait(process, "a child") == 0


def test_time_in_which_nobody_looked_does_not_count(process, monkeypatch):
    """As where this process was stopped together with the other one."""
    watch = Watch(process.pid, "a child", patience=5.0)
    process.send_signal(signal.SIGSTOP)
    while state_of(process.pid) != "T":
        time.sleep(0.01)
    clock = iter([1000.0, 1001.0, 1002.0, 1003.0])
    monkeypatch.setattr(stopped.time, "monotonic", lambda: next(clock))
    for _ in range(4):
        watch.look()  # 2 + 1 + 1 + 1 s
    process.send_signal(signal.SIGCONT)


def test_no_process_is_not_stopped():
    assert state_of(2**22 + 1) == ""
    assert state_of(os.getpid()) == "R"


def test_a_process_of_a_training_is_killed_and_named(process, monkeypatch):
    fabric = SimpleNamespace(strategy=SimpleNamespace(launcher=SimpleNamespace(procs=[process])))
    process.send_signal(signal.SIGSTOP)
    with watching_processes(fabric):
        assert process.wait(20) == -signal.SIGKILL
        with pytest.raises(ProcessLost, match=rf"process {process.pid} was stopped"):
            check_alive(RuntimeError("Connection reset by peer"))
    with pytest.raises(ProcessLost, match="another process of the run ended"):  # of the next run
        check_alive(RuntimeError("Connection reset by peer"))


def test_a_step_of_a_trial_fails(tmp_path):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    job = TrialJob(
        str(tmp_path), str(tmp_path), (Step("train", (code,)),), 1, 5.0, (sys.executable, "-c")
    )
    assert job() == "failed"
    assert "train: process" in (tmp_path / FAILURE).read_text()

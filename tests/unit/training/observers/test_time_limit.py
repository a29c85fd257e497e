"""A training goes back into the queue when Slurm stops it, and for no other reason."""

import os

import pytest

from hypervae.training.observers.time_limit import TimeLimit

JOB = "4711"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """What squeue says of the job; a list of what scontrol was called with."""
    says, asked = tmp_path / "says", tmp_path / "asked"
    for name, body in {
        "squeue": f'cat "{says}"',
        "scontrol": f'echo "$@" >> "{asked}"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", JOB)

    def stopped(text, steps=1):
        says.write_text(text + "\n")
        limit = TimeLimit()
        for _ in range(steps):
            limit.on_step(None)
        done = limit.requeue()
        assert done == asked.exists()
        return asked.read_text().split() if done else []

    return stopped


@pytest.mark.parametrize("left", ["1:55", "0:02", "2:00", "05:00"])
def test_at_its_limit_the_job_comes_back_under_its_number(slurm, left):
    assert slurm(f"RUNNING {left} N/A") == ["requeue", JOB]


def test_a_pre_empted_job_comes_back_whatever_time_it_had(slurm):
    assert slurm("RUNNING 23:59:37 2026-11-27T01:07:50") == ["requeue", JOB]


@pytest.mark.parametrize(
    "text",
    [
        "RUNNING 5:01 N/A",  # somebody asked it to stop
        "RUNNING 1:00:00 N/A",
        "RUNNING 1-00:00:10 N/A",
        "RUNNING UNLIMITED N/A",
        "RUNNING NOT_SET N/A",
        "COMPLETING 1:00 N/A",  # scancel
        "COMPLETING 1:00:00 2026-11-27T01:07:50",
        "",
    ],
)
def test_otherwise_it_ends(slurm, text):
    assert slurm(text) == []


def test_an_attempt_that_took_no_step_ends(slurm):
    assert slurm("RUNNING 1:00 N/A", steps=0) == []


def test_outside_of_slurm_nothing_is_asked(slurm, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID")
    assert slurm("RUNNING 1:00 N/A") == []


def test_a_slurm_that_does_not_answer_leaves_the_job_to_fail(slurm, tmp_path, caplog):
    (tmp_path / "scontrol").write_text("#!/bin/sh\nexit 1\n")
    assert slurm("RUNNING 1:00 N/A") == []
    assert f"Slurm job {JOB} is not put back into the queue" in caplog.text

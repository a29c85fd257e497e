"""Jobs that a killed Snakemake left behind are found and ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hypervae.errors import HyperVAEError
from hypervae.workflow.slurm import __main__ as command
from hypervae.workflow.slurm import jobs as slurm

RUN = "hypervae_0f3c2a1e-5b6d-4c7e-8f90-123456789abc"
OTHER = "0f3c2a1e-5b6d-4c7e-8f90-123456789abd"


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A file with what squeue prints; scancel empties it, as Slurm does after a while."""
    programs, listed = tmp_path / "bin", tmp_path / "queue"
    programs.mkdir()
    listed.write_text("")
    for name, body in {
        "squeue": f'[ -s "{listed}" ] && cat "{listed}"; exit 0',
        "scancel": f'echo "$@" >> "{tmp_path}/cancelled"; : > "{listed}"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return listed


def test_jobs_of_this_folder_are_found_whatever_the_prefix(queue, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    queue.write_text(
        f"12|{RUN}|RUNNING|{tmp_path}\n"
        f"9|{OTHER}|PENDING|{link}\n"
        f"13|{RUN}|RUNNING|{tmp_path / 'elsewhere'}\n"
        f"14|interactive|RUNNING|{tmp_path}\n"
    )
    found = slurm.live_jobs(tmp_path)
    assert [job.number for job in found] == ["9", "12"]
    with pytest.raises(HyperVAEError, match=f"scancel --me --name {OTHER},{RUN}"):
        slurm.check_alone(tmp_path, 0.0)


def test_a_slurm_that_does_not_answer_is_an_error(queue, tmp_path):
    script = tmp_path / "bin" / "squeue"
    script.write_text("#!/bin/sh\necho no controller >&2; exit 1\n")
    with pytest.raises(OSError, match="squeue fails: no controller"):
        slurm.live_jobs(tmp_path, patience=0.1)


def test_a_machine_of_no_cluster_has_no_jobs(queue, tmp_path):
    script = tmp_path / "bin" / "squeue"
    message = "squeue: fatal: Could not establish a configuration source"
    script.write_text(f"#!/bin/sh\necho '{message}' >&2; exit 1\n")
    assert slurm.live_jobs(tmp_path) == []


def test_cancel_ends_what_is_alive_and_waits(queue, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    queue.write_text(f"12|{RUN}|RUNNING|{tmp_path}\n15|{RUN}|COMPLETING|{tmp_path}\n")
    assert command.main(["cancel"]) == 0
    assert (tmp_path / "cancelled").read_text().split() == ["12"]
    assert "2 live Slurm jobs cancelled" in capsys.readouterr().out


def test_recover_unlocks_and_goes_on(queue, tmp_path, monkeypatch):
    calls = []
    ended = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(command, "run", lambda call: calls.append(call[3:]) or ended)
    assert command.main(["recover", "--directory", str(tmp_path), "-n"]) == 0
    assert calls == [
        ["--directory", str(tmp_path), "--unlock"],
        ["--directory", str(tmp_path), "-n"],
    ]


def test_recover_does_not_touch_a_run_that_lives(queue, tmp_path, capsys):
    script = tmp_path / "snakemake"
    script.write_text("import sys\nprint(flush=True)\nsys.stdin.read()\n")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, script], cwd=tmp_path, **pipes) as alive:
        alive.stdout.readline()
        assert command.main(["recover", f"--directory={tmp_path}"]) == 1
        alive.communicate()
    assert f"kill -INT {alive.pid}" in capsys.readouterr().err
    assert not (tmp_path / "cancelled").exists()


def test_the_folder_is_that_of_the_run():
    assert command.folder_of(["--cores", "1"]) == Path.cwd()
    assert command.folder_of(["-d", "x"]) == Path("x").resolve()

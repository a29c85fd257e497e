"""Runs on a Slurm that does not answer: no job is lost, and no run waits for ever."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.running import REPOSITORY

pytest.importorskip("snakemake_executor_plugin_slurm")

ALWAYS = 10**9
PROGRAMS = ("sbatch", "squeue", "scontrol", "sinfo", "scancel", "sacctmgr")


@pytest.fixture
def slurm(tmp_path):
    """A folder to run in, and a function that runs the jobs of two shards on a fake Slurm."""
    programs, state = tmp_path / "bin", tmp_path / "slurm"
    programs.mkdir()
    (state / "jobs").mkdir(parents=True)
    script = programs / "fake_slurm.py"
    source = (REPOSITORY / "tests/workflow/fake_slurm.py").read_text()
    script.write_text(f"#!{sys.executable} -SE\n{source}")
    script.chmod(0o755)

    def run(*options, failing, patience=60.0):
        for program in {*PROGRAMS, *failing}:
            (programs / program).unlink(missing_ok=True)
            (programs / program).symlink_to(script)
        for program, times in failing.items():
            _let_fail(programs / program, times)
        environment = {
            **os.environ,
            "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "FAKE_SLURM": str(state),
            "HYPERVAE_SLURM_PATIENCE": str(patience),
        }
        if "sacct" not in failing:  # it may be installed here
            environment["PATH"] = f"{programs}:{_without_slurm(tmp_path)}"
        command = [sys.executable, "-m", "snakemake", "--executor", "slurm", "--jobs", "4"]
        command += ["-s", str(REPOSITORY / "workflow/Snakefile"), "--directory", str(tmp_path)]
        command += ["--configfile", str(REPOSITORY / "tests/data/tiny.yaml"), "--latency-wait", "1"]
        command += ["--slurm-init-seconds-before-status-checks", "1", "--until", "simulate_shard"]
        command += ["--default-resources", "slurm_account=physics"]
        command += ["--max-status-checks-per-second", "200", "--workflow-profile", "none"]
        return subprocess.run(
            [*command, *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )

    run.jobs, run.folder = state / "jobs", tmp_path
    return run


def _let_fail(program, times):
    """Put a program before one, that fails so often; only what is asked of one's own run counts."""
    behind = program.with_name(f"real_{program.name}")
    behind.unlink(missing_ok=True)
    program.rename(behind)
    program.write_text(
        f"""#!/bin/sh
case " $* " in *" --me "*) exec {behind} "$@" ;; esac
read -r count 2>/dev/null <{program}.calls
count=$((count + 1))
echo $count >{program}.calls
[ $count -gt {times} ] && exec {behind} "$@"
echo "{program.name}: error: Unable to contact slurm controller (connect failure)" >&2
exit 1
"""
    )
    program.chmod(0o755)


def _without_slurm(folder):
    """A folder with what is called for beside Slurm."""
    programs = folder / "system"
    if not programs.exists():
        programs.mkdir()
        for name in ("bash", "sh", "which", "env", "tail"):
            (programs / name).symlink_to(shutil.which(name))
    return programs


@pytest.mark.parametrize("times", [5, 50, 500])
def test_status_that_fails_for_a_while_loses_no_job(slurm, times):
    # every fifth, or hundredth, failure ends one of the executor's cycles
    attempts = "100" if times == 500 else "5"
    done = slurm("--slurm-status-attempts", attempts, failing={"squeue": times})
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Finished jobid") == 4
    assert int((slurm.folder / "bin/squeue.calls").read_text()) > times
    assert done.stdout.count("squeue fails: Slurm does not say how") == 1
    assert "Slurm says again how the jobs are" in done.stdout
    assert len(list(slurm.jobs.iterdir())) == 4  # each once


def test_an_accounting_that_always_fails_is_left_aside(slurm):
    done = slurm(failing={"sacct": ALWAYS})
    assert done.returncode == 0, done.stdout
    assert "sacct fails" in done.stdout
    assert len(list(slurm.jobs.iterdir())) == 4


def test_a_slurm_that_stays_away_ends_the_run_with_what_to_do(slurm):
    start = time.monotonic()
    done = slurm(failing={"squeue": ALWAYS, "sacct": ALWAYS}, patience=0.05)
    assert done.returncode == 1
    assert time.monotonic() - start < 60
    assert "its 4 Slurm jobs go on: 1, 2, 3, 4" in done.stdout, done.stdout
    assert "make recover" in done.stdout


def test_what_the_controller_did_not_take_is_submitted_again(slurm):
    done = slurm(failing={"sbatch": 6}, patience=0.3)
    assert done.returncode == 0, done.stdout
    assert "controller does not take jobs" in done.stdout
    assert len(list(slurm.jobs.iterdir())) == 4


def test_other_refusals_are_not_repeated(slurm):
    done = slurm(
        "--default-resources", "slurm_account=physics", "slurm_extra='--qos=x'", failing={}
    )
    assert done.returncode == 1
    assert "controller does not take jobs" not in done.stdout


def test_a_folder_with_live_jobs_of_an_earlier_run_is_refused(slurm):
    name = "hypervae_0f3c2a1e-5b6d-4c7e-8f90-123456789abc"
    (slurm.jobs / "41").write_text(name)
    (slurm.jobs.parent / "alive").write_text(f"41|{name}|RUNNING|{slurm.folder}")
    done = slurm(failing={})
    assert done.returncode == 1
    assert f"scancel --me --name {name}" in done.stdout, done.stdout
    assert [job.name for job in slurm.jobs.iterdir()] == ["41"]

    (slurm.jobs.parent / "alive").write_text(f"41|{name}|RUNNING|{slurm.folder.parent}")
    assert slurm(failing={}).returncode == 0

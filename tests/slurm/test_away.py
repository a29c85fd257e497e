"""Slurm goes away under a run, and Snakemake goes away under its jobs."""

import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.slurm.cluster import Run

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

#: Two short jobs.
CONFIG = {
    "data": {
        "max_particles": 20,
        "jet_types": {"q": {"source": "pythia", "shards": 2, "jets_per_shard": 20}},
    },
    "models": {"q": {"jet_types": ["q"]}},
}
OPTIONS = ("--configfile", "run.yaml", "--until", "simulate_shard")


@pytest.fixture
def run(cluster, project):
    (project / "run.yaml").write_text(yaml.safe_dump(CONFIG))
    return Run(cluster, project, *OPTIONS)


def shards(project):
    return list((project / "resources" / "shards" / "q").glob("*.h5"))


@pytest.mark.faults
def test_a_controller_that_is_away_for_a_minute_loses_no_job(cluster, run):
    before = cluster.last_job()
    process = run.start()
    run.wait_until(lambda: cluster.jobs(after=before), 240, "a submitted job")
    cluster.kill("slurmctld")
    time.sleep(60)
    cluster.start_controller()
    run.finish(process, timeout=400)
    assert len(shards(run.directory)) == 2
    assert [job.state for job in cluster.jobs(after=before)] == ["COMPLETED"] * 2
    # either the status could not be asked for, or a submission was refused, or both
    assert "Slurm does not say" in run.tail(200) or "does not take jobs" in run.tail(200)


@pytest.fixture
def closed_partition(cluster):
    cluster.slurm("scontrol", "update", "PartitionName=cpu", "State=DOWN")

    def open_again():
        cluster.slurm("scontrol", "update", "PartitionName=cpu", "State=UP")

    yield open_again
    open_again()


def test_jobs_of_a_killed_run_are_found_and_ended(cluster, run, closed_partition):
    before = cluster.last_job()
    process = run.start()
    run.wait_until(lambda: len(cluster.jobs(after=before)) == 2, 240, "two jobs in the queue")
    process.send_signal(signal.SIGKILL)
    process.wait()

    unlock = [sys.executable, "-m", "snakemake", "--unlock", *OPTIONS[:2]]
    subprocess.run(unlock, cwd=run.directory, env=run.environment, check=True, timeout=200)
    again = Run(cluster, run.directory, *OPTIONS)
    again.log = run.directory / "again.log"
    assert again.start().wait(200) == 1
    name = {job.name for job in cluster.jobs(after=before)}.pop()
    assert f"scancel --me --name {name}" in again.tail()
    assert len(cluster.jobs(after=before)) == 2  # none beside them

    program = [sys.executable, "-m", "hypervae.workflow.slurm"]
    surroundings = {"cwd": run.directory, "env": run.environment, "text": True, "check": True}
    done = subprocess.run([*program, "cancel"], **surroundings, stdout=subprocess.PIPE)
    assert "2 live Slurm jobs cancelled" in done.stdout
    closed_partition()
    subprocess.run([*program, "recover", *run.command[3:]], **surroundings, timeout=400)
    states = [job.state for job in cluster.jobs(after=before)]
    assert states == ["CANCELLED"] * 2 + ["COMPLETED"] * 2
    assert len(shards(run.directory)) == 2
    left = list((run.directory / "resources").rglob(".*"))
    assert not left, "files of killed jobs"
    assert not list((run.directory / ".snakemake" / "locks").glob("*"))

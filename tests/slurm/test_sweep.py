"""A sweep on a real Slurm cluster with accounting: a time limit is hit, a trial is cancelled."""

import csv
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.slurm.cluster import ROOT, Cluster, copy_project, missing, wait_until

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1800)]

#: Epochs of trials: one that shows how fast this machine is, one that ends at once, an endless one.
FIRST, SHORT, ENDLESS = 12, 2, 99999
SWEEP = {
    "config": "run.yaml",
    "model": "t",
    "sampler": "grid",
    "workflow": ["--cores", "2"],
    "objective": {"floors": ["w1m", "w1p"]},
}


@pytest.fixture(scope="module")
def accounting():
    """A cluster of its own, with Slurm's database."""
    if reason := missing():
        pytest.skip(reason)
    absent = [name for name in ("slurmdbd", "mariadbd", "sacct") if shutil.which(name) is None]
    if absent:
        pytest.skip(f"no accounting without {', '.join(absent)}")
    directory = Path(tempfile.mkdtemp(prefix="hypervae-slurm-"))
    os.environ["ACCT"] = "1"
    cluster = Cluster(directory)
    try:
        cluster.start()
        yield cluster
    finally:
        del os.environ["ACCT"]
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)


class Sweep:
    """``hypervae sweep`` in a copy of the project."""

    def __init__(self, cluster, project, name, epochs, **changes):
        self.cluster, self.project, self.name = cluster, project, name
        self.folder = project / "results" / "sweeps" / name
        self.log = project / f"{name}.log"
        about = {**SWEEP, "parameters": {"train.epochs": epochs}, **changes}
        (project / f"{name}.yaml").write_text(yaml.safe_dump(about))

    def start(self):
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "hypervae", "sweep", f"{self.name}.yaml"],
                cwd=self.project,
                env=self.cluster.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def job(self, epochs):
        """Id of the job of the trial with so many epochs, once it has been sent."""
        for path in self.folder.glob(f"trials/*/epochs-{epochs:04d}/job.json"):
            return yaml.safe_load(path.read_text())["id"]
        return None

    def run_of(self, epochs):
        (run,) = self.folder.glob(f"trials/*/epochs-{epochs:04d}")
        return run

    def state(self, epochs):
        """The state of that job, while Slurm has it."""
        job = self.job(epochs)
        return job and self.cluster.slurm("squeue", "-h", "-j", job, "-o", "%T").strip()

    def accounted(self, epochs):
        """Its states in the database, those before it was requeued first."""
        command = ["sacct", "-X", "-D", "-n", "-P", "-j", self.job(epochs), "-o", "State"]
        return self.cluster.slurm(*command).split("\n")[:-1]

    def train_log(self, epochs):
        (log,) = self.run_of(epochs).parent.glob("checkpoints/*/train.log")
        return log.read_text()

    def ranking(self):
        with open(self.folder / "ranking.csv", newline="") as file:
            return {int(row["train.epochs"]): row for row in csv.DictReader(file)}


def limits(first):
    """A limit [min] in which a training begins, and epochs that take longer than it."""
    times = re.findall(r"^\S+ (\d+):(\d+):(\d+) UTC epoch ", first.train_log(FIRST), re.MULTILINE)
    seconds = [3600 * int(hour) + 60 * int(minute) + int(second) for hour, minute, second in times]
    epoch = max((seconds[-1] - seconds[0]) % 86400, 1) / (FIRST - 1)
    whole = yaml.safe_load((first.run_of(FIRST) / "train.done").read_text())["seconds"]
    # Slurm looks at limits every 30 s, and tells a job 10 to 40 s before its end.
    minutes = math.ceil((max(whole - FIRST * epoch, 0) + 45) / 60)
    # Later epochs, and those on a machine that has become quiet, may take half as long.
    return minutes, math.ceil(3 * 60 * minutes / epoch)


def test_limits_cancelled_trials_and_killed_sweeps(accounting, tmp_path):
    project = copy_project(tmp_path / "project")
    config = yaml.safe_load((ROOT / "tests" / "data" / "tiny.yaml").read_text())
    config["evaluate"] = {"metrics": ["w1"]}
    (project / "run.yaml").write_text(yaml.safe_dump(config))
    first = Sweep(accounting, project, "first", [FIRST], executor="local")
    assert first.start().wait(600) == 0, first.log.read_text()
    minutes, long = limits(first)
    slurm = {"partition": "gpu-small", "time": minutes, "signal_seconds": 10}
    sweep = Sweep(accounting, project, "sweep", [SHORT, long, ENDLESS], parallel=2, slurm=slurm)

    process = sweep.start()
    wait_until(lambda: sweep.state(ENDLESS) == "RUNNING", 600, "the endless trial runs")
    accounting.slurm("scancel", sweep.job(ENDLESS))
    wait_until(lambda: "REQUEUED" in sweep.accounted(long), 600, "the long trial hits its limit")
    process.kill()  # the sweep, whose jobs live on
    process.wait()
    process = sweep.start()
    assert process.wait(1200) == 0, sweep.log.read_text()

    ranking = sweep.ranking()
    states = {epochs: row["state"] for epochs, row in ranking.items()}
    assert states == {SHORT: "done", long: "done", ENDLESS: "cancelled"}
    assert ranking[ENDLESS]["reason"].endswith("was cancelled")
    assert sweep.accounted(long)[-1] == "COMPLETED"
    assert sweep.accounted(ENDLESS)[-1].startswith("CANCELLED")
    # each epoch once, over all attempts
    log = sweep.train_log(long)
    assert "resuming after epoch" in log
    epochs = [int(epoch) for epoch in re.findall(r"epoch (\d+)/", log)]
    assert epochs == list(range(1, long + 1))

    before = accounting.last_job()
    assert sweep.start().wait(600) == 0, sweep.log.read_text()
    assert accounting.last_job() == before  # nothing that is done is done again
    planned = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--configfile"]
    done = subprocess.run(
        [*planned, str(sweep.folder / "best.yaml")],
        cwd=project,
        env=accounting.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = done.stdout.partition("Job stats")[2]
    assert "train_model" in jobs
    assert "simulate_shard" not in jobs  # shards and normalization are those of the sweep
    assert "merge_normalization" not in jobs

"""What may go wrong on a cluster: each run ends complete, and equal to an undisturbed one.

All runs go on from the same finished steps before the training. The table that a whole pass makes
is written into docs/reliability.md.
"""

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from tests.slurm.cluster import ROOT, Cluster, Run, copy_project
from tests.slurm.test_workflow import long_training, write_config

pytestmark = [pytest.mark.slurm, pytest.mark.faults, pytest.mark.timeout(3600)]

PAGE = ROOT / "docs" / "reliability.md"
EPOCHS = 12
#: Longest time without any progress [s].
PATIENCE = 600
BEGIN, END = "<!-- the table of `make test-faults` -->\n", "<!-- its end -->\n"


@dataclasses.dataclass
class Case:
    """A run that is to be disturbed while its training is at work."""

    cluster: Cluster
    run: Run
    process: subprocess.Popen
    before: int

    def training(self, *states):
        """The last job of the training, if it is in one of these states."""
        jobs = [job for job in self.cluster.jobs(after=self.before) if job.rule == "train_model"]
        return jobs[-1] if jobs and (not states or jobs[-1].state in states) else None

    def until(self, condition, what):
        return self.run.wait_until(condition, PATIENCE, what)

    def checkpoints(self):
        return sorted((self.run.directory / "checkpoints").rglob("last.ckpt"))

    def finish(self):
        self.run.finish(self.process, PATIENCE)


def terminate(case):
    case.cluster.slurm("scancel", "--signal=TERM", str(case.training().id))


def cancel(case):
    case.cluster.slurm("scancel", str(case.training().id))


def requeue(case):
    case.cluster.slurm("scontrol", "requeue", str(case.training().id))


def preempt(case):
    command = ("sbatch", "--partition", "gpu-prio", "--gpus", "2", "--time", "1", "--wrap", "true")
    case.cluster.slurm(*command)
    case.until(lambda: case.training().restarts, "that the training gives way")


def daemon_dies(case):
    case.cluster.kill("g1")
    case.until(lambda: case.training("PENDING"), "that Slurm misses the node")
    case.cluster.start_node("g1")


def controller_away(case):
    case.cluster.kill("slurmctld")
    time.sleep(60)
    case.cluster.start_controller()


def snakemake_dies(case):
    case.process.send_signal(signal.SIGKILL)
    case.process.wait()
    careless = Run(case.cluster, case.run.directory, "--configfile", "run.yaml")
    careless.log = case.run.directory / "careless.log"
    assert careless.start().wait(PATIENCE) != 0, "a run without the documented order"
    case.run.command[1:3] = ["-m", "hypervae.workflow.slurm", "recover"]
    case.process = case.run.start()


def checkpoint_corrupt(case):
    requeue(case)
    case.until(lambda: case.training("PENDING", "REQUEUED"), "that the training has ended")
    last = case.checkpoints()[0]
    last.write_bytes(last.read_bytes()[:1000])


@dataclasses.dataclass(frozen=True)
class Fault:
    """A row of the table."""

    happens: str
    do: Callable[[Case], None]


FAULTS = {
    "terminated": Fault("`scancel --signal=TERM` to the training", terminate),
    "cancelled": Fault("`scancel` of the training", cancel),
    "requeued": Fault("`scontrol requeue` of the training", requeue),
    "pre-empted": Fault("a job of a partition with priority takes the GPUs", preempt),
    "slurmd dies": Fault("slurmd of the node dies alone, and comes back", daemon_dies),
    "slurmctld away": Fault("slurmctld killed, started again after 60 s", controller_away),
    "kill -9": Fault("`kill -9` of Snakemake; a careless restart; `make recover`", snakemake_dies),
    "corrupt": Fault("the last checkpoint is cut off", checkpoint_corrupt),
}


@pytest.fixture(scope="module")
def prepared(cluster, tmp_path_factory):
    """A project in which all is done up to the training."""
    project = copy_project(tmp_path_factory.mktemp("prepared") / "project")
    config, _ = long_training(epochs=EPOCHS, seed=5)
    write_config(project, config)
    run = Run(cluster, project, "--configfile", "run.yaml", "--until", "merge_normalization")
    run.finish(run.start(), PATIENCE)
    return project


@pytest.fixture(scope="module")
def undisturbed(cluster, prepared, tmp_path_factory):
    """The results of a run that nothing happens to."""
    project = tmp_path_factory.mktemp("undisturbed") / "project"
    shutil.copytree(prepared, project)
    run = Run(cluster, project, "--configfile", "run.yaml")
    run.finish(run.start(), PATIENCE)
    return results(project)


def results(project):
    """All numbers of a run, without times and memory, by file."""
    assert (project / "results" / "report.html").stat().st_size > 0
    found = {}
    for path in sorted((project / "results").rglob("*")):
        name = str(path.relative_to(project))
        if path.suffix == ".safetensors":
            found[name] = path.read_bytes()
        elif path.suffix == ".h5":
            found[name] = arrays(path)
        elif path.parent.parent.name == "evaluation" and path.suffix == ".json":
            found[name] = json.loads(path.read_text())["metrics"]
        elif path.name == "history.csv":
            rows = list(csv.DictReader(path.open()))
            leave = ("jets_per_s", "peak_gpu_memory_mb")
            found[name] = [{key: row[key] for key in row if key not in leave} for row in rows]
    return found


def arrays(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update(
                {name: np.asarray(item).tobytes()} if isinstance(item, h5py.Dataset) else {}
            )
        )
    return found


@pytest.fixture(scope="module")
def table():
    """Rows of what has passed; a whole pass is written down."""
    rows = {}
    yield rows
    if set(rows) == set(FAULTS):
        text = PAGE.read_text()
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        lines = "".join(rows[name] for name in FAULTS)
        title = (
            "| fault | attempts of the training | complete, equal | minutes |\n|---|---|---|---|\n"
        )
        PAGE.write_text(f"{head}{BEGIN}{title}{lines}{END}{tail}")


@pytest.mark.parametrize("name", FAULTS)
def test_a_disturbed_run_ends_complete_and_equal(
    cluster, prepared, undisturbed, table, tmp_path, name
):
    start = time.monotonic()
    project = tmp_path / "project"
    shutil.copytree(prepared, project)
    run = Run(cluster, project, "--configfile", "run.yaml")
    case = Case(cluster, run, None, cluster.last_job())
    case.process = run.start()
    case.until(lambda: case.checkpoints() and case.training("RUNNING"), "a checkpoint")
    FAULTS[name].do(case)
    case.finish()
    assert results(project) == undisturbed
    jobs = [job for job in cluster.jobs(after=case.before) if job.rule == "train_model"]
    said = ", ".join(
        job.state.lower() + (f" after {job.restarts} restart(s)" if job.restarts else "")
        for job in jobs
    )
    minutes = (time.monotonic() - start) / 60
    table[name] = f"| {FAULTS[name].happens} | {said} | yes | {minutes:.1f} |\n"

"""One training as a Slurm job: its node's daemon dies alone, its time runs out."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hypervae.io import write_list
from hypervae.io.lock import HOLDER
from tests.slurm.cluster import ROOT, files_in, states_in, wait_until
from tests.unit.chain import MODEL, SPLIT, chain  # noqa: F401

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

EPOCHS = 12


class Training:
    """A training in a folder of its own, by itself or as a job."""

    def __init__(self, chain, folder, *options):  # noqa: F811
        shards, correlators, normalization = chain.of("g")
        folder.mkdir()
        write_list(folder / "shards.txt", shards)
        write_list(folder / "correlators.txt", correlators)
        execution = {"device": "cpu", "checkpoint_minutes": 0}
        config = {"epochs": EPOCHS, "model": MODEL, "split": SPLIT, "execution": execution}
        command = [
            *(sys.executable, "-m", "hypervae", "train", "--threads", 1, *options),
            *("--shards", folder / "shards.txt", "--correlators", folder / "correlators.txt"),
            *("--normalization", normalization, "--output-dir", folder / "model"),
            *("--checkpoint-dir", folder / "checkpoints", "--config", json.dumps(config)),
        ]
        self.folder, self.command = folder, [str(part) for part in command]

    def run(self):
        subprocess.run(self.command, cwd=ROOT, check=True, timeout=400)
        return self

    def submit(self, cluster, *options):
        self.cluster, self.log = cluster, self.folder / "job.log"
        command = [
            *("sbatch", "--parsable", "--requeue", "--partition", "cpu", "--mem", "2000"),
            *("--output", self.log, "--open-mode", "append", "--chdir", ROOT, *options),
            *("--wrap", f"exec srun {shlex.join(self.command)}"),
        ]
        self.number = int(cluster.slurm(*map(str, command)))

    @property
    def job(self):
        jobs = self.cluster.jobs(after=self.number - 1)
        return next(job for job in jobs if job.id == self.number)

    def wait_until(self, condition, what):
        return wait_until(condition, 300, what, lambda: states_in(self.folder))

    def writer(self):
        """The process that holds the run's lock, and has saved something."""
        if not any(path.suffix == ".ckpt" for path in files_in(self.folder / "checkpoints")):
            return None
        found = files_in(self.folder / "checkpoints")
        files = [path for path in found if path.match(f".lock/*/{HOLDER}")]
        return json.loads(files[0].read_text()) if files else None

    def result(self):
        with open(self.folder / "model" / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:  # what differs from run to run
            del row["jets_per_s"], row["peak_gpu_memory_mb"]
        return rows, (self.folder / "model" / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def alone(chain, tmp_path_factory):  # noqa: F811
    """What an undisturbed training gives."""
    return Training(chain, tmp_path_factory.mktemp("training") / "alone").run().result()


def test_the_second_waits_for_the_first_and_no_epoch_is_done_twice(cluster, chain, alone, tmp_path):  # noqa: F811
    training = Training(chain, tmp_path / "twice")
    training.submit(cluster, "--time", "20")
    first = training.wait_until(training.writer, "a checkpoint of the first process")
    # It stands still, so that the second finds it alive however fast this machine is.
    os.kill(first["pid"], signal.SIGSTOP)
    where = ("squeue", "--noheader", "--jobs", str(training.number), "--format", "%N")
    node = cluster.slurm(*where).strip()
    cluster.kill(node)
    try:
        again = lambda: training.job.restarts == 1 and training.job.state == "RUNNING"  # noqa: E731
        training.wait_until(again, "the job, on another node")
        finds = lambda: "waiting for process" in training.log.read_text()  # noqa: E731
        training.wait_until(finds, "that the second finds the first")
        assert Path(f"/proc/{first['pid']}").exists()
        assert training.writer() == first
        os.kill(first["pid"], signal.SIGCONT)
        ended = lambda: training.job.state not in ("RUNNING", "COMPLETING")  # noqa: E731
        training.wait_until(ended, "the end of the job")
    finally:
        cluster.start_node(node)
    assert training.job.state == "COMPLETED", training.log.read_text()
    assert training.result() == alone
    assert not list((training.folder / "model").rglob(".*")), "files of a writer"


@pytest.mark.faults
def test_at_its_time_limit_a_training_goes_back_into_the_queue(cluster, chain, alone, tmp_path):  # noqa: F811
    training = Training(chain, tmp_path / "limited", "--requeue")
    training.submit(cluster, "--time", "3", "--signal=TERM@45")
    first = training.wait_until(training.writer, "a checkpoint")
    os.kill(first["pid"], signal.SIGSTOP)  # until the signal is there
    status = Path(f"/proc/{first['pid']}/status")
    asked = lambda: _pending(status) & 1 << signal.SIGTERM - 1  # noqa: E731
    training.wait_until(asked, "Slurm's signal")
    os.kill(first["pid"], signal.SIGCONT)
    ended = lambda: training.job.restarts and training.job.state == "COMPLETED"  # noqa: E731
    training.wait_until(ended, "the end of the second allocation")
    assert "goes back into the queue" in training.log.read_text()
    assert training.result() == alone


def _pending(status):
    lines = dict(line.split(":\t") for line in status.read_text().splitlines() if ":\t" in line)
    return int(lines["ShdPnd"], 16) | int(lines["SigPnd"], 16)

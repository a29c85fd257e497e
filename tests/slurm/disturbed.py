"""A small run of the workflow that something happens to, and what is compared of its results."""

import contextlib
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import psutil
import yaml

from hypervae.io.lock import HOLDER
from tests.slurm.cluster import Cluster, Job, Run, files_in, wait_until

#: One type, one model, two shards: the fewest jobs that make a report. Its training saves at each
#: step, and lasts long enough to be caught in the middle.
CONFIG = {
    "data": {
        "max_particles": 16,
        "jet_types": {"q": {"source": "pythia", "shards": 2, "jets_per_shard": 100}},
        "split": {"fractions": [0.5, 0.2, 0.3]},
    },
    "correlators": {"bins": 30, "orders": [2, 3]},
    "hyperedges": {"orders": [3], "max_particles": 6},
    "models": {"q": {"jet_types": ["q"]}},
    "model": {
        **{"latent_dim": 4, "blocks": 1, "vector_channels": 2, "scalar_channels": 4, "heads": 1},
        **{"edge_width": 4, "hyperedge_width": 4, "hidden": 8},
    },
    "train": {"epochs": 45, "batch_size": 16, "execution": {"checkpoint_minutes": 0}},
    "generate": {"jets": 60},
    "equivariance": {"jets": 2, "transformations": 2},
    "plot": {"dpi": 30},
}
OPTIONS = ("--configfile", "run.yaml")
#: Longest time in which nothing moves: neither files nor logs nor the states of jobs [s].
PATIENCE = 300
#: Columns of a history that differ from run to run.
MEASURED = ("jets_per_s", "peak_gpu_memory_mb")


class Disturbed:
    """A run, for faults to strike.

    Parameters
    ----------
    cluster : Cluster
    project : Path
        A copy of the project with ``run.yaml``.
    *options : str
        Of Snakemake.
    """

    def __init__(self, cluster: Cluster, project: Path, *options: str) -> None:
        self.cluster, self.project = cluster, project
        self.before = cluster.last_job()
        self.run = Run(cluster, project, *OPTIONS, *options)
        self.process: subprocess.Popen | None = None
        self.mounts: list[Path] = []

    def start(self) -> None:
        """Start Snakemake, as the user does it first and perhaps again."""
        self.process = self.run.start()

    def command(self, *words: str) -> subprocess.CompletedProcess:
        """Run one of the project's programs in its folder; the output goes to the log, too."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.project,
            env=self.run.environment,
            capture_output=True,
            text=True,
        )
        with self.run.log.open("a") as log:
            log.write(done.stdout + done.stderr)
        return done

    def until(self, condition, what: str, while_running: bool = False):
        """Wait for a condition, for as long as anything moves."""

        def holds():
            if value := condition():
                return value
            if while_running and self.process.poll() is not None:
                raise AssertionError(f"the run ended before {what}:\n{self.run.tail()}")
            return None

        return wait_until(holds, PATIENCE, what, self._moves)

    def _moves(self):
        try:
            states = [(job.id, job.state, job.restarts) for job in self.jobs()]
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):  # no controller
            states = []
        return self.run.progress(), states

    def wait(self) -> int:
        """Wait for the end of Snakemake and return its exit code."""
        self.until(lambda: self.process.poll() is not None, "the end of the run")
        return self.process.returncode

    def finish(self) -> None:
        """Wait for the end of Snakemake, which has to be a success."""
        code = self.wait()
        assert code == 0, f"snakemake ended with {code}:\n{self.run.tail()}"

    def jobs(self, rule: str = "") -> list[Job]:
        """The run's jobs, or those of a rule."""
        jobs = self.cluster.jobs(after=self.before)
        return [job for job in jobs if not rule or job.rule == rule]

    @property
    def training(self) -> Job | None:
        """The last job of the training."""
        jobs = self.jobs("train_model")
        return jobs[-1] if jobs else None

    def restarted(self) -> bool:
        """Whether Slurm has put the training back into the queue."""
        return bool(self.training.restarts)

    def trainer(self) -> int | None:
        """The process that trains, once it has ended three epochs."""
        found = files_in(self.project / "checkpoints")
        history = next((path for path in found if path.name == "history.csv"), None)
        if history is None or history.read_text().count("\n") < 4:
            return None
        return holder_in(self.project / "checkpoints")

    def resumed(self) -> bool:
        """Whether an attempt at the training went on from a checkpoint."""
        return "resuming after" in self.train_log()

    def train_log(self) -> str:
        """What the training said, over all attempts."""
        found = files_in(self.project / "checkpoints")
        return "".join(path.read_text() for path in found if path.name == "train.log")

    def checkpoint(self) -> Path:
        """The last checkpoint of the training."""
        found = files_in(self.project / "checkpoints")
        return next(path for path in found if path.name == "last.ckpt")

    def shard_writer(self) -> int | None:
        """The process of a shard's job, while the file is there under its temporary name."""
        shards = self.project / "resources" / "shards"
        if not any(path.match(".*.h5.lock/*/.*.h5") for path in files_in(shards)):
            return None
        return holder_in(shards)

    def mount(self, name: str, megabytes: int) -> None:
        """Make a folder of the project a small disk of its own, with all that is in it."""
        folder = self.project / name
        kept = folder.with_name(f"{folder.name}.kept")
        folder.mkdir(exist_ok=True)
        shutil.copytree(folder, kept)
        size = f"size={megabytes}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
        self.mounts.append(folder)
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        shutil.rmtree(kept)

    def fill(self, name: str) -> None:
        """Fill the disk of a folder to its last byte."""
        with (self.project / name / "filler").open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def make_room(self, name: str) -> None:
        """Undo `fill`."""
        (self.project / name / "filler").unlink()

    def failed(self, rule: str) -> bool:
        """Whether a job of a rule has failed."""
        return any(job.state == "FAILED" for job in self.jobs(rule))

    def close(self) -> None:
        """End what still runs, and take small disks away."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        alive = ("PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING")
        left = [str(job.id) for job in self.jobs() if job.state in alive]
        if left:
            self.cluster.slurm("scancel", *left)
            ended = lambda: not any(job.state in alive for job in self.jobs())  # noqa: E731
            wait_until(ended, 60, "the end of all jobs")
        for folder in self.mounts:
            subprocess.run(["umount", "--lazy", folder], check=True)


def holder_in(folder: Path) -> int | None:
    """The process that holds the first lock found in a folder."""
    for path in files_in(folder):
        if path.name == HOLDER:
            try:
                return json.loads(path.read_text())["pid"]
            except (FileNotFoundError, ValueError):  # released, or just being written
                continue
    return None


def freeze(process: int) -> None:
    """Let a process stand still, so that what takes Slurm a while strikes it in the middle."""
    os.kill(process, signal.SIGSTOP)


def thaw(process: int) -> None:
    """Let it go on, if Slurm has not done so already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def term_is_pending(process: int) -> bool:
    """Whether SIGTERM has been sent to a process that stands still, or has ended it."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except FileNotFoundError:
        return True
    fields = dict(line.split(":\t") for line in lines if ":\t" in line)
    bit = 1 << signal.SIGTERM - 1
    return bool((int(fields["ShdPnd"], 16) | int(fields["SigPnd"], 16)) & bit)


def kill_processes_of(job: int) -> None:
    """Kill all processes of a Slurm job at once, those of Slurm's own that watch over it first."""
    steps, others = [], []
    for process in psutil.process_iter():
        try:
            if f"slurmstepd: [{job}." in " ".join(process.cmdline()):
                steps.append(process)
            elif process.environ().get("SLURM_JOB_ID") == str(job):
                others.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    for process in (*steps, *others):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def write_config(project: Path) -> None:
    """Write the config of the runs."""
    (project / "run.yaml").write_text(yaml.safe_dump(CONFIG))


def undisturbed(cluster: Cluster, project: Path, prepared: Path) -> dict[str, str]:
    """Run without a fault, and copy the project as it is before its training.

    Parameters
    ----------
    cluster : Cluster
    project, prepared : Path

    Returns
    -------
    dict of str to str
        As of `results`.
    """
    first = Disturbed(cluster, project, "--until", "merge_normalization")
    first.start()
    first.finish()
    shutil.copytree(project, prepared, symlinks=True)
    rest = Disturbed(cluster, project)
    rest.start()
    rest.finish()
    return results(project)


def results(project: Path) -> dict[str, str]:
    """Digests of all numbers of a complete run, by file, without times.

    Parameters
    ----------
    project : Path

    Returns
    -------
    dict of str to str
    """
    folder = project / "results"
    assert "</html>" in (folder / "report.html").read_text(), "no whole report"
    found = {}
    for path in sorted(folder.rglob("*")):
        content = None
        if path.suffix == ".safetensors":
            content = path.read_bytes()
        elif path.suffix == ".h5":
            content = arrays(path)
        elif path.name == "history.csv":
            content = epochs(path)
        elif path.match("evaluation/*/*.json"):
            content = json.dumps(json.loads(path.read_text())["metrics"]).encode()
        if content is not None:
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    for path in sorted((project / "resources" / "shards").rglob("*.h5")):
        found[str(path.relative_to(project))] = hashlib.sha256(arrays(path)).hexdigest()
    kinds = ("weights.safetensors", "history.csv", "generated/q/q.h5", "evaluation/q/q.json")
    missing = [kind for kind in kinds if not any(name.endswith(kind) for name in found)]
    assert not missing, missing
    return found


def arrays(path: Path) -> bytes:
    """All arrays of a file, with their names and types."""
    parts: list[bytes] = []

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            # not the bytes of an array of texts, which are addresses
            values = np.asarray(item[()])
            raw = repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes()
            parts.append(f"{name} {values.dtype} {values.shape} ".encode() + raw)

    with h5py.File(path) as file:
        file.visititems(add)
    return b"".join(parts)


def epochs(path: Path) -> bytes:
    """The rows of a history, without times; each epoch has to be there once, in order."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [int(row["epoch"]) for row in rows]
    assert numbers == list(range(1, CONFIG["train"]["epochs"] + 1)), numbers
    kept = [{key: row[key] for key in row if key not in MEASURED} for row in rows]
    return json.dumps(kept).encode()


def left_behind(project: Path) -> list[str]:
    """Locks and temporary files that no one will remove, and locks of Snakemake."""
    folders = [project / name for name in ("resources", "results", "checkpoints")]
    hidden = [path for folder in folders for path in folder.rglob(".*")]
    locks = (project / ".snakemake" / "locks").glob("*")
    return sorted(str(path.relative_to(project)) for path in (*hidden, *locks))

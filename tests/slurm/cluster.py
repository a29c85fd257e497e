"""A throwaway Slurm cluster, and Snakemake runs on it, for the tests in this directory."""

import contextlib
import dataclasses
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("throwaway_cluster.sh")
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "squeue", "scontrol", "scancel")
#: What a run needs to work in a copy of the project.
PROJECT_FILES = ("workflow", "config", "hypervae", "profiles", "envs", "pyproject.toml")


def missing() -> str | None:
    """Return why no cluster can be started here, or None."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"Slurm is not installed: no {', '.join(absent)}"
    if os.geteuid() != 0:
        return "the throwaway cluster needs root"
    try:
        import snakemake_executor_plugin_slurm  # noqa: F401
    except ImportError:
        return "snakemake-executor-plugin-slurm is not installed"
    return None


@dataclasses.dataclass(frozen=True)
class Job:
    """A Slurm job, as ``scontrol show job`` tells it."""

    id: int
    rule: str
    partition: str
    state: str
    gpus: int
    restarts: int
    name: str

    @classmethod
    def parse(cls, line: str) -> "Job":
        """Read one line of ``scontrol --oneliner show jobs``."""
        fields = dict(re.findall(r"(\w+)=(\S*)", line))
        rule = re.match(r"rule_(.+?)_wildcards_", fields.get("Comment", "") + "_wildcards_")
        gpus = re.search(r"gres[:/]gpu\S*?[=:](\d+)", line)
        return cls(
            id=int(fields["JobId"]),
            rule=rule.group(1) if rule else "",
            partition=fields["Partition"],
            state=fields["JobState"],
            gpus=int(gpus.group(1)) if gpus else 0,
            restarts=int(fields.get("Restarts", 0)),
            name=fields["JobName"],
        )


class Cluster:
    """A running cluster; all commands run with its configuration."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment: dict[str, str] = {}

    def start(self) -> None:
        """Start the daemons and take over the environment that the script prints."""
        up = self._script("up")
        if up.returncode:
            raise RuntimeError(f"the cluster does not start:\n{up.stderr}")
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(self.directory / "etc" / "slurm.conf"),
            "PATH": os.pathsep.join(
                [str(self.directory / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
        }

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        self._script("down")

    def _script(self, command: str) -> subprocess.CompletedProcess:
        call = [str(SCRIPT), command, str(self.directory)]
        return subprocess.run(call, capture_output=True, text=True, timeout=120)

    def slurm(self, *command: str) -> str:
        """Run one of Slurm's programs and return its output."""
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def pid(self, daemon: str) -> int:
        """Return the process of a daemon: ``slurmctld``, or ``slurmd`` by its node's name."""
        return int((self.directory / "run" / f"{daemon}.pid").read_text())

    def kill(self, daemon: str) -> None:
        """Kill one daemon, and nothing that it started."""
        pid = self.pid(daemon)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), 30, f"{daemon} ends")

    def start_controller(self) -> None:
        """Start a killed controller, which reads what it had saved."""
        subprocess.run(["slurmctld"], env=self.environment, check=True, timeout=60)

    def start_daemon(self, node: str) -> None:
        """Start the killed daemon of a node, which may get a job at once."""
        subprocess.run(["slurmd", "-N", node], env=self.environment, check=True, timeout=60)

    def start_node(self, node: str) -> None:
        """Start the killed daemon of a node and wait until the node takes jobs."""
        self.start_daemon(node)
        command = ("sinfo", "--noheader", "--nodes", node, "--format", "%T")
        wait_until(lambda: "idle" in self.slurm(*command), 120, f"{node} takes jobs")

    def jobs(self, after: int = 0) -> list[Job]:
        """Return the jobs with an id above ``after``, ended ones included."""
        lines = self.slurm("scontrol", "--oneliner", "show", "jobs").splitlines()
        jobs = [Job.parse(line) for line in lines if line.startswith("JobId=")]
        return sorted((job for job in jobs if job.id > after), key=lambda job: job.id)

    def last_job(self) -> int:
        """Return the highest id so far."""
        return max((job.id for job in self.jobs()), default=0)


class Run:
    """Snakemake in a copy of the project, on the cluster.

    Parameters
    ----------
    cluster : Cluster
        Where the jobs go.
    directory : Path
        The copy's directory.
    *options : str
        Further options of Snakemake.
    """

    #: What this machine needs beside the profile, given as a user would: fewer jobs at
    #: once for two cores, no accounting database, no waiting for a network file system.
    SITE = (
        "--jobs", "4",
        "--slurm-status-command", "squeue",
        "--slurm-init-seconds-before-status-checks", "1",
        "--latency-wait", "10",
    )  # fmt: skip

    def __init__(self, cluster: Cluster, directory: Path, *options: str) -> None:
        self.log = directory / "snakemake.log"
        command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm"]
        self.command = [*command, *self.SITE, *options]
        self.environment = cluster.environment
        self.directory = directory

    def start(self) -> subprocess.Popen:
        """Start in the background; the output goes to ``log``."""
        with self.log.open("a") as log:
            print(shlex.join(self.command), file=log, flush=True)
            return subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def finish(self, process: subprocess.Popen, timeout: float) -> None:
        """Wait for the end and fail, with the log's tail, unless it was a success.

        The timeout is for a time without progress: on a busy machine a run takes longer.
        """
        try:
            self.wait_until(lambda: process.poll() is not None, timeout, "the end of the run")
        except AssertionError as error:
            process.kill()
            raise AssertionError(f"{error}:\n{self.tail()}") from None
        assert process.returncode == 0, f"snakemake ended with {process.returncode}:\n{self.tail()}"

    def wait_until(self, condition, timeout: float, what: str):
        """Poll as `wait_until` does, for so long without progress of this run."""
        return wait_until(condition, timeout, what, progress=self.progress)

    def progress(self) -> dict[str, tuple[int, int]]:
        """Return what changes as long as anything is done: the files that jobs write."""
        found = {}
        for folder in ("checkpoints", "logs", "resources", "results", ".snakemake/slurm_logs"):
            found |= states_in(self.directory / folder)
        return {**found, "log": (0, self.log.stat().st_size)}

    def tail(self, lines: int = 80) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])


def files_in(folder: Path) -> list[Path]:
    """Return all files below a folder while jobs make and remove folders in it.

    `Path.rglob` raises where a folder goes while it looks; `os.walk` passes over it.
    """
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]


def states_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Return time and size of each of these files that is still there when looked at."""
    found = {}
    for path in files_in(folder):
        with contextlib.suppress(FileNotFoundError):
            about = path.stat()
            found[str(path)] = (about.st_mtime_ns, about.st_size)
    return found


def copy_project(destination: Path) -> Path:
    """Copy what a run needs, so that it neither sees nor leaves anything in the checkout."""
    ignore = shutil.ignore_patterns("__pycache__", ".snakemake")
    for name in PROJECT_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, destination / name, ignore=ignore)
        else:
            destination.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, destination / name)
    return destination


def wait_until(condition, timeout: float, what: str, progress=lambda: None):
    """Poll until ``condition()`` is truthy and return that value.

    The timeout counts from the last change of ``progress()``.
    """
    end, seen = time.monotonic() + timeout, progress()
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.2)
        if (now := progress()) != seen:
            end, seen = time.monotonic() + timeout, now
    raise AssertionError(f"timeout after {timeout} s: {what}")

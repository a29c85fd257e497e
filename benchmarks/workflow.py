"""What the workflow itself costs with 10,000 shards of 60 jets; prints one line of JSON.

``python -m benchmarks.workflow``, on an idle machine. Times are CPU seconds of a process and all
that it started; most of the benchmark's own time goes into the files of the run that does nothing.

``dry_run_s`` and ``dry_run_mb``: `snakemake -n` in an empty folder, and its peak resident memory.
``no_op_s``: a run up to the normalization when all is there. ``job_cpu_s``: the command of one
correlator job by itself, kernels compiled before; the least of five.
``grouped_job_cpu_s_per_shard``: a run of ``--jobs`` correlator jobs with ``data.forkserver``, with
all that Snakemake does for it from start to end, per job; ``job_in_run_cpu_s``: the same without.
The files of these runs are copies of one shard of toy jets: no time here is that of a simulation.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from hypervae.formats.shard_writer import write_shard
from hypervae.workflow import Plan
from tests.unit.toys import toy_jets

SNAKEFILE = Path(__file__).resolve().parents[1] / "workflow" / "Snakefile"
JETS = 60
_PR_SET_CHILD_SUBREAPER = 36


def config_of(shards: int, forkserver: bool = False) -> dict:
    """A config with so many simulated shards of one type, and one model."""
    source = {"source": "pythia", "shards": shards, "jets_per_shard": JETS}
    data = {"jet_types": {"g": source}, "forkserver": forkserver}
    return {"data": data, "models": {"slim": {"jet_types": ["g"]}}}


def adopt_orphans() -> None:
    """Let the fork server become a child of this process when the job that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(*command: str, folder: Path) -> tuple[float, float]:
    """CPU time [s] of a command and all that it starts, and peak resident memory [MB] of itself."""

    def seconds() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = seconds()
    environment = {**os.environ, "PYTHONPATH": str(SNAKEFILE.parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-P", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{output[-3000:]}")
    while True:  # the server, which ends with its owner
        try:
            os.wait()
        except ChildProcessError:
            return seconds() - before, usage.ru_maxrss / 1024


def snakemake(folder: Path, config: dict, *arguments: str) -> tuple[float, float]:
    """Measure Snakemake with a config, with the profile that all runs have."""
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    profile = SNAKEFILE.parents[1] / "profiles" / "default"
    command = ["-m", "snakemake", "--snakefile", str(SNAKEFILE), "--configfile", "config.yaml"]
    command += ["--workflow-profile", str(profile), "--quiet", "all", "--cores", "2"]
    return measure(*command, *arguments, folder=folder)


def files_of(folder: Path, config: dict, kind: str, copied: Path) -> list[str]:
    """Make the files of all shards, as copies of one; their paths."""
    plan = Plan(config)
    paths = [f"{kind}/{name}/{shard}.h5" for name in plan.jet_types for shard in plan.shards(name)]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(copied, folder / path)
    return paths


def run_of_jobs(folder: Path, jobs: int, forkserver: bool) -> float:
    """CPU time of a run of so many correlator jobs, per job [s]."""
    folder.mkdir()
    config = config_of(jobs, forkserver)
    files_of(folder, config, "resources/shards", folder.parent / "shard.h5")
    normalization = "results/normalization/slim.h5"
    seconds, _ = snakemake(
        folder, config, normalization, "--until", "compute_correlators", "--notemp"
    )
    done = len(list(folder.glob("results/correlators/*/*.h5")))
    if done != jobs:
        raise SystemExit(f"{done} of {jobs} jobs ran")
    return seconds / jobs


def no_op(folder: Path, shards: int) -> float:
    """CPU time of a run up to the normalization that finds all done [s]."""
    folder.mkdir()
    config = config_of(shards)
    files_of(folder, config, "resources/shards", folder.parent / "shard.h5")
    files_of(folder, config, "results/correlators", folder.parent / "correlators.h5")
    for path in ("lists/models/slim.shards.txt", "lists/models/slim.correlators.txt"):
        (folder / "results" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "results" / path).touch()
    normalization = folder / "results/normalization/slim.h5"
    normalization.parent.mkdir(parents=True)
    normalization.touch()
    target = str(normalization.relative_to(folder))
    snakemake(folder, config, target, "--touch")  # with what Snakemake knows of each file
    seconds, _ = snakemake(folder, config, target)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=200)
    options = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shard(folder / "shard.h5", toy_jets(JETS, 1, "g", max_particles=30), source="toys")
        job = ["-m", "hypervae", "correlators", "--input", "shard.h5", "--output", "correlators.h5"]
        measure(*job, folder=folder)  # compiles
        alone = min(measure(*job, folder=folder)[0] for _ in range(5))
        found = {"job_cpu_s": alone}
        found["grouped_job_cpu_s_per_shard"] = run_of_jobs(folder / "grouped", options.jobs, True)
        found["job_in_run_cpu_s"] = run_of_jobs(folder / "apart", options.jobs // 4, False)
        (folder / "dry").mkdir()
        dry = snakemake(folder / "dry", config_of(options.shards), "--dry-run")
        found["dry_run_s"], found["dry_run_mb"] = dry
        found["no_op_s"] = no_op(folder / "done", options.shards)
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()

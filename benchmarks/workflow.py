"""What the workflow itself costs with 10,000 shards of 60 jets; prints one line of JSON.

``python -m benchmarks.workflow``, on an idle machine. Times are CPU seconds of a process and all
that it started; most of the benchmark's own time goes into the files of the run that does nothing.

``dry_run_s`` and ``dry_run_mb``: `snakemake -n` in an empty folder, and its peak resident memory,
with the ``data.shards_per_job`` of ``--shards-per-job``; ``no_op_s``: a run up to the normalization
when all is there; ``single_``...: the same with one shard a job. ``job_cpu_s``: the command of one
correlator job by itself, kernels compiled before, the least of ten; ``job_cpu_s_most``: the most.
``grouped_job_cpu_s_per_shard``: a run of the correlator jobs of ``--run`` shards in these groups,
with all that Snakemake does for it from start to end, per shard; ``forked_``...: of jobs of one
shard with ``data.forkserver``; ``job_in_run_cpu_s``: with neither, of a quarter as many.
The files of these runs are copies of one shard of toy jets: no time here is that of a simulation.
"""

from __future__ import annotations

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

from benchmarks.arguments import OnceParser
from hypervae.formats.shard_writer import write_shard
from hypervae.workflow import Plan
from tests.unit.toys import toy_jets

SNAKEFILE = Path(__file__).resolve().parents[1] / "workflow" / "Snakefile"
JETS = 60
_PR_SET_CHILD_SUBREAPER = 36


def config_of(shards: int, **data: int | bool) -> dict:
    """A config with so many simulated shards of one type, and one model."""
    source = {"source": "pythia", "shards": shards, "jets_per_shard": JETS}
    section = {"jet_types": {"g": source}, **data}
    return {"data": section, "models": {"slim": {"jet_types": ["g"]}}}


def adopt_orphans() -> None:
    """Let the fork server become a child of this process when the job that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(*command: str, folder: Path) -> tuple[float, float]:
    """CPU time [s] of a command and all that it starts, and peak resident memory [MB] of itself."""

    def seconds() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = seconds()
    own = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(SNAKEFILE.parents[1]), "PATH": own}
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


def run_of_jobs(folder: Path, shards: int, **data: int | bool) -> float:
    """CPU time of a run of the correlator jobs of so many shards, per shard [s]."""
    folder.mkdir()
    config = config_of(shards, **data)
    files_of(folder, config, "resources/shards", folder.parent / "shard.h5")
    normalization = "results/normalization/slim.h5"
    rules = ("compute_correlators", "compute_group_correlators")
    seconds, _ = snakemake(folder, config, normalization, "--until", *rules, "--notemp")
    done = len(list(folder.glob("results/correlators/*/*.h5")))
    if done != shards:
        raise SystemExit(f"{done} of {shards} shards were done")
    return seconds / shards


def no_op(folder: Path, shards: int, **data: int | bool) -> float:
    """CPU time of a run up to the normalization that finds all done [s]."""
    folder.mkdir()
    config = config_of(shards, **data)
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
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--shards-per-job", type=int, default=10)
    parser.add_argument("--run", type=int, default=200, help="shards of the runs of jobs")
    options = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shard(folder / "shard.h5", toy_jets(JETS, 1, "g", max_particles=30), source="toys")
        job = ["-m", "hypervae", "correlators", "--input", "shard.h5", "--output", "correlators.h5"]
        measure(*job, folder=folder)  # compiles
        alone = [measure(*job, folder=folder)[0] for _ in range(10)]
        groups = {"shards_per_job": options.shards_per_job}
        found = {**groups, "job_cpu_s": min(alone), "job_cpu_s_most": max(alone)}
        grouped = run_of_jobs(folder / "grouped", options.run, **groups)
        found["grouped_job_cpu_s_per_shard"] = grouped
        forked = run_of_jobs(folder / "forked", options.run, forkserver=True)
        found["forked_job_cpu_s_per_shard"] = forked
        found["job_in_run_cpu_s"] = run_of_jobs(folder / "apart", options.run // 4)
        (folder / "dry").mkdir()
        for name, data in (("", groups), ("single_", {})):
            dry = snakemake(folder / "dry", config_of(options.shards, **data), "--dry-run")
            found[f"{name}dry_run_s"], found[f"{name}dry_run_mb"] = dry
            found[f"{name}no_op_s"] = no_op(folder / f"{name}done", options.shards, **data)
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()

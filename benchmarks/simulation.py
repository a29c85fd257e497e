"""Jets simulated per second and core, q, g and t in equal parts, one process per core.

``python -m benchmarks.simulation`` prints one line of JSON. Each process runs as the workflow's
jobs do, ``hypervae simulate``, start-up included. The wall clock's rate needs an idle machine;
``jets_per_cpu_s`` does not.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.arguments import OnceParser

JET_TYPES = ("q", "g", "t")


#: Particles of a jet of JetNet30.
PARTICLES = 30


def simulate(
    jet_type: str,
    shard: int,
    jets: int,
    directory: Path,
    config: str = "{}",
    name: str | None = None,
    particles: int = PARTICLES,
) -> tuple[float, float]:
    """Simulate one shard in a process of its own; its wall time and its CPU time [s].

    `config` is the section ``data.simulation`` as JSON, `name` the file's, else {type}-{shard}.h5.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "hypervae", "simulate", "--jet-type", jet_type),
            *("--shard-index", str(shard), "--jets", str(jets), "--config", config),
            *("--max-particles", str(particles)),
            *("--output", str(directory / (name or f"{jet_type}-{shard}.h5"))),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"hypervae simulate --jet-type {jet_type} failed ({process.returncode})")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=1000, help="jets of each shard")
    parser.add_argument("--shards", type=int, default=2, help="shards of each type")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    jobs = [(jet_type, shard) for shard in range(options.shards) for jet_type in JET_TYPES]
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(options.cores) as pool:
        start = time.perf_counter()
        times = list(pool.map(lambda job: simulate(*job, options.jets, Path(directory)), jobs))
        wall = time.perf_counter() - start
    # Cores stand idle while the last shards end: the busy time is what counts on a full machine.
    busy = sum(elapsed for elapsed, _ in times)

    def rate(jet_type: str | None, which: int) -> float:
        rows = [t[which] for (k, _), t in zip(jobs, times, strict=True) if jet_type in (None, k)]
        return round(options.jets * len(rows) / sum(rows), 1)

    print(
        json.dumps(
            {
                "jets_per_s_per_core": round(options.jets * len(jobs) / busy, 1),
                "jets_per_cpu_s": rate(None, 1),
                "per_type": {jet_type: rate(jet_type, 0) for jet_type in JET_TYPES},
                "cores": options.cores,
                "jets": options.jets * len(jobs),
                "wall_s": round(wall, 1),
                "peak_rss_mb": round(
                    resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1
                ),
            }
        )
    )


if __name__ == "__main__":
    main()

"""Jets generated per second, beside jets simulated per second by Pythia and FastJet.

``python -m benchmarks.generation`` prints one line of JSON. All are measured alike, end to end: one
process for each core, all at once, each makes its share of the jets and writes them to disk (model
loading and Pythia's initialization are inside, the interpreter's start is not), and the slowest
process counts. The models have each particle decoder, with initial weights, as their values do not
matter for the time; the hierarchical one is that of ``config/config.yaml``, its prior included.
``flow_N`` and ``hierarchical_N`` take N network evaluations a jet, ``hierarchical_bf16_N`` in
bfloat16. Pythia makes q, g and t in equal parts. With a GPU, ``cuda`` holds the same figures of one
process that uses it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.arguments import OnceParser
from benchmarks.recipe import default_model
from hypervae.config import resolve_section
from hypervae.formats.normalization import read_normalization

# Jets of a process, so that each figure takes about ten seconds.
SHARES = {
    "one_shot": 16_384,
    "flow_4": 4_096,
    "flow_10": 2_048,
    "flow_50": 512,
    "hierarchical_1": 8_192,
    "hierarchical_3": 5_120,
    "hierarchical_10": 2_048,
    "hierarchical_bf16_3": 8_192,
    "pythia": 1_500,
}
CUDA_JETS = {
    "one_shot": 131_072,
    "flow_4": 65_536,
    "flow_10": 32_768,
    "flow_50": 8_192,
    "hierarchical_3": 65_536,
    "hierarchical_10": 32_768,
}
MODELS: dict[str, dict[str, Any]] = {
    "one_shot": {"decoder": "one_shot"},
    "flow": {"decoder": "flow"},
    "hierarchical": default_model(),
}
CUDA_BATCH = 4_096
SIMULATED = ("q", "g", "t")


def prepare(folder: Path) -> None:
    """Write a model for each particle decoder."""
    import torch

    from benchmarks.jets import gluon_jets
    from hypervae.correlators.compute import compute_correlators
    from hypervae.formats.shard_writer import write_shard
    from hypervae.model import HyperVAE
    from hypervae.normalization.merge import merge_normalization

    write_shard(folder / "shard.h5", gluon_jets(), source="benchmark")
    compute_correlators(
        folder / "shard.h5", folder / "correlators.h5", resolve_section("correlators", {})
    )
    path = folder / "normalization.h5"
    merge_normalization([folder / "correlators.h5"], path, resolve_section("normalize", {}))
    for decoder, settings in MODELS.items():
        torch.manual_seed(1)
        model = HyperVAE(read_normalization(path), ["g"], settings)
        model.save(folder / decoder, path)


def generate(
    sampler: str, folder: Path, jets: int, threads: int, process: int, **config: Any
) -> None:
    """Generate jets with ``one_shot``, ``flow_N``, ``hierarchical_N`` or ``.._bf16_N``."""
    import torch

    from hypervae.generation.generate import generate_jets

    if threads:
        torch.set_num_threads(threads)
    decoder, *precision, evaluations = (
        sampler.split("_") if sampler[-1].isdigit() else [sampler, ""]
    )
    if evaluations:
        config["flow_evaluations"] = int(evaluations)
    if precision:
        config["flow_precision"] = "bf16-mixed"
    section = resolve_section("generate", {"jets": jets, "seed": process, **config})
    generate_jets(folder / decoder, folder / f"{sampler}-{process}.h5", section)


def simulate(folder: Path, jets: int, process: int) -> None:
    """Simulate jets, a third of each type."""
    from hypervae.data.simulate import simulate_shard

    config = resolve_section("simulate", {})
    for jet_type in SIMULATED:
        path = folder / f"{jet_type}-{process}.h5"
        simulate_shard(path, jet_type, process, jets // len(SIMULATED), 30, config)


def timed(job: Callable[..., None], process: int) -> float:
    """Seconds of one job; what it says goes nowhere."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        start = time.perf_counter()
        job(process=process)
        return time.perf_counter() - start


def work(jobs: list[tuple[Any, Any]], process: int, barrier: Any, answers: Any) -> None:
    """Do each job at the same time as the other processes, after a small one that imports."""
    try:
        elapsed = []
        for small, job in jobs:
            timed(small, process)
            barrier.wait()
            elapsed.append(timed(job, process))
        answers.put(elapsed)
    except BaseException:
        barrier.abort()
        raise


def seconds(jobs: list[tuple[Any, Any]], processes: int) -> list[float]:
    """Time of each job, of the slowest of the processes that do it at once."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(processes), context.SimpleQueue()
    workers = [
        context.Process(target=work, args=(jobs, process, barrier, answers))
        for process in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a process of the benchmark failed; see above")
    return [max(times) for times in zip(*(answers.get() for _ in workers), strict=True)]


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--threads", type=int, default=1, help="of each generating process")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the numbers of jets")
    options = parser.parse_args()
    processes = max(options.cores // options.threads, 1)
    # each process has its threads by torch.set_num_threads; those of libraries would come on top
    os.environ.update(OMP_NUM_THREADS=str(options.threads), OPENBLAS_NUM_THREADS="1")
    # a multiple of 3, for the three simulated types
    shares = {
        sampler: 3 * max(int(jets * options.scale / 3), 1) for sampler, jets in SHARES.items()
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        models = [sampler for sampler in SHARES if sampler != "pythia"]
        jobs = []
        for sampler in models:
            job = partial(generate, sampler, folder, threads=options.threads, device="cpu")
            jobs.append((partial(job, jets=8), partial(job, jets=shares[sampler])))
        times = seconds(jobs, processes)
        found = {
            sampler: shares[sampler] * processes / spent
            for sampler, spent in zip(models, times, strict=True)
        }
        simulation = (partial(simulate, folder, 3), partial(simulate, folder, shares["pythia"]))
        (spent,) = seconds([simulation], options.cores)
        found["pythia"] = shares["pythia"] * options.cores / spent
        cuda = on_cuda(folder, options.scale, found["pythia"])
    ratios = {
        f"ratio_{sampler}": round(found[sampler] / found["pythia"], 2)
        for sampler in ("one_shot", "hierarchical_3", "hierarchical_bf16_3")
    }
    rounded = {sampler: round(value, 1) for sampler, value in found.items()}
    print(json.dumps({**rounded, "cores": options.cores, **ratios, "cuda": cuda}))


def on_cuda(folder: Path, scale: float, pythia: float) -> dict[str, Any] | None:
    """The same figures of a process with a GPU, if there is one."""
    import torch

    if not torch.cuda.is_available():
        return None
    found: dict[str, Any] = {}
    for sampler, share in CUDA_JETS.items():
        jets = max(int(share * scale), CUDA_BATCH)
        job = partial(generate, sampler, folder, threads=0, device="cuda", batch_size=CUDA_BATCH)
        timed(partial(job, jets=CUDA_BATCH), 0)
        found[sampler] = round(jets / timed(partial(job, jets=jets), 0), 1)
    found["ratio_one_shot"] = round(found["one_shot"] / pythia, 2)
    found["device"] = torch.cuda.get_device_name()
    return found


if __name__ == "__main__":
    main()

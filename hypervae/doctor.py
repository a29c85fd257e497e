"""What this machine has, and whether the installation works on it."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hypervae.config import (
    CorrelatorsStageConfig,
    EvaluateStageConfig,
    GenerateConfig,
    NormalizationConfig,
    SimulationConfig,
    TrainStageConfig,
)
from hypervae.device import choose_device, choose_precision
from hypervae.errors import HyperVAEError
from hypervae.extras import ALONE, EXTRAS, how_to_install, missing, require
from hypervae.io import read_list, software_versions, write_list
from hypervae.limits import allow_addresses
from hypervae.processor_time import quota

_PACKAGES = (
    "torch",
    "torch-geometric",
    "lgatr",
    "lightning",
    "fastjet",
    "pythia8mc",
    "h5py",
    "awkward",
    "vector",
    "numba",
    "numpy",
    "scipy",
    "snakemake",
    "submitit",
    "optuna",
)


def describe() -> Iterator[str]:
    """Lines on versions, what is missing, processors, GPUs and the choices of ``auto``.

    Yields
    ------
    str
    """
    versions = software_versions(_PACKAGES)
    yield ", ".join(f"{name} {version}" for name, version in versions.items())
    yield from _lacking()
    allowed = quota()
    most = "" if allowed is None else f", of which a quota allows the time of {allowed:g}"
    threads = torch.get_num_threads()
    yield f"{platform.platform()}, {os.cpu_count()} CPUs{most}, {threads} threads"
    if not torch.cuda.is_available():
        built = "with" if torch.version.cuda else "without"
        yield f"GPU: none (torch is built {built} CUDA)"
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        device = torch.cuda.get_device_properties(index)
        yield (
            f"GPU {index}: {device.name}, compute capability {device.major}.{device.minor}, "
            f"{device.total_memory / 2**30:.1f} GiB, bf16 {torch.cuda.is_bf16_supported()}"
        )
    chosen = choose_device("auto")
    yield f"auto chooses device {chosen} and precision {choose_precision('auto', chosen)}"


def _lacking() -> Iterator[str]:
    """Lines on optional packages that are not installed."""
    for what, modules in {**EXTRAS, **{alone: (alone,) for alone in ALONE}}.items():
        absent = [module for module in modules if missing(module)]
        if absent:
            yield f"{what}: {', '.join(absent)} missing ({how_to_install(absent[0], what)})"


def run_self_test() -> Iterator[str]:
    """Run every stage on a few jets in a temporary folder, and report each with its seconds.

    Yields
    ------
    str

    Raises
    ------
    HyperVAEError
        If a stage fails, or if a result is wrong.
    ModuleNotFoundError
        If a stage needs a package that is not installed.
    """
    allow_addresses("train")  # which takes most
    require(*(module for extra in ("simulate", "train", "evaluate") for module in EXTRAS[extra]))
    from hypervae.checks.files import check_file
    from hypervae.correlators.compute import compute_correlators
    from hypervae.data.simulate import simulate_shard
    from hypervae.evaluation.evaluate import evaluate
    from hypervae.generation.generate import generate_jets
    from hypervae.normalization.merge import merge_normalization
    from hypervae.training.run import TrainingFiles, train

    size = {"latent_dim": 4, "blocks": 1, "vector_channels": 4, "scalar_channels": 8, "heads": 2}
    recipe = {"epochs": 2, "batch_size": 16, "model": size}
    with tempfile.TemporaryDirectory(prefix="hypervae-") as name:
        folder = Path(name)
        shard, correlators, merged = folder / "t.h5", folder / "c.h5", folder / "n.h5"
        model, generated = folder / "model", folder / "g.h5"
        for path, file in ((folder / "s.txt", shard), (folder / "c.txt", correlators)):
            write_list(path, [file])
        stages = {
            "simulate": lambda: simulate_shard(shard, "t", 0, 120, 30, SimulationConfig()),
            "correlators": lambda: compute_correlators(
                shard, correlators, CorrelatorsStageConfig()
            ),
            "normalize": lambda: merge_normalization([correlators], merged, NormalizationConfig()),
            "train": lambda: train(
                TrainingFiles(read_list(folder / "s.txt"), read_list(folder / "c.txt"), merged),
                model,
                folder / "checkpoints",
                TrainStageConfig.of(recipe),
            ),
            "generate": lambda: generate_jets(model, generated, GenerateConfig(jets=100)),
            "evaluate": lambda: evaluate(generated, [shard], EvaluateStageConfig()),
        }
        found: dict[str, Any] = {}
        for stage, run in stages.items():
            start = time.monotonic()
            found[stage] = run()
            yield f"{stage}: {time.monotonic() - start:.1f} s"
        for file in (shard, correlators, merged, generated):
            check_file(file)
        distance = found["evaluate"].results["metrics"]["w1m"]["value"]
        if not (np.isfinite(distance) and distance > 0):
            raise HyperVAEError(f"self-test: found W1M = {distance}, expected a positive number")

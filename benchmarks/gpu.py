"""What training and generation take on a GPU of few GB; prints one line of JSON.

``python -m benchmarks.gpu [--gib 3.5]``. For each model and precision the trainer's own optimizer
step (forward, losses, backward, clipping, optimizer, moving average), with the process's memory
held to ``--gib`` as ``train.execution.max_memory_gb`` holds it: the largest batch, its jets per
second, those of a batch of `BATCH`, and what of the GPU's memory this process took at the most, as
the driver counts it, CUDA's context included (``taken_mb``; wrong where others use the GPU). 4 GB
cards have 3.6 to 3.9 GiB, MIG slices as written on them. Batches are prepared before; gluon jets of
30 particles, hypergraphs with 31,465 hyperedges each. Generation: the shipped tops.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.arguments import OnceParser
from benchmarks.model import prepare
from benchmarks.model_memory import MODEL
from benchmarks.recipe import default_model
from hypervae.config import resolve_section
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard import ShardReader
from hypervae.generation.generate import generate_jets
from hypervae.model import HyperVAE, JetBatch
from hypervae.model.pretrained import pretrained_folder
from hypervae.training.loader import Step
from hypervae.training.memory import OutOfMemory
from hypervae.training.processes import limit_memory, make_fabric
from hypervae.training.step import Optimization

#: Sections ``model``, and whether activations are computed again in the backward pass.
MODELS: dict[str, tuple[dict[str, Any], bool]] = {
    "recipe": (default_model(), False),
    "recipe_with_encoder": (default_model(latent_dim=8), False),
    "large_with_encoder": (MODEL, False),
    "large_with_encoder_checkpointed": (MODEL, True),
}
PRECISIONS = ("32", "16-mixed", "bf16-mixed")
#: Of the step whose rate is that of the recipe, and the largest that is tried.
BATCH, MOST = 64, 16_384
WARM, TIMED = 2, 6
#: Jets that a batch without a hypergraph is made of, and one with.
DISTINCT = 64


def many(batch: JetBatch, jets: int) -> JetBatch:
    """A batch of so many jets, repeated as often as it takes."""
    rows = torch.arange(jets, device=batch.mask.device) % len(batch)
    return batch[rows]


def try_batch(optimization: Optimization, batch: JetBatch, jets: int) -> dict[str, float] | None:
    """Figures of steps of so many jets; None where they do not fit."""
    try:
        optimization.batch_size = jets  # else a step cuts it into smaller ones
        step = Step([many(batch, jets)], jets, [jets])
        for place in range(WARM + TIMED):
            if place == WARM:
                torch.cuda.synchronize()
                start = time.perf_counter()
            optimization.step(step, epoch=0, progress=0.1)
        torch.cuda.synchronize()
    except (OutOfMemory, torch.OutOfMemoryError):
        return None
    seconds = (time.perf_counter() - start) / TIMED
    free, total = torch.cuda.mem_get_info()
    return {
        "ms": round(1e3 * seconds, 2),
        "jets_per_s": round(jets / seconds, 1),
        "taken_mb": round((total - free) / 1e6),
    }


def clean() -> None:
    """Give back what the allocator keeps."""
    gc.collect()
    torch.cuda.empty_cache()


def search(attempt: Callable[[int], dict[str, float] | None]) -> dict[str, Any]:
    """Figures of a batch of `BATCH` and of the largest that fits, to an eighth.

    `attempt` takes a number of jets, and gives None where they do not fit.
    """
    found: dict[str, Any] = {}
    fits, fails, size = 0, 0, BATCH
    while size > fits and fits < MOST:
        figures = attempt(size)
        if figures is None:
            fails = size
        else:
            fits, found["largest"] = size, {"batch": size, **figures}
            if size == BATCH:
                found[f"batch_{BATCH}"] = figures
        if fails and fails - fits <= fits // 8:
            break
        size = (fits + fails) // 2 if fails else 2 * fits
    return found


def measure(
    section: dict[str, Any], checkpointed: bool, precision: str, folder: Path, gib: float
) -> dict[str, Any]:
    """The figures of one model and precision."""
    normalization = read_normalization(folder / "normalization.h5")
    execution = {
        "device": "cuda",
        "max_memory_gb": gib,
        "gradient_checkpointing": checkpointed,
    }
    weights = {} if section.get("latent_dim") != 0 else dict.fromkeys(_HYPERGRAPH, 0.0)
    config = resolve_section(
        "train",
        {
            "optimizer": "muon",
            "precision": precision,
            "model": section,
            "execution": execution,
            "loss_weights": weights,
        },
    )
    fabric = make_fabric(config)
    fabric.launch()
    limit_memory(fabric, gib)
    torch.manual_seed(1)
    model = HyperVAE(normalization, ["g"], config.model, "cuda")
    model.gradient_checkpointing(checkpointed)
    with ShardReader(folder / "shard.h5") as reader:
        jets = reader.read(0, DISTINCT)
    batch = model.batch(jets, hypergraph=section.get("latent_dim") != 0)
    model.fit_decoder([batch])
    optimization = Optimization(fabric, model, config)
    optimization.model.train()
    batch = batch.to(fabric.device)

    def attempt(jets: int) -> dict[str, float] | None:
        clean()
        figures = try_batch(optimization, batch, jets)
        print(precision, jets, figures, file=sys.stderr, flush=True)
        return figures

    found = search(attempt)
    found["parameters"] = sum(p.numel() for p in model.parameters())
    return found


_HYPERGRAPH = ("edge", "hyperedge", "edge_consistency", "hyperedge_consistency", "sum")


def generation(folder: Path) -> dict[str, float]:
    """Jets per second of the shipped tops, files written, by evaluations of the network."""
    found = {}
    for evaluations in (1, 3, 10):
        for jets in (4_096, 65_536):  # the first starts the GPU's kernels
            section = resolve_section(
                "generate",
                {
                    "jets": jets,
                    "flow_evaluations": evaluations,
                    "device": "cuda",
                    "batch_size": 4_096,
                },
            )
            start = time.perf_counter()
            generate_jets(pretrained_folder("t"), folder / "t.h5", section, jet_type="t")
            seconds = time.perf_counter() - start
        found[f"evaluations_{evaluations}"] = round(jets / seconds, 1)
    return found


def main() -> None:
    """Measure and print."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gib", type=float, default=3.5, help="memory of the process's tensors")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("benchmarks.gpu: found no GPU that torch can use, expected one")
    torch.zeros(1, device="cuda")
    free, total = torch.cuda.mem_get_info()
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name(),
        "limit_gib": options.gib,
        "context_mb": round((total - free) / 1e6),
    }
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for model in options.models:
            section, checkpointed = MODELS[model]
            found[model] = {}
            for precision in options.precisions:
                found[model][precision] = measure(
                    section, checkpointed, precision, Path(name), options.gib
                )
                clean()
        found["generated_jets_per_s"] = generation(Path(name))
    print(json.dumps(found))


if __name__ == "__main__":
    main()

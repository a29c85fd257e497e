"""Jets per second of each trunk, in training and in generation; prints one line of JSON.

``python -m benchmarks.model``. 30-particle gluon jets with all 31,465 sets of 3 and 4 particles,
batches of 64, 2 threads. Training is the trainer's own optimizer step on batches of the loader:
look-up of features, forward, all default losses, backward, clipping, step and moving average.
``share`` is what each branch, run forward and backward alone on the same batch, takes of that step.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.arguments import OnceParser
from benchmarks.jets import gluon_jets
from benchmarks.recipe import default_model
from hypervae.config import NormalizationConfig, resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.model import HyperVAE
from hypervae.normalization.merge import merge_normalization
from hypervae.normalization.sources import find_sources
from hypervae.training.loader import JetLoader, Step
from hypervae.training.processes import make_fabric
from hypervae.training.step import Optimization
from hypervae.training.stream import JetStream

BATCH = 64


def in_lgatr(network: str) -> dict[str, Any]:
    """The default model with L-GATr as the trunk of its particles."""
    section = default_model(lgatr=network)
    return {**section, "hierarchical": {**section["hierarchical"], "trunk": "lgatr"}}


# A model section for each trunk, and how many of the steps are timed.
TRUNKS: dict[str, tuple[dict[str, Any], float]] = {
    "slim": ({"lgatr": "slim"}, 1.0),
    "full": ({"lgatr": "full"}, 0.25),
    "flow": ({"decoder": "flow"}, 1.0),
    "hierarchical": (default_model(latent_dim=32), 1.0),
    "hierarchical_alone": (default_model(), 1.0),  # no encoder, no hypergraph
    "hierarchical_slim": (in_lgatr("slim"), 1.0),  # nor the transformer
    "hierarchical_full": (in_lgatr("full"), 0.25),
}
# Module and method of each branch of a training step.
BRANCHES = {
    "encoder particles": ("encoder.particles", "forward"),
    "encoder edges": ("encoder.edges", "forward"),
    "encoder hyperedges": ("encoder.hyperedges", "forward"),
    "encoder fusion": ("encoder.fusion", "forward"),
    "decoder particles": ("decoder.particles", "reconstruct"),
    "decoder edges": ("decoder.edges", "forward"),
    "decoder hyperedges": ("decoder.hyperedges", "forward"),
}


def prepare(folder: Path) -> tuple[list[Path], list[Path], Path]:
    """Write a shard of jets with 30 particles, its correlators and their normalization."""
    jets = gluon_jets()
    jets = jets[jets.multiplicity == 30]
    shard, correlators, normalization = (
        folder / name for name in ("shard.h5", "correlators.h5", "normalization.h5")
    )
    write_shard(shard, jets, source="benchmark")
    config = resolve_section("correlators", {"split": {"fractions": [0.9, 0.1, 0.0]}})
    compute_correlators(shard, correlators, config)
    merge_normalization([correlators], normalization, NormalizationConfig())
    return [shard], [correlators], normalization


def make_optimization(
    files: tuple[list[Path], list[Path], Path], section: dict[str, Any]
) -> tuple[Optimization, JetLoader]:
    """The default recipe for the default model but for a section, and training jets."""
    shards, correlators, path = files
    normalization = read_normalization(path)
    config = resolve_section("train", {"batch_size": BATCH, "model": section})
    config = config.replace(execution={"device": "cpu"})
    fabric = make_fabric(config)
    fabric.launch()
    torch.manual_seed(1)
    model = HyperVAE(normalization, ["g"], config.model)
    sources = find_sources(shards, correlators, normalization, path)
    split = normalization.settings.split
    stream = JetStream(sources, ["g"], "train", split, seed=1)
    loader = JetLoader(stream, normalization, model.config)
    model.fit_decoder(loader.once(BATCH))
    return Optimization(fabric, model, config), loader


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Best time of one call."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def apart(value: Any) -> Any:
    """Copy of an argument that is cut off the graph, and asks for its gradient where it had one."""
    if isinstance(value, Tensor):
        return value.detach().requires_grad_(value.requires_grad)
    if is_dataclass(value):
        return replace(value, **{f.name: apart(getattr(value, f.name)) for f in fields(value)})
    if isinstance(value, dict):
        return {key: apart(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        made = [apart(item) for item in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return value


def tensors(value: Any) -> list[Tensor]:
    """The tensors with a gradient of what a module returned."""
    if isinstance(value, Tensor):
        return [value] if value.requires_grad else []
    if is_dataclass(value):
        value = [getattr(value, f.name) for f in fields(value)]
    elif isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [t for item in value for t in tensors(item)]
    return []


def take(optimization: Optimization, step: Step) -> None:
    """One optimizer step."""
    optimization.step(step, epoch=0, progress=0.1)


def branch_seconds(optimization: Optimization, step: Step, repeats: int) -> dict[str, float]:
    """Time of each branch forward and backward, on the arguments that it gets in a step."""
    model = optimization.model
    here = dict(model.named_modules())
    methods = {
        name: (here[path], method) for name, (path, method) in BRANCHES.items() if path in here
    }
    methods["losses"] = (optimization.loss_terms, "forward")
    caught: dict[str, tuple[Callable[..., Any], Any, Any]] = {}
    with ExitStack() as stack:
        for name, (module, method) in methods.items():
            call = getattr(module, method)

            def catch(*args: Any, name: str = name, call: Any = call, **kwargs: Any) -> Any:
                caught[name] = (call, args, kwargs)
                return call(*args, **kwargs)

            stack.enter_context(patch.object(module, method, catch))
        take(optimization, step)
    found = {}
    for name, (call, args, kwargs) in caught.items():

        def once(call: Any = call, args: Any = args, kwargs: Any = kwargs) -> None:
            some = [apart(value) for value in args]
            out = tensors(call(*some, **{key: apart(value) for key, value in kwargs.items()}))
            torch.autograd.backward(out, [torch.ones_like(value) for value in out])

        found[name] = seconds(once, repeats)
    model.zero_grad(set_to_none=True)
    return found


def measure(section: dict[str, Any], files: tuple[list[Path], list[Path], Path], steps: int):
    """The figures of one trunk."""
    optimization, loader = make_optimization(files, section)
    model = optimization.model
    model.train()
    taken = loader.steps(0, jets_per_step=BATCH, batch_size=BATCH)
    for _ in range(2):  # compilation, and the optimizer's own memory
        take(optimization, next(taken))
    rates, looked_up, stepped = [], [], []
    for _ in range(steps):
        start = time.perf_counter()
        next_step = next(taken)
        middle = time.perf_counter()
        take(optimization, next_step)
        end = time.perf_counter()
        looked_up.append(middle - start)
        stepped.append(end - middle)
        rates.append(next_step.jets / (end - start))
    step = sorted(stepped)[steps // 2] + sorted(looked_up)[steps // 2]
    parts = {"features": sorted(looked_up)[steps // 2]}
    parts.update(branch_seconds(optimization, next_step, 3))
    share = {name: round(value / step, 3) for name, value in parts.items()}
    share["rest"] = round(max(1 - sum(share.values()), 0.0), 3)
    model.eval()
    model.generate(512, seed=1)
    jets = 512 if section.get("lgatr") == "full" else 2048
    made = seconds(lambda: model.generate(jets, seed=1), 3)
    config = model.config
    return {
        "train_jets_per_s": round(sorted(rates)[steps // 2], 1),
        "generate_jets_per_s": round(jets / made),
        "parameters": sum(p.numel() for p in model.parameters()),
        "hyperedge_encoder": config.hyperedge_encoder,
        "hyperedge_decoder": config.hyperedge_decoder,
        "width": config.hyperedge_width,
        "hyperedges_per_jet": int(next_step.batches[0].hyperedge_count.sum(1).mean()),
        "share": share,
    }


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--steps", type=int, default=20, help="optimizer steps; their median counts"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trunks", nargs="+", choices=TRUNKS, default=list(TRUNKS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = prepare(folder)
        found = {}
        for trunk in options.trunks:
            section, share = TRUNKS[trunk]
            found[trunk] = measure(section, files, max(int(options.steps * share), 3))
    print(json.dumps(found))


if __name__ == "__main__":
    main()

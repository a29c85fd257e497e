"""The largest batch of a large model with encoder that fits a small GPU; prints one line of JSON.

``python -m benchmarks.model_memory``. A model of 1.87 M parameters (`MODEL`), jets of 30 particles
with 31,465 hyperedges each, and one step of training: forward, all losses, backward, AdamW and the
moving average. No GPU is needed and none is asked: the step runs on fake tensors, which have shapes
and no content, and counts the bytes of all that are alive (`tensor_memory.TensorMemory`): weights,
gradients, states of the optimizer, moving average, batch, activations, temporaries. Not in it are
the CUDA context, the allocator's rounding and the workspaces of kernels; the budget of 3.5 GB
leaves half a GB of a 4 GB card to them. Operations are those of a CPU; fused attention keeps as
little on a GPU.

Per mode of the hyperedge encoder (and decoder, where it is the same), without and with gradient
checkpointing: the largest batch within the budget, and the GB that a batch of 2 takes.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.arguments import OnceParser
from benchmarks.model import prepare
from benchmarks.tensor_memory import TensorMemory
from hypervae.config import resolve_section
from hypervae.errors import ConfigError
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard import ShardReader
from hypervae.model import HyperVAE, JetBatch
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.losses.terms import LossTerms, total_loss
from hypervae.model.noise import JetNoise

#: Sections ``model`` and ``train``.
MODEL = {
    "latent_dim": 256,
    "blocks": 4,
    "vector_channels": 16,
    "scalar_channels": 64,
    "edge_width": 64,
    "hidden": 256,
    "prior": "flow",
}
TRAIN = {"batch_size": 2, "accumulate": 128, "ema": 0.999}
BUDGET = 3.5e9


def to_fake(mode: FakeTensorMode, module: nn.Module) -> None:
    """Replace all parameters and buffers by fake ones."""
    for part in module.modules():
        for name, value in list(part._parameters.items()):
            if value is not None:
                fake = mode.from_tensor(value.detach())
                part._parameters[name] = nn.Parameter(fake, requires_grad=value.requires_grad)
        for name, value in list(part._buffers.items()):
            if value is not None:
                part._buffers[name] = mode.from_tensor(value)


def widened(mode: FakeTensorMode, batch: JetBatch, size: int) -> JetBatch:
    """A fake batch of `size` jets like those of a batch."""
    with mode:
        return batch.map(lambda value: torch.empty((size, *value.shape[1:]), dtype=value.dtype))


def step_bytes(
    model: HyperVAE, losses: LossTerms, batch: JetBatch, size: int, mode: FakeTensorMode
) -> int:
    """Peak bytes of a step with `size` jets."""
    many = widened(mode, batch, size)
    optimizer = torch.optim.AdamW(model.parameters())
    trained = [p for p in model.parameters() if p.requires_grad]
    held = [*model.parameters(), *model.buffers(), *losses.buffers()]
    held += many.tensors()
    fixed = sum(t.untyped_storage().nbytes() for t in held)
    fixed += 3 * sum(p.untyped_storage().nbytes() for p in trained)  # AdamW's two, and the average
    memory = TensorMemory()
    with mode, memory:
        noise = JetNoise()  # by key it draws an integer, which fake tensors have not
        reconstructed, mean, log_variance = model(many, noise, 0.5)
        terms = losses(reconstructed, many, mean, log_variance, noise)
        total_loss(terms, losses.weights, 1.0).backward()
    optimizer.zero_grad(set_to_none=True)
    return fixed + memory.peak


def largest_batch(peak: Callable[[int], int]) -> int:
    """The largest batch within the budget, by the secant; the slope is a jet's memory."""
    low, high = 2, 8
    at_low, at_high = peak(low), peak(high)
    while True:
        slope = (at_high - at_low) / (high - low)
        guess = max(int(high + (BUDGET - at_high) / slope), 0)
        at_guess = peak(guess) if guess else 0
        if guess == 0 or at_guess <= BUDGET < at_guess + slope:
            return guess
        low, at_low, high, at_high = high, at_high, guess, at_guess


def measure(mode_name: str, checkpointing: bool, folder: Path, lgatr: str) -> dict[str, float]:
    """The figures of one mode."""
    normalization = read_normalization(folder / "normalization.h5")
    modes = {"hyperedge_encoder": mode_name, "hyperedge_decoder": mode_name}
    section = resolve_section("train", {**TRAIN, "model": {**MODEL, **modes, "lgatr": lgatr}})
    model = HyperVAE(normalization, ["g"], section.model)
    with ShardReader(folder / "shard.h5") as reader:
        batch = model.batch(reader.read(0, 2))
    losses = LossTerms(normalization, model.config, section)
    model.train()
    model.gradient_checkpointing(checkpointing)
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    to_fake(fake, model)
    to_fake(fake, losses)

    @functools.cache
    def peak(size: int) -> int:
        found = step_bytes(model, losses, batch, size, fake)
        print(f"{mode_name}, {size} jets: {found / 1e9:.3f} GB", file=sys.stderr, flush=True)
        return found

    return {
        "largest_batch": largest_batch(peak),
        "gb_of_2": round(peak(2) / 1e9, 3),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lgatr", choices=("slim", "full"), default="slim")
    parser.add_argument("--modes", nargs="+", default=list(HYPEREDGE_MODES))
    options = parser.parse_args()
    found: dict[str, Any] = {"budget_gb": BUDGET / 1e9, "lgatr": options.lgatr}
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for mode in options.modes:
            try:
                plain = measure(mode, False, Path(name), options.lgatr)
                saving = measure(mode, True, Path(name), options.lgatr)
            except ConfigError as error:
                found[mode] = f"refused: {error}"
                continue
            found["parameters"] = plain.pop("parameters")
            saving.pop("parameters")
            found[mode] = {"plain": plain, "gradient_checkpointing": saving}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

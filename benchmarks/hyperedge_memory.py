"""Peak tensor memory of the hyperedge branch, per mode; prints one line of JSON.

``python -m benchmarks.hyperedge_memory``. Forward and backward pass of `TokenBranch` (residual MLP
of two blocks, cross-attention with the particles, pooling) for 2 jets of 26 particles, 17,550
hyperedges each, at width 64 in float32 on a CPU. Memory is that of all live tensor storages
(`tensor_memory.TensorMemory`): inputs (features, counts, particles, mask), everything that
operations make, and the gradients of the parameters; not the parameters themselves, nor scratch
memory within one operation. The modes read the tokens that `make_batch` makes of two jets.

``attention_gib``: full attention with 8 heads in the plain kernel (``SDPBackend.MATH``), measured
at 500, 1,000 and 2,000 sets, and the parabola through the three points taken at 17,550.

``sampled_bias``: what drawing 1,024 sets without replacement does to the outputs of the branch with
its initial weights. For each output the average over ``--keys`` draws is compared with the result
of all sets: RMS difference over RMS output, and its statistical error. The mean is unbiased, so its
difference is as large as the error; the maximum's and that of what particles read by attention are
biases where they are larger; ``sharp_attention`` has queries ten times as long, so that few tokens
are read.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.arguments import OnceParser
from benchmarks.jets import gluon_jets
from benchmarks.tensor_memory import TensorMemory
from hypervae.config import ModelConfig, NormalizationConfig, resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.model import make_batch
from hypervae.model.hyperedges.branch import BranchConfig, TokenBranch
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.inputs import JetBatch
from hypervae.normalization import Normalization
from hypervae.normalization.merge import merge_normalization

PARTICLES, ORDERS, SETS = 26, [3, 4], 17_550
WIDTH, BLOCKS, CHANNELS = 64, 2, 32
SIZES = (500, 1000, 2000)
SHARPER = 10.0


def prepare(folder: Path) -> Normalization:
    """The normalization of a few jets, with sets of the 26 hardest particles."""
    write_shard(folder / "shard.h5", gluon_jets()[:200], source="benchmark")
    changes = {
        "hyperedges": {"max_particles": PARTICLES, "orders": ORDERS},
        "split": {"fractions": [1.0, 0.0, 0.0]},
    }
    config = resolve_section("correlators", changes)
    compute_correlators(folder / "shard.h5", folder / "correlators.h5", config)
    merge_normalization([folder / "correlators.h5"], folder / "n.h5", NormalizationConfig())
    return read_normalization(folder / "n.h5")


def branch(mode: str, features: int, heads: int) -> TokenBranch:
    """The branch with its initial weights, the same for modes with the same parameters."""
    torch.manual_seed(1)
    config = BranchConfig(features, WIDTH, CHANNELS, heads=heads, blocks=BLOCKS)
    return HYPEREDGE_MODES[mode].branch(config, ModelConfig.of())


def features_of(batch: JetBatch) -> Tensor:
    """What the encoder shows the branch: features and order of each token."""
    order = torch.nn.functional.one_hot(batch.hyperedge_order, len(ORDERS))
    return torch.cat([batch.hyperedges, order.to(batch.hyperedges.dtype)], dim=-1)


def particles_of(jets: int, slots: int) -> Tensor:
    """Scalars of particles, as L-GATr would make them."""
    return torch.randn(jets, slots, CHANNELS, generator=torch.Generator().manual_seed(2))


def peak(mode: str, features: Tensor, count: Tensor, mask: Tensor, heads: int = 4) -> int:
    """Bytes of forward and backward pass, inputs included."""
    network = branch(mode, features.shape[-1], heads)
    particles = particles_of(*mask.shape).requires_grad_()
    inputs = sum(t.untyped_storage().nbytes() for t in (features, count, mask, particles))
    with TensorMemory() as memory:
        summary, update = network(features, count, particles, mask)
        (summary.sum() + update.square().sum()).backward()
    return memory.peak + inputs


def attention_bytes(features: int, jets: int) -> float:
    """Full attention in the plain kernel, extrapolated to all sets."""
    mask = torch.ones(jets, PARTICLES, dtype=torch.bool)
    found = []
    for sets in SIZES:
        tokens = torch.randn(jets, sets, features), torch.ones(jets, sets)
        with sdpa_kernel(SDPBackend.MATH):
            found.append(peak("attention", *tokens, mask, heads=8))
    return float(np.polyval(np.polyfit(SIZES, found, 2), SETS))


@torch.no_grad()
def sampling_bias(batches: list[JetBatch], whole: JetBatch) -> dict[str, list[float]]:
    """Relative deviation of the average over batches, with its error, per output."""
    mask = whole.mask
    network = branch("mlp", features_of(whole).shape[-1], 4)
    sharp = branch("mlp", features_of(whole).shape[-1], 4)
    sharp.reader.query.weight.mul_(SHARPER)
    particles = particles_of(*mask.shape)

    def outputs(batch: JetBatch) -> dict[str, Tensor]:
        arguments = (features_of(batch), batch.hyperedge_count, particles, mask)
        (summary, update), (_, sharp_update) = network(*arguments), sharp(*arguments)
        mean, highest = summary.double().chunk(2, dim=-1)
        updates = {"attention": update.double(), "sharp_attention": sharp_update.double()}
        return {"mean": mean, "max": highest, **updates}

    expected = outputs(whole)
    drawn = [outputs(batch) for batch in batches]
    bias = {}
    for name, value in expected.items():
        values = torch.stack([each[name] for each in drawn])
        scale = value.square().mean().sqrt()
        shift = (values.mean(0) - value).square().mean().sqrt() / scale
        error = (values.var(0) / len(values)).mean().sqrt() / scale
        bias[name] = [float(f"{shift:.2g}"), float(f"{error:.2g}")]
    return bias


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=256, help="draws that biases are taken over")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        merged = prepare(Path(name))
    jets = gluon_jets(PARTICLES)
    jets = jets[jets.multiplicity == PARTICLES][:2]
    batches = {
        mode: make_batch(jets, merged, encoder=mode)
        for mode in ("mlp", "chunked", "sampled", "binned")
    }
    if batches["mlp"].hyperedge_count.sum(dim=1).tolist() != [SETS] * 2:
        sys.exit(f"the jets do not have {SETS} hyperedges")
    megabytes = {
        f"{mode}_mb": peak(mode, features_of(batch), batch.hyperedge_count, batch.mask) / 1e6
        for mode, batch in batches.items()
    }
    draws = [
        make_batch(
            jets, merged, encoder="sampled", keys=np.array([2 * key, 2 * key + 1], np.uint64)
        )
        for key in range(options.keys)
    ]
    width = features_of(batches["mlp"]).shape[-1]
    print(
        json.dumps(
            {
                **{name: round(value, 2) for name, value in megabytes.items()},
                "attention_gib": round(attention_bytes(width, len(jets)) / 2**30, 1),
                "sampled_bias": sampling_bias(draws, batches["mlp"]),
            }
        )
    )


if __name__ == "__main__":
    main()

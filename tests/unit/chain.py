"""Fixtures of the learned part's tests: a small chain of files up to the normalization."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hypervae.config import resolve_section
from hypervae.data.jets import Jets
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets

SLOTS = 12
JETS = 60
SPLIT = {"seed": 1, "fractions": [0.6, 0.2, 0.2]}
CORRELATORS = {"bins": 20, "hyperedges": {"max_particles": 10}, "split": SPLIT}
MODEL = {
    "latent_dim": 4,
    "blocks": 1,
    "vector_channels": 4,
    "scalar_channels": 8,
    "heads": 2,
    "edge_width": 8,
    "hyperedge_width": 8,
    "hidden": 16,
}


def small_jets(n: int, seed: int = 0, jet_type: str = "g", slots: int = SLOTS) -> Jets:
    """Toy jets of 1 to `slots` particles; the first have 1, 2 and 3."""
    jets = toy_jets(n, seed, jet_type, slots)
    count = np.random.default_rng([seed, 7]).integers(1, slots + 1, n)
    count[:3] = [1, 2, 3][:n]
    jets.particle_features[np.arange(slots) >= count[:, None]] = 0.0
    jets.jet_features[:, 3] = jets.particle_features[..., 3].sum(axis=1)
    return jets


@dataclass
class Chain:
    """Shards of gluon and quark jets, two each, with all that training needs."""

    folder: Path
    shards: list[Path]
    correlators: list[Path]
    normalization: Path

    def of(self, jet_type: str) -> tuple[list[Path], list[Path], Path]:
        """Shards, correlator files and normalization of one type."""
        chosen = [i for i, path in enumerate(self.shards) if path.name.startswith(jet_type)]
        return (
            [self.shards[i] for i in chosen],
            [self.correlators[i] for i in chosen],
            self.folder / f"normalization-{jet_type}.h5",
        )

    @property
    def merged(self):
        """The normalization of both types, read."""
        return read_normalization(self.normalization)


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> Chain:
    import torch

    from hypervae.correlators.compute import compute_correlators
    from hypervae.normalization.merge import merge_normalization

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("chain")
    settings = resolve_section("correlators", CORRELATORS)
    made = Chain(folder, [], [], folder / "normalization.h5")
    for jet_type in "gq":
        for shard in range(2):
            made.shards.append(folder / f"{jet_type}{shard}.h5")
            made.correlators.append(folder / f"correlators-{jet_type}{shard}.h5")
            jets = small_jets(JETS, seed=shard + 1, jet_type=jet_type)
            write_shard(made.shards[-1], jets, source="toy")
            compute_correlators(made.shards[-1], made.correlators[-1], settings)
    method = resolve_section("normalize", {})
    merge_normalization(made.correlators, made.normalization, method)
    for jet_type in "gq":
        _, correlators, path = made.of(jet_type)
        merge_normalization(correlators, path, method)
    return made


@pytest.fixture(scope="session")
def normalization(chain):
    return chain.merged


@pytest.fixture
def model(normalization):
    """A small model of gluon and quark jets with its initial weights, in double precision."""
    import torch

    from hypervae.model import HyperVAE

    torch.manual_seed(3)
    return HyperVAE(normalization, ["g", "q"], MODEL).double().eval()


@pytest.fixture(scope="session")
def train_config():
    """Make a resolved section of `train` for the small model."""

    def make(**changes):
        small = {"epochs": 2, "batch_size": 16, "model": MODEL, "split": SPLIT}
        execution = {"device": "cpu", **changes.pop("execution", {})}
        return resolve_section("train", {**small, "execution": execution, **changes})

    return make

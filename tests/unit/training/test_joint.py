"""A model of several types: the labels survive from the shards to the generated jets."""

import numpy as np
import pytest

from hypervae.config import resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.evaluation.evaluate import evaluate
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from hypervae.generation.generate import generate_jets
from hypervae.normalization.merge import merge_normalization
from hypervae.training.run import TrainingFiles, train
from tests.unit.chain import CORRELATORS, SLOTS
from tests.unit.toys import toy_jets

# One model for all: elsewhere each of two processes would train it.
pytestmark = pytest.mark.xdist_group("joint")

# Particles of each type: unlike in the data, so that a swapped label cannot hide.
PARTICLES = {"q": 3, "g": 10, "t": 7}


def jets_of(kind, n, seed):
    jets = toy_jets(n, seed, kind, SLOTS)
    jets.particle_features[:, PARTICLES[kind] :] = 0.0
    jets.jet_features[:, 3] = jets.particle_features[..., 3].sum(axis=1)
    return jets


@pytest.fixture(scope="module")
def trained(tmp_path_factory, train_config):
    folder = tmp_path_factory.mktemp("joint")
    shards, correlators = [], []
    for kind in PARTICLES:
        shards.append(folder / f"{kind}.h5")
        correlators.append(folder / f"c-{kind}.h5")
        write_shard(shards[-1], jets_of(kind, 120, 1), source="toy")
        compute_correlators(
            shards[-1], correlators[-1], resolve_section("correlators", CORRELATORS)
        )
    merge_normalization(correlators, folder / "n.h5", resolve_section("normalize", {}))
    config = train_config(epochs=60, learning_rate=5e-3)
    # an order of types that is neither JetNet's nor the alphabet's
    train(
        TrainingFiles(shards, correlators, folder / "n.h5"),
        folder / "model",
        folder / "checkpoints",
        config,
        jet_types=["t", "q", "g"],
    )
    return folder


@pytest.mark.parametrize("kind", PARTICLES)
def test_a_joint_model_makes_the_type_it_is_asked_for(trained, kind, tmp_path):
    config = resolve_section("generate", {"jets": 150, "device": "cpu"})
    generate_jets(trained / "model", tmp_path / "jets.h5", config, jet_type=kind)
    with ShardReader(tmp_path / "jets.h5") as reader:
        assert reader.jet_type == kind
        jets = reader.read()
    assert np.median(jets.multiplicity) == PARTICLES[kind]
    off = np.abs(jets.multiplicity - PARTICLES[kind])
    config = resolve_section("evaluate", {"w1_samples": 60, "w1_batches": 2})
    results = evaluate(tmp_path / "jets.h5", [trained / f"{kind}.h5"], config).results
    assert results["jet_type"] == kind
    # all real jets of a type have the same number
    expected = off[: results["sizes"]["compared"]].mean()
    assert results["metrics"]["w1_multiplicity"]["value"] == pytest.approx(expected)

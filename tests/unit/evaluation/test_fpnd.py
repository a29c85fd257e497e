"""FPND: jetnet's value, and the bars that simulated top jets reach against real JetNet."""

import sys

import numpy as np
import pytest
import torch

from hypervae.data.jets import Jets
from hypervae.evaluation import fpnd as module
from hypervae.evaluation.fpnd import fpnd, knn_graph, knn_stand_in
from hypervae.evaluation.jetnet import coordinates
from tests.unit.evaluation.jets import changed, top_jets


def test_nearest_neighbours():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3 * 7, 4, generator=generator)
    batch = torch.arange(3).repeat_interleave(7)
    neighbours, nodes = knn_graph(x, 3, batch)
    assert neighbours.shape == nodes.shape == (3 * 7 * 3,)
    for node in range(21):
        others = [other for other in range(21) if batch[other] == batch[node] and other != node]
        nearest = sorted(others, key=lambda other: float((x[other] - x[node]).norm()))[:3]
        assert sorted(neighbours[nodes == node].tolist()) == sorted(nearest)


def test_the_stand_in_does_not_stay():
    installed = "torch_cluster" in sys.modules
    with knn_stand_in():
        from jetnet.evaluation.particlenet import _ParticleNet

        assert "torch_cluster" in sys.modules
    assert ("torch_cluster" in sys.modules) == installed
    assert _ParticleNet(30, 3).k == 16


@pytest.mark.filterwarnings("ignore:Recommended number")
def test_the_value_is_jetnets(monkeypatch):
    monkeypatch.setattr(module, "REPLICAS", 3)
    from jetnet.evaluation import gen_metrics

    jets = top_jets()[:60]
    found = fpnd(jets, "t", seed=1)
    # Its ParticleNet is imported by now, with the stand-in.
    theirs = gen_metrics.fpnd(coordinates(jets), "t", device="cpu", use_tqdm=False)
    assert found.value == pytest.approx(float(theirs), rel=1e-4)
    assert found.error > 0
    assert found == fpnd(jets, "t", seed=1)


def test_slots_do_not_matter(monkeypatch):
    monkeypatch.setattr(module, "REPLICAS", 2)
    jets = top_jets()[:40]
    jets.particle_features[:, 20:] = 0
    narrow = Jets(jets.particle_features[:, :20], jets.jet_features)
    wide = Jets(np.pad(jets.particle_features, ((0, 0), (0, 9), (0, 0))), jets.jet_features)
    values = [fpnd(each, "t", seed=1).value for each in (jets, narrow, wide)]
    np.testing.assert_allclose(values, values[0], rtol=1e-6)


@pytest.mark.slow
def test_simulated_top_jets_are_like_real_ones_and_renormalized_ones_are_not():
    jets = top_jets()
    found = fpnd(jets, "t", seed=1)
    assert found.value < 0.3
    # A known trap: ptrel over the sum of the kept particles' instead of over the full jet's pT.
    particles = jets.particle_features.copy()
    particles[..., 2] /= particles[..., 2].sum(axis=1, keepdims=True)
    assert fpnd(changed(jets, particles), "t", seed=1).value > 10 * found.value

"""FPND: jetnet's value, and the bars that simulated top jets reach against real JetNet."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hypervae.data.jets import Jets
from hypervae.evaluation import fpnd as module
from hypervae.evaluation.fpnd import fpnd
from hypervae.evaluation.particlenet import neighbours, real_statistics, trained_particlenet
from tests.unit.evaluation.jets import changed, top_jets
from tests.unit.evaluation.reference import coordinates, particlenet, seeded_jetnet


def test_nearest_neighbours():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 7, 4, generator=generator)
    found = neighbours(x, 3)
    assert found.shape == (3, 7, 3)
    for jet in range(3):
        for node in range(7):
            others = [other for other in range(7) if other != node]
            nearest = sorted(others, key=lambda i: float((x[jet, i] - x[jet, node]).norm()))[:3]
            assert sorted(found[jet, node].tolist()) == sorted(nearest)


def test_the_value_is_jetnets(monkeypatch):
    monkeypatch.setattr(module, "REPLICAS", 3)
    particlenet()  # which its function would import without a torch_cluster
    jets = top_jets()[:60]
    found = fpnd(jets, "t", seed=1)
    with seeded_jetnet(1) as gen_metrics:
        theirs = gen_metrics.fpnd(coordinates(jets), "t", device="cpu", use_tqdm=False)
    assert found.value == pytest.approx(float(theirs), rel=1e-4)
    assert found.error > 0
    assert found == fpnd(jets, "t", seed=1)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("hypervae.evaluation.particlenet.find_spec", lambda name: None)
    for needs_it in (trained_particlenet, lambda: real_statistics("t")):
        with pytest.raises(ModuleNotFoundError, match="jetnet") as error:
            needs_it()
        assert error.value.name == "jetnet"


def test_the_package_is_read_and_not_imported():
    # Its chain of imports fails wherever Wasserstein was not built for the NumPy at hand.
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('energyflow', 'wasserstein', 'coffea')));"
        "from hypervae.evaluation.particlenet import trained_particlenet; trained_particlenet();"
        "sys.exit('jetnet' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], check=True)


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

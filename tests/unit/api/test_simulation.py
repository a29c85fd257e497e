"""Simulated jets in memory are those of the command."""

import sys

import numpy as np
import pytest

import hypervae
from hypervae import Jets
from hypervae.config import resolve_section
from hypervae.data.simulate import simulate_shard
from hypervae.errors import MissingPackageError


def test_they_are_those_of_the_command(tmp_path):
    config = resolve_section("simulate", {"seed": 3, "radius": 0.6})
    simulate_shard(tmp_path / "jets.h5", "w", 0, 5, 12, config)
    expected = Jets.load(tmp_path / "jets.h5")
    found = hypervae.simulate("w", 5, seed=3, max_particles=12, radius=0.6)
    np.testing.assert_array_equal(found.particle_features, expected.particle_features)
    np.testing.assert_array_equal(found.jet_features, expected.jet_features)
    assert found.jet_type == "w"


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingPackageError, match=r"needs pythia8mc.*hypervae\[simulate\]"):
        hypervae.simulate("w", 5)

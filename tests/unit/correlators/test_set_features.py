import numpy as np
import pytest

from hypervae.correlators import geometry, sets
from hypervae.correlators.binning import Binning
from hypervae.correlators.set_features import set_features
from tests.unit.toys import toy_jets


@pytest.mark.parametrize("orders", [[3], [4], [3, 4], [3, 4, 5], [6]])
def test_features_are_looked_up_set_by_set(orders):
    jets = toy_jets(6, seed=1, jet_type="q", max_particles=11)
    jets.particle_features[0, 2:] = 0  # two particles: no set at all
    binning = Binning(40, 1e-3, 1.0)
    pair_bins = geometry.pair_bins(jets, binning)
    log_weight = np.log(np.where(jets.mask, geometry.weights(jets), 1.0))
    tables = np.random.default_rng(0).normal(size=(binning.size, 2))
    values, sizes = set_features(
        pair_bins, jets.multiplicity, log_weight.astype(np.float32), orders, tables, shift=0.25
    )
    most = int(jets.multiplicity.max())
    assert values.shape == (6, sum(sets.set_count(most, order) for order in orders), 3)
    assert values.dtype == np.float32
    for jet, n in enumerate(jets.multiplicity):
        start = 0
        for place, order in enumerate(orders):
            size, length = sets.set_count(n, order), sets.set_count(most, order)
            assert sizes[jet, place] == size
            here = values[jet, start : start + size]
            bins = sets.set_bins(pair_bins[jet], n, order)
            members = sets.set_members(n, order)
            np.testing.assert_allclose(here[:, :2], tables[bins], rtol=1e-6)
            wanted = log_weight[jet][members].sum(axis=1) + 0.25
            np.testing.assert_allclose(here[:, 2], wanted, rtol=1e-5)
            assert not values[jet, start + size : start + length].any()
            start += length


def test_ln_w_twice_and_in_double_precision():
    jets = toy_jets(3, seed=2, max_particles=9)
    binning = Binning(40, 1e-3, 1.0)
    pair_bins = geometry.pair_bins(jets, binning)
    log_weight = np.log(np.where(jets.mask, geometry.weights(jets), 1.0))
    tables = np.random.default_rng(0).normal(size=(binning.size, 3))
    single = log_weight.astype(np.float32)
    arguments = (pair_bins, jets.multiplicity, single, [3, 4], tables)
    once, _ = set_features(*arguments, shift=0.5)
    twice, _ = set_features(*arguments, shift=0.5, times=2)
    np.testing.assert_array_equal(twice[..., :-1], once)
    np.testing.assert_array_equal(twice[..., -1], once[..., -1])
    double, _ = set_features(pair_bins, jets.multiplicity, log_weight, [3, 4], tables, shift=0.5)
    assert double.dtype == np.float64
    np.testing.assert_allclose(double, once, rtol=1e-6)
    members = sets.set_members(int(jets.multiplicity[0]), 3)
    wanted = log_weight[0][members].sum(axis=1) + 0.5
    np.testing.assert_allclose(double[0, : len(members), -1], wanted, rtol=1e-13)

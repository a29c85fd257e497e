import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypervae.correlators import geometry, sets
from hypervae.correlators.histograms import set_histograms, weighted_histograms
from tests.unit.correlators.jets import BINNING, jet_of, particles
from tests.unit.toys import toy_jets

ORDERS = [3, 4, 5, 6]


def arrays(jets):
    log_weight = np.log(np.where(jets.mask, geometry.weights(jets), 1.0))
    return log_weight, jets.multiplicity, geometry.pair_bins(jets, BINNING)


def brute_force(pair_bins, log_weight, count, order):
    """Number of sets, sum of ln w and sum of w in each bin."""
    bins = sets.set_bins(pair_bins, count, order)
    ln_w = log_weight[sets.set_members(count, order)].sum(axis=1)
    weights = (None, ln_w, np.exp(ln_w))
    return [np.bincount(bins, weight, BINNING.size) for weight in weights]


def check(jets, counts, orders):
    log_weight, _, pair_bins = arrays(jets)
    counted, logs, weights = weighted_histograms(
        log_weight, counts, pair_bins, orders, BINNING.size
    )
    without = set_histograms(log_weight, counts, pair_bins, orders, BINNING.size)
    np.testing.assert_array_equal(counted, without[0])
    np.testing.assert_array_equal(logs, without[1])
    for jet, count in enumerate(counts):
        for row, order in enumerate(orders):
            wanted = brute_force(pair_bins[jet], log_weight[jet], count, order)
            np.testing.assert_array_equal(counted[jet, row], wanted[0])
            np.testing.assert_allclose(logs[jet, row], wanted[1], rtol=1e-6, atol=1e-5)
            np.testing.assert_allclose(weights[jet, row], wanted[2], rtol=1e-11)


@given(particles(largest=8), st.integers(2, 9))
@settings(max_examples=60)
def test_histograms_are_those_of_each_set(rows, hardest):
    jets = jet_of(rows, slots=len(rows) + 1)
    check(jets, np.array([min(hardest, len(rows))]), ORDERS)


@pytest.mark.parametrize("orders", [[3], [4], [5, 3], [3, 4, 5, 6]])
def test_histograms_of_larger_jets(orders):
    jets = toy_jets(5, seed=3, max_particles=17)
    check(jets, jets.multiplicity, orders)


def test_histograms_of_full_jets_hold_every_set():
    jets = toy_jets(6)
    counts, logs = set_histograms(*arrays(jets), ORDERS, BINNING.size)
    wanted = [[math.comb(n, order) for order in ORDERS] for n in jets.multiplicity]
    np.testing.assert_array_equal(counts.sum(axis=2), wanted)
    assert np.all(logs <= 0)


def test_the_weights_of_all_bins_are_the_elementary_symmetric_sum():
    # sum over sets of w = coefficient of x^N of prod_t (1 + w_t x)
    jets = toy_jets(4, seed=5)
    *_, weights = weighted_histograms(*arrays(jets), ORDERS, BINNING.size)
    for jet, weight in enumerate(geometry.weights(jets)):
        coefficients = np.poly(-weight)
        np.testing.assert_allclose(weights[jet].sum(axis=1), coefficients[ORDERS], rtol=1e-10)


def test_weights_below_the_range_of_float32_are_kept():
    rows = np.array([[0.0, 0.0, 1.0], [0.1, 0.0, 1e-9], [0.0, 0.1, 1e-9], [0.1, 0.1, 1e-9]])
    log_weight, counts, pair_bins = arrays(jet_of(rows))
    *_, weights = weighted_histograms(2 * log_weight, counts, pair_bins, [4], BINNING.size)
    assert weights.sum() == pytest.approx(1e-54, rel=1e-6)


def test_double_precision_on_request():
    found = set_histograms(*arrays(toy_jets(2)), [3], BINNING.size, np.float64)
    assert {array.dtype.type for array in found} == {np.float64}


def test_without_orders_there_are_no_histograms():
    counts, logs = set_histograms(*arrays(toy_jets(3)), [], BINNING.size)
    assert counts.shape == logs.shape == (3, 0, BINNING.size)


def test_sets_are_counted_among_64_particles_and_no_more():
    generator = np.random.default_rng(0)
    jets = jet_of(np.column_stack([generator.normal(0, 0.1, (65, 2)), np.ones(65)]))
    pair_bins = geometry.pair_bins(jets, BINNING)
    log_weight = np.log(generator.uniform(0.1, 1.0, (1, 65)))
    counts, _, weights = weighted_histograms(
        log_weight, np.array([64]), pair_bins, [3], BINNING.size
    )
    wanted = brute_force(pair_bins[0], log_weight[0], 64, 3)
    np.testing.assert_array_equal(counts[0, 0], wanted[0])
    np.testing.assert_allclose(weights[0, 0], wanted[2], rtol=1e-11)
    with pytest.raises(ValueError, match="64 particles at most, not 65"):
        set_histograms(log_weight, np.array([65]), pair_bins, [3], BINNING.size)

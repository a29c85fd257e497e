import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypervae.correlators.cliques import projected
from hypervae.correlators.geometry import pair_bins, weights
from hypervae.correlators.kernel import correlate
from hypervae.errors import ArgumentError
from tests.unit.correlators.jets import jet_of, particles
from tests.unit.enc.jets import BINNING, arrays_of, by_subsets, clustered_jets


@pytest.mark.parametrize("order", [0.5, 1.0, 1.5, 2.0, 2.7, 3.0, 7.25])
def test_it_is_the_sum_over_all_sets(order):
    arrays = arrays_of(clustered_jets(12, 8, spread=0.3))
    found = projected(*arrays, [order], BINNING.size)[:, 0]
    for jet, (weight, n, bins) in enumerate(zip(*arrays, strict=True)):
        wanted = by_subsets(weight[:n], bins, order, BINNING.size)
        assert np.abs(found[jet] - wanted).max() < 1e-13


@settings(max_examples=60, deadline=None)
@given(particles(1, 7), st.floats(0.2, 6.0))
def test_any_places_even_equal_ones(rows, order):
    jets = jet_of(rows)
    weight, bins = weights(jets), pair_bins(jets, BINNING)
    found = projected(weight, jets.multiplicity, bins, [order], BINNING.size)[0, 0]
    wanted = by_subsets(weight[0], bins[0], order, BINNING.size)
    assert np.abs(found - wanted).max() < 1e-12


@pytest.mark.parametrize(("particles", "spread"), [(30, 0.05), (30, 0.4), (63, 0.1), (64, 0.1)])
def test_whole_orders_are_those_of_the_kernel(particles, spread):
    arrays = arrays_of(clustered_jets(20, particles, spread=spread))
    found = projected(*arrays, [2, 3, 4], BINNING.size)
    kernel = correlate(*arrays, [2, 3, 4], BINNING.size)[0][0]
    assert np.abs(found.sum(axis=0) - kernel).max() < 1e-13


def test_more_than_a_word_of_particles():
    jets = clustered_jets(3, 150, spread=0.03)
    assert jets.multiplicity.max() > 64
    arrays = arrays_of(jets)
    found = projected(*arrays, [3, 2.5], BINNING.size)
    kernel = correlate(*arrays, [2, 3], BINNING.size)[0][0]
    assert np.abs(found[:, 0].sum(axis=0) - kernel[1]).max() < 1e-13
    assert found.sum(axis=2) == pytest.approx(1.0, abs=1e-12)


def test_weights_that_do_not_sum_to_one():
    jets = clustered_jets(10, 12)
    weight = weights(jets, exponent=1.5)
    found = projected(weight, jets.multiplicity, pair_bins(jets, BINNING), [2.5], BINNING.size)
    assert found.sum(axis=(1, 2)) == pytest.approx(weight.sum(axis=1) ** 2.5, rel=1e-12)


def test_orders_do_not_depend_on_each_other_nor_on_threads():
    arrays = arrays_of(clustered_jets(10, 20))
    alone = projected(*arrays, [2.5], BINNING.size)[:, 0]
    assert np.array_equal(projected(*arrays, [4, 2.5], BINNING.size, threads=3)[:, 1], alone)


def test_a_jet_that_takes_too_long_is_named():
    arrays = arrays_of(clustered_jets(5, 30, spread=0.5))
    with pytest.raises(ArgumentError, match=r"jet \d with \d+ particles.*more than 50 terms.*R_1"):
        projected(*arrays, [2.5], BINNING.size, most_terms=50)

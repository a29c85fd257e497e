import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypervae.correlators import geometry, sets
from tests.unit.correlators.jets import BINNING, jet_of, particles

ORDERS = [3, 4, 5, 6]


@pytest.mark.parametrize("order", [2, *ORDERS])
def test_every_set_once_and_those_of_the_hardest_first(order):
    members = sets.set_members(9, order)
    assert len(members) == sets.set_count(9, order) == math.comb(9, order)
    assert {tuple(row) for row in members.tolist()} == set(itertools.combinations(range(9), order))
    assert np.all(np.diff(members.astype(int), axis=1) > 0)
    for fewer in (3, 6, 8):
        part = sets.set_members(fewer, order)
        np.testing.assert_array_equal(members[: len(part)], part)


def test_pairs_are_sets_of_two():
    np.testing.assert_array_equal(sets.set_members(7, 2).T, geometry.pair_indices(7))


def test_the_numbers_of_the_design():
    assert sets.set_count(26, 3) + sets.set_count(26, 4) == 17_550


@given(particles(largest=8), st.integers(2, 9))
@settings(max_examples=60)
def test_the_bin_of_a_set_is_the_largest_of_its_pairs(rows, hardest):
    jets = jet_of(rows, slots=len(rows) + 1)
    pair_bins = geometry.pair_bins(jets, BINNING)
    i, j = geometry.pair_indices(jets.particle_features.shape[1])
    code_of = dict(
        zip(zip(i.tolist(), j.tolist(), strict=True), pair_bins[0].tolist(), strict=True)
    )
    count = min(hardest, len(rows))
    for order in ORDERS:
        farthest = [
            max(code_of[pair] for pair in itertools.combinations(one, 2))
            for one in sets.set_members(count, order).tolist()
        ]
        bins = sets.set_bins(pair_bins[0], count, order)
        assert bins.tolist() == farthest
        assert bins.dtype == pair_bins.dtype


@given(
    st.lists(st.lists(st.floats(-12, -0.01), min_size=1, max_size=7), min_size=1, max_size=4),
    st.sampled_from(ORDERS),
    st.floats(-30, 0),
)
def test_moments_of_ln_w_in_closed_form(logs, order, shift):
    slots = max(map(len, logs))
    log_weight = np.zeros((len(logs), slots))
    for row, values in enumerate(logs):
        log_weight[row, : len(values)] = values
    counts = np.array([len(values) for values in logs])
    brute = np.array([sum(one) for values in logs for one in itertools.combinations(values, order)])
    found = sets.log_weight_sums(log_weight, counts, order, shift)
    if not len(brute):
        assert found == (0, 0, 0, math.inf, -math.inf)
        return
    centred = brute - shift
    wanted = (len(brute), centred.sum(), (centred**2).sum(), brute.min(), brute.max())
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-9)

import numpy as np
import pytest

from hypervae.normalization.tables import correlator_tables, nearest_filled


def test_the_nearest_filled_bin_and_the_lower_of_two():
    filled = np.array([0, 0, 1, 0, 0, 0, 1, 1, 0], bool)
    assert nearest_filled(filled).tolist() == [2, 2, 2, 2, 2, 6, 6, 7, 7]
    with pytest.raises(ValueError, match="no bin is filled"):
        nearest_filled(np.zeros(3, bool))


def test_empty_bins_underflow_and_overflow_take_the_nearest_inside():
    enc = {2: np.array([50.0, 0, 2, 4, 0, 30]), 3: np.array([70.0, 0, 4, 0, 0, 60])}
    ln_e2c, ln_ratio = correlator_tables(enc, 10, [3])
    np.testing.assert_allclose(np.exp(ln_e2c), [0.2, 0.2, 0.2, 0.4, 0.4, 0.4])
    np.testing.assert_allclose(np.exp(ln_ratio), [[2, 2, 2, 2, 2, 2]])


def test_without_a_pair_in_the_range_tables_are_flat():
    enc = {2: np.array([9.0, 0, 0, 1]), 3: np.array([9.0, 0, 0, 1])}
    ln_e2c, ln_ratio = correlator_tables(enc, 10, [3])
    assert not ln_e2c.any()
    assert not ln_ratio.any()


def test_without_hyperedges_there_are_no_ratios():
    assert correlator_tables({2: np.ones(5)}, 1, [])[1].shape == (0, 5)

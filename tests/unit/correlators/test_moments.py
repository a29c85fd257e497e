import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypervae.correlators.moments import Moments

VALUES = st.lists(st.floats(-30, 30), min_size=1, max_size=30)


@given(VALUES, st.floats(-5, 5))
def test_mean_width_and_range(values, shift):
    values = np.array(values)
    found = Moments.of(values, shift)
    assert found.mean == pytest.approx(values.mean(), abs=1e-12)
    assert found.width == pytest.approx(values.std(), abs=1e-6)
    assert (found.low, found.high, found.count) == (values.min(), values.max(), len(values))


@given(st.lists(VALUES, min_size=1, max_size=5), st.floats(-5, 5))
def test_merging_is_as_good_as_one_pass(parts, shift):
    merged = Moments.merge(Moments.of(np.array(part), shift) for part in parts)
    whole = Moments.of(np.concatenate(parts), shift)
    np.testing.assert_allclose(merged.to_array(), whole.to_array(), rtol=1e-12, atol=1e-11)


def test_nothing_has_no_width_and_leaves_others_alone():
    nothing = Moments.of(np.array([]), 2.0)
    assert (nothing.mean, nothing.width, nothing.count) == (0, 0, 0)
    some = Moments.of(np.array([1.0, 3.0]), 2.0)
    assert Moments.merge([nothing, some]) == some


def test_equal_values_have_no_width():
    assert Moments.of(np.full(1000, 0.1), 7.0).width < 1e-6


def test_another_shift_cannot_be_merged():
    with pytest.raises(ValueError, match="different shifts"):
        Moments.merge([Moments(1.0), Moments(2.0)])


def test_the_stored_array_gives_the_moments_back():
    moments = Moments.of(np.array([0.1, 0.2, 0.7]), 0.3)
    assert Moments.from_array(moments.to_array()) == moments

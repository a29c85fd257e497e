import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypervae.normalization import Scaler

STATS = np.array([[-3.0, 0.7, -9.0, 1.0], [0.0, 2.0, -5.0, 5.0], [4.0, 0.0, 4.0, 4.0]])
NAMES = ("a", "b", "c")


@pytest.mark.parametrize("method", ["zscore", "minmax"])
@given(st.lists(st.floats(-1e3, 1e3) | st.floats(-1e-9, 1e-9), min_size=3, max_size=3))
def test_the_inverse_is_exact_also_near_zero(method, values):
    scaler = Scaler.of(NAMES, STATS, method)
    values = np.array(values)
    back = scaler.inverse(scaler.forward(values))
    precision = 4e-16 * (np.abs(values) + np.abs(scaler.offset))
    assert np.all(np.abs(back - values) <= precision)
    again = scaler.forward(scaler.inverse(values))
    assert np.all(np.abs(again - values) <= 4e-16 * (np.abs(values) + 20))


def test_values_near_zero_stay_apart():
    scaler = Scaler.of(NAMES, STATS, "zscore")
    small = np.array([[0, 1e-12, 0], [0, -1e-12, 0], [0, 0, 0]])
    assert len(set(scaler.forward(small)[:, 1])) == 3


def test_zscore_and_minmax_are_what_they_are_called():
    z = Scaler.of(NAMES, STATS, "zscore")
    np.testing.assert_allclose(z.forward(np.array([-3.0, 2.0, 4.0])), [0, 1, 0])
    m = Scaler.of(NAMES, STATS, "minmax")
    np.testing.assert_allclose(
        m.forward(np.array([[-9.0, -5, 4], [1, 5, 4]])), [[0] * 3, [1, 1, 0]]
    )


@pytest.mark.parametrize("method", ["zscore", "minmax"])
def test_a_zero_width_scales_by_one(method):
    assert Scaler.of(NAMES, STATS, method).forward(np.full((2, 3), 5.5))[0, 2] == 1.5


def test_no_features_are_scaled_too():
    assert Scaler.of((), np.zeros((0, 4)), "zscore").forward(np.zeros((5, 0))).shape == (5, 0)

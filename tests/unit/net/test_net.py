"""What the library computed once it computes still, on a fixed tiny input.

A failure says that figures change. Where that is not meant, the change is wrong; where it is,
`tests.unit.net.record` says what to do.
"""

import hashlib

import numpy as np
import pytest

from tests.unit.evaluation.jets import TOP_JETS
from tests.unit.net.cases import CASES, EXACT, ROUNDED
from tests.unit.net.record import plain, stored

STORED = stored()


def test_the_input_is_the_recorded_one():
    digest = hashlib.sha256(TOP_JETS.read_bytes()).hexdigest()
    assert digest == "7e8839e6fba4cb2594feacac9cc342c764a2f904c34238e1543f1da2365402fe"


def test_all_cases_are_recorded():
    assert list(STORED) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_values_are_the_recorded_ones(name):
    found, expected = plain(CASES[name].compute()), STORED[name]
    assert list(found) == list(expected)
    for key, value in expected.items():
        # None, where there is no such number, becomes NaN
        now, then = (np.asarray(some, dtype=float) for some in (found[key], value))
        assert now.shape == then.shape, key
        tolerance = CASES[name].tolerance
        # what cancels is known no better than its parts
        relative = tolerance if tolerance != ROUNDED else 10 * EXACT
        least = relative * np.abs(then[np.isfinite(then)]).max(initial=0.0)
        np.testing.assert_allclose(now, then, tolerance, least, err_msg=f"{name}: {key}")

"""Nearest neighbours among training and test jets."""

import numpy as np
import pytest

from hypervae.evaluation.memorization import nearest


def points(seed, n=400):
    return np.exp(np.random.default_rng(seed).normal(size=(n, 3)))


def test_independent_jets_are_as_near_to_either():
    found = nearest(points(1), points(2), points(3))
    assert found["nearer_training"].value == pytest.approx(0.5, abs=0.12)
    for name, ideal in (("nearer_training", 0.5), ("nearest_distance", 1.0)):
        assert abs(found[name].value - ideal) < 4 * found[name].error, name


def test_copies_are_found():
    training = points(2)
    found = nearest(training, training, points(3))
    assert found["nearer_training"].value == 1
    assert found["nearest_distance"].value == pytest.approx(0, abs=1e-4)


def test_one_copy_in_five_is_seen():
    training, sample = points(2, 1000), points(1, 1000)
    rows = np.random.default_rng(4).permutation(1000)[:200]
    sample[rows] = training[rows] * 1.001
    found = nearest(sample, training, points(3, 1000))["nearer_training"]
    assert found.value == pytest.approx(0.6, abs=0.05)
    assert found.value > 0.5 + 3 * found.error


def test_errors_are_the_spread_between_samples():
    found = [nearest(*(points(3 * seed + i, 200) for i in range(3))) for seed in range(40)]
    for name in ("nearer_training", "nearest_distance"):
        values, errors = np.array([one[name] for one in found]).T
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(ddof=1), rel=0.4), name


def test_the_larger_side_is_cut_since_more_jets_are_nearer():
    training = points(2, 400)
    assert nearest(points(1), training, points(3, 200)) == nearest(
        points(1), training[:200], points(3, 200)
    )

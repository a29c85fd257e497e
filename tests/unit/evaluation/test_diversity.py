"""Nearest neighbours within a sample."""

import numpy as np
import pytest

from hypervae.evaluation.diversity import NEAREST, diversity


def points(seed, n=1000):
    return np.exp(np.random.default_rng(seed).normal(size=(n, 3)))


def test_an_independent_sample_is_as_diverse():
    found = diversity(points(1), points(2))
    for name, ideal in (("own_distance", 1.0), ("repeats", NEAREST)):
        assert abs(found[name].value - ideal) < 4 * found[name].error, name
    assert found["own_distance"].error < 0.05


def test_of_a_sample_against_itself_nothing_differs():
    found = diversity(points(1), points(1))
    assert found["own_distance"].value == 1
    assert found["repeats"].value == NEAREST


def test_jets_that_are_all_there_twice_are_seen():
    half = points(1, 500)
    found = diversity(np.concatenate([half, half]), points(2))
    assert found["own_distance"].value == pytest.approx(0, abs=1e-4)
    assert found["repeats"].value == 1


def test_a_tenth_that_repeats_is_seen_where_the_mean_hardly_moves():
    sample = points(1)
    sample[:100] = sample[0] * np.exp(1e-3 * np.random.default_rng(3).normal(size=(100, 3)))
    found = diversity(sample, points(2))
    assert found["repeats"].value == pytest.approx(0.1, abs=0.02)
    assert found["repeats"].value > NEAREST + 3 * found["repeats"].error
    assert found["own_distance"].value > 0.85


def test_fewer_kinds_of_jets_are_seen():
    narrow = np.exp(0.5 * np.log(points(1)))
    found = diversity(narrow, points(2))["own_distance"]
    assert found.value == pytest.approx(0.5, abs=0.05)


def test_errors_are_the_spread_between_samples():
    found = [diversity(points(2 * seed), points(2 * seed + 1)) for seed in range(30)]
    for name in ("own_distance",):
        values, errors = np.array([one[name] for one in found]).T
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(ddof=1), rel=0.5), name


def test_the_larger_side_is_cut_since_more_jets_are_nearer():
    assert diversity(points(1, 1000), points(2, 400)) == diversity(points(1)[:400], points(2, 400))

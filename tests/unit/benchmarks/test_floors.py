"""Distances in truth floors: what a perfect generator gets, and how well its error is known."""

import numpy as np

from benchmarks.floors import in_floors


def distances(samples, others):
    """A stand-in for a metric: how far apart the means of two samples are."""
    means = samples.mean(axis=1)[:, None] - others.mean(axis=1)[None]
    return np.abs(means)[..., None]


def one_ratio(rng, *, shift=0.0):
    real, made = rng.normal(size=(6, 50)), rng.normal(shift, size=(2, 50))
    return in_floors(distances(real, real), distances(made, real[4:]))


def test_a_perfect_generator_is_at_one_and_the_error_is_that_of_other_draws():
    found = [one_ratio(np.random.default_rng(seed)) for seed in range(400)]
    ratios, errors = (np.array(part)[:, 0] for part in zip(*found, strict=True))
    assert abs(np.median(ratios) - 1) < 0.15
    assert 0.75 < np.mean(errors) / ratios.std() < 1.35


def test_a_shift_is_found_in_units_of_the_floor():
    shift = 10 * np.sqrt(2 / 50)
    found = [one_ratio(np.random.default_rng(seed), shift=shift)[0][0] for seed in range(100)]
    # The mean distance of two samples is sqrt(2 / pi) of its standard deviation.
    assert abs(np.mean(found) * np.sqrt(2 / np.pi) / 10 - 1) < 0.2


def test_the_floor_is_that_of_all_real_pairs():
    real = np.zeros((3, 3, 1))
    real[0, 1] = real[1, 0] = 1.0
    real[0, 2] = real[2, 0] = 2.0
    real[1, 2] = real[2, 1] = 3.0
    ratio, error = in_floors(real, np.array([[[6.0]]]))
    # Without the first training sample the ratio is 2, without the second 3; one test and one
    # generated sample have no spread.
    assert (ratio[0], error[0]) == (3.0, 0.5)

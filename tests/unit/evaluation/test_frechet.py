"""FPD and KPD: analytic cases, and jetnet's own functions."""

import numpy as np
import pytest

from hypervae.evaluation.frechet import fpd, fpd_sizes, kpd, kpd_size
from hypervae.observables.efp import efps
from tests.unit.evaluation.jets import stretched, top_jets
from tests.unit.evaluation.reference import seeded_jetnet


def gaussians(n, shift=0.0, width=1.0, features=4, seed=0):
    return np.random.default_rng(seed).normal(shift, width, (n, features))


def test_fpd_of_two_gaussians():
    # |mu|^2 + sum (sigma - 1)^2, in units of the largest value of each feature.
    real, made = gaussians(20_000, seed=1), gaussians(20_000, 0.5, 1.4, seed=2)
    scale = np.abs(real).max(axis=0)
    expected = ((0.5**2 + 0.4**2) / scale**2).sum()
    found = fpd(made, real, seed=3)
    assert found.value == pytest.approx(expected, rel=0.03)
    assert found.error < 0.1 * expected


def test_fpd_does_not_depend_on_the_size_as_the_biased_distance_does():
    # Extrapolated to infinite samples: two samples of one distribution are 0 apart.
    found = fpd(gaussians(4000, seed=1), gaussians(4000, seed=2), seed=3)
    assert found.value < 5 * found.error + 2e-4


def test_kpd_of_two_gaussians():
    # With one feature (x y + 1)^4 = sum C(4, k) x^k y^k: squared differences of moments.
    real, made = gaussians(20_000, 0.3, 1.0, 1, seed=1), gaussians(20_000, 0.8, 1.0, 1, seed=2)
    scale = np.abs(real).max()

    def moments(shift):
        raw = [1, shift, shift**2 + 1, shift**3 + 3 * shift, shift**4 + 6 * shift**2 + 3]
        return np.array(raw) / scale ** np.arange(5)

    expected = ([1, 4, 6, 4, 1] * (moments(0.3) - moments(0.8)) ** 2).sum()
    found = kpd(made, real, seed=3)
    assert found.value == pytest.approx(expected, abs=4 * found.error)
    assert found.error < 0.25 * expected


def test_kpd_agrees_with_jetnet():
    real, made = gaussians(900, seed=1), gaussians(900, 0.2, seed=2)
    made[:, 3] = real[:, 3] = 0.0  # a constant feature is not divided by 0
    with seeded_jetnet(0) as gen_metrics:
        theirs = gen_metrics.kpd(real, made, batch_size=300, seed=5)
    np.testing.assert_allclose(kpd(made, real, seed=5, size=300), theirs, atol=1e-11)


def test_fpd_is_jetnets():
    real, made = gaussians(900, seed=1), gaussians(900, 0.2, seed=2)
    with seeded_jetnet(0) as gen_metrics:
        theirs = gen_metrics.fpd(real, made, min_samples=360, max_samples=900, seed=5)
    np.testing.assert_array_equal(fpd(made, real, seed=5), theirs)


def test_sizes_are_the_protocols_or_the_same_fractions():
    assert fpd_sizes(50_000) == fpd_sizes(70_000) == (20_000, 50_000)
    assert fpd_sizes(720) == (288, 720)
    assert (kpd_size(50_000), kpd_size(60_000), kpd_size(720)) == (5000, 5000, 72)


def test_jets():
    features = efps(top_jets())
    first, second = features[:1250], features[1250:]
    for distance in (fpd, kpd):
        floor = distance(second, first, seed=1)
        same = distance(first, first, seed=2)
        assert abs(same.value - floor.value) < 4 * np.hypot(same.error, floor.error)
        assert distance(second, first, seed=1) == floor
        wide = distance(efps(stretched(top_jets()[1250:], 1.2)), first, seed=1)
        assert wide.value > floor.value + 4 * np.hypot(wide.error, floor.error)

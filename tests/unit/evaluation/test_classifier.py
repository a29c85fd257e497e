"""The classifier two-sample test."""

import numpy as np
import pytest
import torch

from hypervae.evaluation.classifier import auc, classifier_auc, mean_of_trainings
from hypervae.evaluation.distance import MetricValue
from tests.unit.evaluation.jets import stretched
from tests.unit.toys import toy_jets


def test_area_counts_ordered_pairs_and_ties_by_half():
    positive, negative = np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0])
    pairs = [(a > b) + 0.5 * (a == b) for a in positive for b in negative]
    assert auc(positive, negative).value == pytest.approx(np.mean(pairs))
    assert auc(positive + 10, negative).value == 1.0


def test_error_is_the_spread_between_samples():
    generator = np.random.default_rng(1)
    found = [auc(generator.normal(1, 1, 120), generator.normal(0, 2, 80)) for _ in range(300)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.15)


def test_alike_jets_are_not_told_apart_and_others_are():
    a, b = toy_jets(900, 1), toy_jets(900, 2)
    alike = classifier_auc(a, b, seed=1, seeds=2)
    assert abs(alike.value - 0.5) < 4 * alike.error
    assert alike.error < 0.05
    wide = classifier_auc(stretched(a, 1.5), b, seed=1, seeds=2)
    assert wide.value > 0.5 + 6 * wide.error


def test_the_seed_decides_and_the_generator_of_torch_is_left_alone():
    a, b = toy_jets(150, 1), toy_jets(150, 2, "q")
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    runs = [classifier_auc(a, b, seed=seed, seeds=1) for seed in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert runs[0] == runs[1] != runs[2]


def test_the_error_holds_the_spread_of_trainings_beside_delongs():
    assert mean_of_trainings([MetricValue(0.5, 0.03)]) == (0.5, pytest.approx(0.03))
    value, error = mean_of_trainings([MetricValue(0.5, 0.03), MetricValue(0.56, 0.05)])
    assert value == pytest.approx(0.53)
    assert error**2 == pytest.approx((0.03**2 + 0.05**2) / 2 + 0.06**2 / 2 / 2)

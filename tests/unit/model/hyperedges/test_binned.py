import pytest
import torch

from hypervae.model.hyperedges.binned import histogram_distance
from hypervae.model.hyperedges.sets import BinnedSets, BinnedTargets


def distance(logits, log_weight, fraction, target_log_weight):
    decoded = BinnedSets(logits, log_weight)
    return histogram_distance(decoded, BinnedTargets(fraction, target_log_weight))


def test_histogram_distance_by_hand():
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]]))
    fraction = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    log_weight = torch.tensor([[[9.0, 2.0, 9.0], [9.0, 9.0, 9.0]]])
    found = distance(logits, log_weight, fraction, torch.zeros(1, 2, 3))
    # cumulative differences 0.5, -0.25, 0; ln w differs by 2 in the filled bin; no sets of the
    # second order, so it does not count
    assert float(found) == pytest.approx(0.5**2 + 0.25**2 + 4.0)


def test_histogram_distance_is_the_mean_over_orders():
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.25, 0.75]]]))
    fraction = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    nothing = torch.zeros(1, 2, 2)
    assert float(distance(logits, nothing, fraction, nothing)) == pytest.approx(
        (0.5**2 + 0.75**2) / 2
    )


def test_histogram_distance_without_orders_or_sets_is_zero():
    empty = torch.zeros(2, 0, 3)
    assert distance(empty, empty, empty, empty).tolist() == [0.0, 0.0]
    zeros = torch.zeros(2, 1, 3)
    assert distance(zeros, zeros + 5, zeros, zeros).tolist() == [0.0, 0.0]

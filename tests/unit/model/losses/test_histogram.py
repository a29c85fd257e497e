import numpy as np
import pytest
import torch

from hypervae.model.losses.histogram import (
    ScaledBins,
    cramer_distance,
    feature_distance,
    soft_histogram,
)


def test_a_value_is_shared_by_the_bins_around_it():
    position = torch.tensor([[[0.25], [2.0], [2.9]]])
    found = soft_histogram(position, torch.tensor([[1.0, 2.0, 10.0]]), 4)
    expected = [[[0.75, 0.25, 3.0, 9.0]]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_values_outside_fill_the_outermost_bins():
    position = torch.tensor([[[-5.0], [0.0], [3.0], [99.0]]])
    assert soft_histogram(position, torch.ones(1, 4), 4).tolist() == [[[2.0, 0.0, 0.0, 2.0]]]


def test_jets_and_features_do_not_mix():
    position = torch.tensor([[[0.0, 3.0]], [[1.0, 2.0]]])
    found = soft_histogram(position, torch.tensor([[1.0], [5.0]]), 4)
    assert found.tolist() == [[[1, 0, 0, 0], [0, 0, 0, 1]], [[0, 5, 0, 0], [0, 0, 5, 0]]]


def test_nothing_filled_is_zero():
    assert (
        soft_histogram(torch.zeros(2, 0, 3), torch.zeros(2, 0), 5).tolist() == [[[0.0] * 5] * 3] * 2
    )


def test_gradient_is_right():
    torch.manual_seed(1)
    position = (torch.rand(2, 7, 3, dtype=torch.float64) * 9 - 2).requires_grad_()
    weights = torch.rand(2, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: soft_histogram(x, weights, 6), position)


def test_gradient_is_that_of_the_fill_and_zero_outside():
    position = torch.tensor([[[0.25], [-1.0], [7.0]]], requires_grad=True)
    weights = torch.tensor([[3.0, 1.0, 1.0]])
    (
        soft_histogram(position, weights, 4)[0, 0] * torch.tensor([1.0, 5.0, 0.0, 0.0])
    ).sum().backward()
    assert position.grad.flatten().tolist() == [3.0 * (5.0 - 1.0), 0.0, 0.0]


def test_cramer_distance_by_hand_grows_with_the_shift():
    one = torch.tensor([1.0, 0.0, 0.0, 0.0])
    for shift in range(4):
        assert float(cramer_distance(one - one.roll(shift))) == shift


@pytest.mark.parametrize("bins", [200])
def test_cramer_distance_is_that_of_the_samples(bins):
    x, y = np.random.default_rng(1).normal([[0.0], [0.7]], [[1.0], [0.6]], (2, 400))
    low, width = -6.0, 12.0 / (bins - 1)

    def filled(values):
        position = torch.from_numpy((values - low) / width).view(1, -1, 1)
        return soft_histogram(position, torch.full((1, 400), 1 / 400, dtype=torch.float64), bins)

    found = width * float(cramer_distance(filled(x) - filled(y)))
    # the squared distance of the cumulative distributions by the pairs' distances

    def apart(a, b):
        return np.abs(a[:, None] - b).mean()

    exact = apart(x, y) - 0.5 * apart(x, x) - 0.5 * apart(y, y)
    assert found == pytest.approx(exact, rel=0.01)


def test_feature_distance_by_hand():
    decoded = torch.tensor([[[0.0, 0.0], [9.9, 9.9]]])
    recomputed = torch.tensor([[[1.0, 0.0], [-9.9, 9.9]]])
    found = feature_distance(
        decoded, recomputed, torch.tensor([[1.0, 0.0]]), ScaledBins.of("zscore")
    )
    # one value each, 1 apart in the first feature: the integral of 1 over a length of 1
    assert float(found) == pytest.approx(1.0 / 2)

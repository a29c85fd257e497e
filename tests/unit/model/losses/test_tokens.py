import pytest
import torch

from hypervae.model.losses.tokens import histogram_distance, masked_mse


def test_masked_mse_by_hand():
    predicted = torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    mask = torch.tensor([[True, False], [False, False]])
    found = masked_mse(predicted, torch.zeros(2, 2, 2), mask)
    assert found.tolist() == [2.5, 0.0]


def test_gradient_of_masked_mse_is_right():
    torch.manual_seed(1)
    predicted = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 4, 3, dtype=torch.float64)
    mask = torch.tensor([[True, True, False, True], [False] * 4])
    assert torch.autograd.gradcheck(lambda x: masked_mse(x, target, mask), predicted)


def test_masked_mse_without_tokens_is_zero():
    nothing = torch.zeros(2, 0, 3)
    assert masked_mse(nothing, nothing, torch.zeros(2, 0, dtype=torch.bool)).tolist() == [0.0, 0.0]


def test_histogram_distance_by_hand():
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]]))
    fraction = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    log_weight = torch.tensor([[[9.0, 2.0, 9.0], [9.0, 9.0, 9.0]]])
    found = histogram_distance(logits, log_weight, fraction, torch.zeros(1, 2, 3))
    # cumulative differences 0.5, -0.25, 0; ln w differs by 2 in the filled bin; no sets of the
    # second order, so it does not count
    assert float(found) == pytest.approx(0.5**2 + 0.25**2 + 4.0)


def test_histogram_distance_is_the_mean_over_orders():
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.25, 0.75]]]))
    fraction = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    nothing = torch.zeros(1, 2, 2)
    found = histogram_distance(logits, nothing, fraction, nothing)
    assert float(found) == pytest.approx((0.5**2 + 0.75**2) / 2)


def test_histogram_distance_without_orders_or_sets_is_zero():
    empty = torch.zeros(2, 0, 3)
    assert histogram_distance(empty, empty, empty, empty).tolist() == [0.0, 0.0]
    zeros = torch.zeros(2, 1, 3)
    assert histogram_distance(zeros, zeros + 5, zeros, zeros).tolist() == [0.0, 0.0]

import torch

from hypervae.model.losses.squares import masked_mse


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

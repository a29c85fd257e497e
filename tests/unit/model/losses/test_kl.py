import numpy as np
import pytest
import torch

from hypervae.model.losses.kl import kl_divergence


def test_by_hand():
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    expected = 0.5 * (1.0 + np.exp(2.0) - 1 - 2.0)
    assert float(kl_divergence(mean, log_variance)) == pytest.approx(expected)
    assert float(kl_divergence(torch.zeros(1, 3), torch.zeros(1, 3))) == 0.0


def test_agrees_with_torch():
    normal = torch.distributions.Normal
    mean, log_variance = torch.randn(2, 5, 3)
    expected = torch.distributions.kl_divergence(
        normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected.sum(-1))


def test_free_bits_by_hand():
    mean = torch.tensor([[1.0, 0.1]], requires_grad=True)
    log_variance = torch.zeros(1, 2, requires_grad=True)
    found = kl_divergence(mean, log_variance, free_bits=0.3)
    assert float(found.detach()) == pytest.approx(0.5 + 0.3)
    found.sum().backward()
    assert mean.grad.tolist() == [[1.0, 0.0]]  # the second dimension is not pressed further


def test_free_bits_are_exact_when_a_batch_is_split():
    mean, log_variance = torch.randn(2, 6, 4)
    whole = kl_divergence(mean, log_variance, free_bits=0.5).mean()
    parts = [
        kl_divergence(mean[rows], log_variance[rows], free_bits=0.5).mean()
        for rows in (slice(0, 3), slice(3, 6))
    ]
    torch.testing.assert_close(whole, torch.stack(parts).mean())

import numpy as np
import pytest
import torch

from hypervae.model.losses.kl import kl_divergence
from hypervae.training.latent import LatentStatistics


@pytest.fixture
def posteriors():
    """Of 200 jets: dimension 0 tells them apart, 1 hardly does, 2 not at all but is off 0."""
    generator = torch.Generator().manual_seed(5)
    mean = torch.randn(200, 3, generator=generator) * torch.tensor([1.0, 0.05, 0.0])
    mean[:, 2] += 3.0
    return mean, torch.randn(200, 3, generator=generator) - 1


def of(mean, log_variance):
    statistics = LatentStatistics(mean.shape[1])
    statistics.add(mean, log_variance)
    return statistics


def test_kl_is_that_of_the_loss(posteriors):
    found = of(*posteriors).kl_per_dimension()
    assert found.shape == (3,)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(), kl_divergence(*posteriors).mean(), rtol=1e-6)


def test_kl_of_each_dimension_is_in_its_place():
    mean = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    log_variance = torch.tensor([[0.0, 2.0], [0.0, 2.0]])
    expected = [(0.5 * 1 + 0.5 * 9) / 2, 0.5 * (np.exp(2) - 1 - 2)]
    np.testing.assert_allclose(of(mean, log_variance).kl_per_dimension(), expected)


def test_a_unit_is_active_if_its_mean_varies_between_jets(posteriors):
    statistics = of(*posteriors)
    # variances of about 1, 0.0025 and 0
    assert statistics.active_units() == 1
    assert statistics.active_units(threshold=0.001) == 2
    assert statistics.active_units(threshold=2.0) == 0


def test_batches_and_processes_add_up(posteriors):
    mean, log_variance = posteriors
    whole = of(mean, log_variance)
    first = LatentStatistics(3)
    for part in (slice(0, 7), slice(7, 90)):
        first.add(mean[part], log_variance[part])
    second = of(mean[90:], log_variance[90:])
    sums = first.tensor() + second.tensor()
    assert sums.dtype == torch.float64
    assert sums.shape == (10,)
    both = LatentStatistics.from_tensor(sums)
    np.testing.assert_allclose(both.kl_per_dimension(), whole.kl_per_dimension(), rtol=1e-12)
    assert both.active_units() == whole.active_units()


def test_a_taken_tensor_stays_as_it_was(posteriors):
    statistics = of(*posteriors)
    taken = statistics.tensor()
    again = LatentStatistics.from_tensor(taken)
    again.add(*posteriors)
    assert taken[0] == 200
    torch.testing.assert_close(statistics.tensor(), taken, rtol=0, atol=0)


def test_small_variances_survive_large_means():
    """The sums are in double precision: in single, 1000^2 would drown a variance of 0.02."""
    mean = 1000 + 0.141 * torch.tensor([-1.0, 1.0]).repeat(500)[:, None]
    assert of(mean, torch.zeros_like(mean)).active_units() == 1
    assert of(torch.full_like(mean, 1000.3), torch.zeros_like(mean)).active_units() == 0


def test_half_precision_and_gradients_are_no_matter(posteriors):
    mean, log_variance = (value.half().requires_grad_() for value in posteriors)
    statistics = of(mean, log_variance)
    assert not statistics.tensor().requires_grad
    expected = of(*posteriors).kl_per_dimension()
    np.testing.assert_allclose(statistics.kl_per_dimension(), expected, rtol=1e-3)


def test_no_jets_is_no_number():
    assert np.isnan(LatentStatistics(2).kl_per_dimension()).all()
    assert LatentStatistics(2).active_units() == 0

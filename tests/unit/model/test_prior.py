import pytest
import torch

from hypervae.model import ModelConfig
from hypervae.model.alike_groups import AlikeGroups
from hypervae.model.posterior import Posterior
from hypervae.model.prior import FlowPrior, GaussianPrior, StandardNormal, make_prior

DIMENSIONS, TYPES = 4, 2


@pytest.fixture
def prior():
    """With weights that are not those of the start."""
    torch.manual_seed(2)
    made = FlowPrior(DIMENSIONS, TYPES, 16)
    with torch.no_grad():
        made.velocity.out.weight.normal_(0, 0.3)
        made.gaussian.offset.normal_()
        made.gaussian.mixing.uniform_(-0.3, 0.5).add_(torch.eye(DIMENSIONS))
    return made


def noise_and_types(n=200, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, DIMENSIONS, generator=generator), torch.arange(n) % TYPES


def test_the_config_names_the_prior():
    assert isinstance(make_prior(ModelConfig.of({"prior": "normal"}), 1), StandardNormal)
    flow = make_prior(ModelConfig.of({"prior": "flow", "latent_dim": 7}), 3)
    assert isinstance(flow, FlowPrior)
    assert flow.gaussian.offset.shape == (3, 7)


def test_the_standard_normal_is_the_noise_times_the_temperature():
    noise, types = noise_and_types()
    assert torch.equal(StandardNormal(DIMENSIONS, TYPES, 16).sample(noise, types), noise)
    assert torch.equal(StandardNormal(DIMENSIONS, TYPES, 16).sample(noise, types, 0.5), 0.5 * noise)
    assert not list(StandardNormal(DIMENSIONS, TYPES, 16).state_dict())


def test_the_flow_starts_as_the_standard_normal():
    noise, types = noise_and_types()
    latent = FlowPrior(DIMENSIONS, TYPES, 16).sample(noise, types)
    # the solver takes steps: not exactly
    torch.testing.assert_close(latent, noise, rtol=0.01, atol=1e-6)


def test_the_flow_takes_no_gradient_until_it_is_fitted():
    assert all(not parameter.requires_grad for parameter in FlowPrior(4, 1, 16).parameters())


def test_all_of_the_flow_travels_in_its_state(prior):
    other = FlowPrior(DIMENSIONS, TYPES, 16)
    other.load_state_dict(prior.state_dict())
    noise, types = noise_and_types()
    assert torch.equal(other.sample(noise, types), prior.sample(noise, types))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_same_noise_makes_the_same_latents_in_any_batch(prior, size):
    noise, types = noise_and_types()
    latent = prior.sample(noise, types)
    for start in range(0, len(noise), size):
        rows = slice(start, start + size)
        part = prior.sample(noise[rows], types[rows])
        torch.testing.assert_close(part, latent[rows], rtol=1e-5, atol=1e-5)


def test_the_type_matters(prior):
    noise, types = noise_and_types()
    assert not torch.allclose(prior.sample(noise, types), prior.sample(noise, 1 - types), atol=0.1)
    with torch.no_grad():
        prior.gaussian.offset.zero_()
        prior.gaussian.mixing.copy_(torch.eye(DIMENSIONS))
    assert not torch.allclose(prior.sample(noise, types), prior.sample(noise, 1 - types), atol=0.1)


def test_the_temperature_narrows_and_widens(prior):
    noise, types = noise_and_types()
    noise, types = noise, torch.zeros_like(types)
    cold, normal, hot = (prior.sample(noise, types, t).std(dim=0) for t in (0.3, 1.0, 2.0))
    assert (cold < normal).all()
    assert (normal < hot).all()
    middle = prior.sample(noise, types, 0.0)
    torch.testing.assert_close(middle, middle[:1].expand_as(middle))


def test_a_gaussian_has_the_posteriors_moments():
    generator = torch.Generator().manual_seed(3)
    types = torch.randint(TYPES, (4000,), generator=generator)
    turn = torch.randn(TYPES, DIMENSIONS, DIMENSIONS, generator=generator)
    noise = torch.randn(4000, DIMENSIONS, generator=generator)
    mean = torch.einsum("bij,bj->bi", turn[types], noise) + types[:, None]
    width = torch.full_like(mean, 0.5)
    prior = make_prior(ModelConfig.of({"prior": "gaussian"}), TYPES, DIMENSIONS)
    prior.fit_moments(Posterior(mean, width, types))
    fresh = torch.randn(40000, DIMENSIONS, generator=generator)
    for kind in range(TYPES):
        samples = prior.sample(fresh, torch.full((40000,), kind))
        wanted = mean[types == kind]
        covariance = torch.cov(wanted.T) + 0.25 * torch.eye(DIMENSIONS)
        scale = float(covariance.diagonal().max())
        torch.testing.assert_close(samples.mean(0), wanted.mean(0), rtol=0, atol=0.05 * scale)
        torch.testing.assert_close(torch.cov(samples.T), covariance, rtol=0, atol=0.05 * scale)


def test_an_untrained_flow_is_its_gaussian():
    torch.manual_seed(0)
    flow = FlowPrior(DIMENSIONS, TYPES, 16)
    flow.gaussian.mixing += 0.3 * torch.randn_like(flow.gaussian.mixing).tril()
    flow.gaussian.offset += 2
    noise, types = torch.randn(5, DIMENSIONS), torch.tensor([0, 1, 0, 1, 0]) % TYPES
    gaussian = GaussianPrior(DIMENSIONS, TYPES, 16)
    gaussian.load_state_dict(flow.gaussian.state_dict())
    expected = gaussian.sample(noise, types)
    torch.testing.assert_close(flow.sample(noise, types), expected, rtol=1e-3, atol=5e-3)


GROUPS = AlikeGroups(start=1, number=3, size=2)


def test_groups_are_cut_out_and_put_back_where_they_were():
    latent = torch.arange(18.0).view(2, 9)
    assert GROUPS.rest(9) == [0, 7, 8]
    assert GROUPS.of(latent)[1].tolist() == [[10, 11], [12, 13], [14, 15]]
    prior = FlowPrior(9, TYPES, 16, GROUPS)
    noise, types = torch.randn(5, 9), torch.tensor([0, 1, 0, 1, 0]) % TYPES
    # untrained, each number comes from its own noise
    torch.testing.assert_close(prior.sample(noise, types), noise, rtol=0.02, atol=1e-6)


def test_groups_depend_on_the_rest_and_not_on_each_other():
    torch.manual_seed(1)
    prior = FlowPrior(9, 1, 16, GROUPS)
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    noise, types = torch.randn(4, 9), torch.zeros(4, dtype=torch.int64)
    one = prior.sample(noise, types)
    noise[:, 3:5] += 1.0  # of the second group
    other = prior.sample(noise, types)
    moved = (one - other).abs().amax(0) > 1e-4
    assert moved.tolist() == [False] * 3 + [True] * 2 + [False] * 4
    noise[:, 8] += 1.0
    assert (prior.sample(noise, types) - other).abs().amax(0).min() > 1e-4

"""The autoregressive prior: what each number may see, and that samples are at their quantiles."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from hypervae.model.alike_groups import AlikeGroups
from hypervae.model.autoregressive import AutoregressivePrior
from hypervae.model.mixtures import ConditionalMixtures, MeanMixtures
from hypervae.model.posterior import Posterior
from hypervae.model.prior import PriorBatch

DIMENSIONS, CONDITION = 5, 3


@pytest.fixture
def mixtures():
    torch.manual_seed(1)
    made = ConditionalMixtures(DIMENSIONS, CONDITION, 32).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    return made


def given(n=4, seed=2):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(n, DIMENSIONS, generator=generator).double(),
        torch.randn(n, CONDITION, generator=generator).double(),
    )


@pytest.mark.parametrize("place", range(DIMENSIONS))
def test_a_number_depends_on_those_before_it_and_the_condition(mixtures, place):
    values, condition = given()
    before = mixtures(values, condition)
    changed = values.clone()
    changed[:, place] += 1
    for one, other in zip(before, mixtures(changed, condition), strict=True):
        moved = (one - other).abs().amax((0, 2)) > 1e-9
        assert moved.tolist() == [later > place for later in range(DIMENSIONS)]
    moved = (mixtures(values, condition + 1)[1] - before[1]).abs().amax((0, 2))
    assert moved.min() > 1e-6


def test_densities_are_normalized(mixtures):
    values, condition = given(1)
    grid = torch.linspace(-60, 60, 240_001).double()
    for place in range(DIMENSIONS):
        many = values.repeat(len(grid), 1)
        many[:, place] = grid
        density = mixtures.ln_density(many, condition.expand(len(grid), -1))[:, place].exp()
        assert float(torch.trapezoid(density, grid)) == pytest.approx(1, abs=1e-4)


def test_a_sample_may_have_the_quantile_of_its_noise(mixtures):
    mixtures.float()
    _, condition = given(200)
    noise = torch.randn(200, DIMENSIONS, generator=torch.manual_seed(3))
    noise[0], noise[1] = 4.5, -4.5
    found = mixtures.sample(noise, condition.float(), at_quantile=True)
    mixtures.double()
    ln_share, middle, ln_width = mixtures(found.double(), condition)
    away = (found.double().unsqueeze(-1) - middle) * (-ln_width).exp()
    below, above = ((ln_share.exp() * torch.special.ndtr(sign * away)).sum(-1) for sign in (1, -1))
    inside = found.abs() < 11  # further out nothing is drawn
    assert inside.double().mean() > 0.95
    side = noise < 0
    tail, wanted = torch.where(side, below, above), torch.special.ndtr(-noise.double().abs())
    torch.testing.assert_close(tail[inside], wanted[inside], rtol=1e-3, atol=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("at_quantile", [False, True])
def test_samples_follow_the_densities(mixtures, at_quantile):
    """Each number's place in its own distribution is uniform, and knows nothing of the others."""
    condition = given(1)[1].expand(20_000, -1)
    noise = torch.randn(20_000, DIMENSIONS, generator=torch.manual_seed(11)).double()
    found = mixtures.sample(noise, condition, at_quantile=at_quantile)
    ln_share, middle, ln_width = mixtures(found, condition)
    away = (found.unsqueeze(-1) - middle) * (-ln_width).exp()
    place = (ln_share.exp() * torch.special.ndtr(away)).sum(-1)
    for number in range(DIMENSIONS):
        assert kstest(place[:, number].numpy(), "uniform").pvalue > 1e-3
    correlations = torch.corrcoef(place.T) - torch.eye(DIMENSIONS)
    assert float(correlations.abs().max()) < 4 / 20_000**0.5


def test_it_starts_near_the_standard_normal_with_the_posteriors_moments():
    prior = AutoregressivePrior(4, 2, 16)
    mean = torch.randn(5000, 4, generator=torch.manual_seed(5)) * 3 + 7
    jet_types = torch.ones(5000, dtype=torch.int64)
    prior.fit_moments(Posterior(mean, torch.full_like(mean, 0.1), jet_types))
    noise = torch.randn(5000, 4)
    one = prior.sample(noise, jet_types)
    torch.testing.assert_close(one.mean(0), torch.full((4,), 7.0), rtol=0, atol=0.2)
    torch.testing.assert_close(one.std(0), torch.full((4,), 3.0), rtol=0.1, atol=0)
    other = prior.sample(noise, 0 * jet_types)
    torch.testing.assert_close(other.std(0), torch.ones(4), rtol=0.1, atol=0)
    assert all(not parameter.requires_grad for parameter in prior.parameters())


def test_groups_are_drawn_given_the_rest_alike():
    torch.manual_seed(6)
    groups = AlikeGroups(start=1, number=3, size=2)
    prior = AutoregressivePrior(8, 1, 16, groups)
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    noise, jet_types = torch.randn(4, 8), torch.zeros(4, dtype=torch.int64)
    one = prior.sample(noise, jet_types)
    noise[:, 3] += 0.5  # the first number of the second group
    moved = (prior.sample(noise, jet_types) - one).abs().amax(0) > 1e-4
    assert moved.tolist() == [False] * 3 + [True] * 2 + [False] * 3
    batch = PriorBatch(one, noise, noise[:, 0], jet_types, jet_types)
    parts = prior.of_rest.ln_density(one[:, prior.rest], torch.ones(4, 1)).sum(-1)
    condition = prior.group_condition(one[:, prior.rest], torch.ones(4, 1))
    of_groups = prior.of_group.ln_density(groups.of(one).flatten(0, 1), condition)
    expected = -(parts + of_groups.view(4, -1).sum(-1)).mean() / 8
    torch.testing.assert_close(prior.error(batch), expected)


def test_several_networks_have_the_mean_of_their_densities(mixtures):
    torch.manual_seed(5)
    other = ConditionalMixtures(DIMENSIONS, CONDITION, 16).double()
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    together = MeanMixtures([mixtures, other])
    values, condition = given(6)
    each = [network.ln_density(values, condition).exp() for network in (mixtures, other)]
    expected = (sum(each) / 2).log()
    torch.testing.assert_close(together.ln_density(values, condition), expected)
    assert_walks_alike(together, values, condition)


def assert_walks_alike(mixtures, values, condition):
    """One number after the other has the mixtures that all have at once."""
    walk = mixtures.walk(condition)
    for place in range(values.shape[1]):
        found = walk.following(values[:, place - 1] if place else None)
        for one, whole in zip(found, mixtures(values, condition), strict=True):
            torch.testing.assert_close(one, whole[:, place])


@pytest.mark.parametrize("width", [3, DIMENSIONS, 32, 33])
def test_a_walk_finds_each_unit_once(width):
    """Fewer units than numbers, as many, several for each, and one more for some."""
    torch.manual_seed(7)
    made = ConditionalMixtures(DIMENSIONS, CONDITION, width).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    assert_walks_alike(made, *given(6))


def test_each_network_is_fitted_on_its_own_part_of_the_batch(mixtures):
    other = ConditionalMixtures(DIMENSIONS, CONDITION, 16).double()
    together = MeanMixtures([mixtures, other])
    values, condition = given(6)
    found = together.fitted_ln_density(values, condition)
    torch.testing.assert_close(found[:3], mixtures.ln_density(values[:3], condition[:3]))
    torch.testing.assert_close(found[3:], other.ln_density(values[3:], condition[3:]))


def test_samples_of_several_networks_are_of_their_mean_density(mixtures):
    torch.manual_seed(6)
    other = ConditionalMixtures(DIMENSIONS, CONDITION, 16)
    with torch.no_grad():
        other.leave.bias += 0.3 * torch.randn(other.leave.bias.shape)
    together = MeanMixtures([mixtures.float(), other])
    _, condition = given(1)
    many = condition.float().expand(20_000, -1)
    noise = torch.randn(20_000, DIMENSIONS, generator=torch.manual_seed(7))
    found = together.sample(noise, many)
    grid = torch.linspace(-12, 12, 6001)
    density = together.ln_density(grid[:, None].expand(-1, DIMENSIONS), many[:6001])[:, 0].exp()
    cumulative = torch.cumsum(density, 0) * float(grid[1] - grid[0])
    at = np.interp(found[:, 0].detach().numpy(), grid.numpy(), cumulative.detach().numpy())
    assert kstest(at, "uniform").pvalue > 0.01


@pytest.mark.parametrize("temperature", [1.0, 0.9])
def test_no_number_is_drawn_beyond_what_jets_have(temperature):
    """A number far out is given to the next ones, which no jet taught what to make of it."""
    torch.manual_seed(7)
    prior = AutoregressivePrior(8, 1, 16, AlikeGroups(start=1, number=3, size=2))
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=2)
    prior.fit_moments(
        Posterior(torch.randn(500, 8) * 3 + 7, torch.ones(500, 8), torch.zeros(500).long())
    )
    drawn = prior.sample(torch.randn(2000, 8), torch.zeros(2000, dtype=torch.int64), temperature)
    away = ((drawn - prior.offset) / prior.scale).abs()
    assert float(away.amax()) == pytest.approx(5, abs=1e-4)
    free = prior.of_rest.sample(torch.randn(2000, 2), torch.ones(2000, 1))
    assert float(free.abs().amax()) > 5


def test_dimensions_are_drawn_in_their_order_and_put_back():
    groups = AlikeGroups(start=2, number=2, size=3, order=(9, 0), within=(2, 0, 1))
    assert groups.rest(10) == [9, 0, 1, 8]
    latent = torch.arange(20.0).view(2, 10)
    assert groups.of(latent)[0].tolist() == [[4, 2, 3], [7, 5, 6]]
    again = groups.joined(latent[:, groups.rest(10)], groups.of(latent).flatten(0, 1))
    assert torch.equal(again, latent)
    assert groups.listed() == AlikeGroups(start=2, number=2, size=3)


def test_a_number_depends_on_those_drawn_before_it():
    torch.manual_seed(8)
    groups = AlikeGroups(start=2, number=2, size=2, order=(6, 1), within=(1, 0))
    prior = AutoregressivePrior(7, 1, 32, groups)
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    noise, jet_types = torch.randn(4, 7), torch.zeros(4, dtype=torch.int64)
    one = prior.sample(noise, jet_types)
    for place, later in [(6, {0, 1, 2, 3, 4, 5, 6}), (0, {0, 2, 3, 4, 5}), (5, {4, 5}), (4, {4})]:
        changed = noise.clone()
        changed[:, place] += 0.5
        moved = (prior.sample(changed, jet_types) - one).abs().amax(0) > 1e-5
        assert set(moved.nonzero().flatten().tolist()) == later

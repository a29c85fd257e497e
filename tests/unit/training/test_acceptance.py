"""What tells draws of a prior from latent vectors of jets, and what comes of keeping by it."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hypervae.config import TrainConfig
from hypervae.model.acceptance import Acceptance, first_kept
from hypervae.model.posterior import Posterior
from hypervae.model.prior import GaussianPrior
from hypervae.training.acceptance import fit_acceptance
from hypervae.training.prior import fit_prior
from tests.unit.training.test_prior import Batch

CONFIG = TrainConfig(acceptance_steps=150)
WIDTH = 0.02  # of the posteriors


class Model(nn.Module):
    """A Gaussian prior of two dimensions, and their radius as what is read of them."""

    device, latent_dim = torch.device("cpu"), 2

    def __init__(self, types=1, networks=2, reads=True, moments=0):
        super().__init__()
        torch.manual_seed(4)
        self.reads = reads
        self.prior = GaussianPrior(2, types, 0)
        self.acceptance = Acceptance(2 + reads, types, networks, moments)

    def read(self, latent, jet_type):
        return torch.cat([latent, latent.norm(dim=1, keepdim=True)], dim=1)[:, : 2 + self.reads]

    def drawn(self, jets, jet_type=0):
        generator = torch.Generator().manual_seed(5)
        types = torch.full((jets,), jet_type)
        noise = {
            name: (torch.rand if spec.distribution == "uniform" else torch.randn)(
                jets, *spec.shape, generator=generator
            )
            for name, spec in Acceptance.noise(2).items()
        }
        noise["latent"] = torch.randn(jets, 2, generator=generator)
        return first_kept(
            self.prior.sample,
            lambda latent, types: self.acceptance(self.read(latent, types), types),
            noise,
            types,
        )


def ring(jets, seed=0):
    """Radii about 1, where a Gaussian of the same moments has its mode at 0."""
    generator = torch.Generator().manual_seed(seed)
    angle = 2 * math.pi * torch.rand(jets, generator=generator)
    radius = 1 + 0.25 * torch.randn(jets, generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


def posterior_of(mean, types=None):
    types = torch.zeros(len(mean), dtype=torch.int64) if types is None else types
    return Posterior(mean, torch.full_like(mean, WIDTH), types)


def fitted(model, posterior, **changes):
    model.prior.fit_moments(posterior)
    return fit_acceptance(model, posterior, CONFIG.replace(**changes))


def test_what_a_prior_lacks_is_found_and_kept():
    model = Model()
    gain = fitted(model, posterior_of(ring(4000)))
    real, all_drawn = ring(20_000, 1).norm(dim=1), torch.randn(20_000, 2) * ring(4000).std(0)
    kept = model.drawn(20_000).norm(dim=1)

    def distance(radius):
        return float((radius.sort().values - real.sort().values).abs().mean())

    assert distance(kept) < 0.35 * distance(all_drawn.norm(dim=1))
    # ln 2 less the cross-entropy of the true odds, by a histogram of the radius
    edges = torch.linspace(0, 4, 81)
    p, q = (torch.histogram(x, edges, density=True).hist for x in (real, all_drawn.norm(dim=1)))
    both = p + q
    share = torch.where(both > 0, p / both, 0.5).clamp(1e-6, 1 - 1e-6)
    best = math.log(2) + float(((p * share.log() + q * (1 - share).log()) / 2).sum() * 0.05)
    assert 0.6 * best < gain < 1.1 * best


def test_kept_draws_have_the_mean_of_what_is_a_moment():
    """The radius' mean, for each of two types, though most of the odds are cut off."""
    means = []
    for moments in (0, 1):
        model = Model(types=2, networks=4, moments=moments)
        mean = torch.cat([ring(4000), 0.5 * ring(4000, 2)])
        types = torch.arange(2).repeat_interleave(4000)
        # half as many steps as are enough
        fitted(model, posterior_of(mean, types), acceptance_steps=75)
        assert bool((model.acceptance.tilt != 0).all()) == bool(moments)
        drawn = [model.drawn(40_000, jet_type).norm(dim=1) for jet_type in (0, 1)]
        means.append([float(d.mean()) for d in drawn])
    wanted = [float(ring(4000).norm(dim=1).mean()), 0.5 * float(ring(4000, 2).norm(dim=1).mean())]
    untilted, tilted = ([abs(m - w) for m, w in zip(found, wanted, strict=True)] for found in means)
    assert max(tilted) < 0.01
    assert max(untilted) > 2 * max(tilted)


def test_draws_of_the_right_prior_are_all_equal():
    model = Model(networks=4)
    mean = torch.randn(3000, 2, generator=torch.Generator().manual_seed(3))
    assert fitted(model, posterior_of(mean)) == pytest.approx(0.0, abs=1e-3)
    values = model.read(torch.randn(500, 2), None)
    ratio = model.acceptance.ln_ratio(values, torch.zeros(500, dtype=torch.int64)).exp()
    torch.testing.assert_close(ratio, torch.ones(500), rtol=0, atol=0.1)


def test_few_jets_are_learned_by_heart_and_not_trusted():
    model = Model(networks=4)
    mean = torch.randn(40, 2, generator=torch.Generator().manual_seed(3))
    gain = fitted(model, posterior_of(mean), acceptance_steps=400)
    assert gain == 0.0
    assert float(model.acceptance.trust) == 0.0


@pytest.mark.parametrize("jets", [1, 3, 8, 20])
def test_any_number_of_jets_will_do(jets):
    model = Model(networks=3)
    assert fitted(model, posterior_of(ring(jets)), acceptance_steps=5) < 0.3
    assert torch.isfinite(model.drawn(50)).all()


def test_each_type_is_trusted_by_itself():
    model = Model(types=3)
    normal = torch.randn(2000, 2, generator=torch.Generator().manual_seed(3))
    types = torch.arange(4000) % 2
    mean = torch.where((types == 0).unsqueeze(1), ring(4000), normal.repeat_interleave(2, 0))
    fitted(model, posterior_of(mean, types), acceptance_steps=300)
    trust = model.acceptance.trust
    assert float(trust[0]) > 0.5
    assert float(trust[2]) == 0.0  # no jet was of this type
    values = model.read(torch.randn(500, 2), None)
    of_second = model.acceptance.ln_ratio(values, torch.ones(500, dtype=torch.int64))
    assert float(of_second.std()) < 0.25


def test_what_is_read_of_a_latent_vector_counts():
    gains = [
        fitted(Model(reads=reads), posterior_of(ring(1500)), acceptance_steps=25)
        for reads in (False, True)
    ]
    assert gains[1] > 1.5 * max(gains[0], 0.01)


def test_the_seed_decides_and_nothing_else_is_touched():
    def weights(seed, before):
        model, steps = Model(), []
        torch.manual_seed(before)
        batch = SimpleNamespace(posterior=posterior_of(ring(300)))
        model.prior.fit_moments(batch.posterior)
        fit_acceptance(
            model,
            batch.posterior,
            CONFIG.replace(acceptance_steps=5, seed=seed),
            lambda step, of: steps.append((step, of)),
        )
        assert steps == [(step, 10) for step in range(1, 11)]
        assert not any(p.requires_grad for p in model.parameters())
        return model.acceptance.state_dict(), torch.rand(3)

    one, random = weights(1, before=7)
    torch.manual_seed(7)
    assert torch.equal(torch.rand(3), random)
    again, _ = weights(1, before=8)
    other, _ = weights(2, before=7)
    for name, value in one.items():
        torch.testing.assert_close(value, again[name], rtol=0, atol=0)
    assert not torch.equal(one["networks.0.0.weight"], other["networks.0.0.weight"])


def test_a_gaussian_prior_has_an_acceptance_too():
    model = Model()
    mean = ring(500)
    batch = Batch(mean, torch.zeros(500, dtype=torch.int64))
    model.posterior = lambda some: (some.mean, torch.full_like(some.mean, WIDTH).log() * 2)
    loader = SimpleNamespace(once=lambda batch_size: iter([batch]))
    found = fit_prior(model, loader, CONFIG.replace(acceptance_steps=60))
    assert found.prior_error is None
    assert found.acceptance_gain > 0.02


def test_a_model_that_keeps_all_draws_has_nothing_to_fit():
    model = Model()
    model.acceptance = None
    with pytest.raises(TypeError, match="keeps all draws"):
        fit_acceptance(model, posterior_of(ring(10)), CONFIG)

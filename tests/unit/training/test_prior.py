import functools
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hypervae.config import TrainConfig
from hypervae.model import HyperVAE
from hypervae.model.alike_groups import AlikeGroups
from hypervae.model.autoregressive import AutoregressivePrior
from hypervae.model.prior import FlowPrior, PriorBatch, StandardNormal
from hypervae.training import run as run_module
from hypervae.training.prior import FittedTo, fit_prior
from tests.unit.chain import MODEL
from tests.unit.training.test_trainer import assert_equal_runs

CONFIG = TrainConfig(prior_steps=400, batch_size=100)
WIDTH = 0.1  # of the posteriors


class Batch:
    def __init__(self, mean, jet_type):
        self.mean, self.jet_type = mean, jet_type

    def __len__(self):
        return len(self.mean)

    def to(self, device):
        return self


class Model(nn.Module):
    """As far as the fit looks: the encoder gives the means that are in the batch."""

    device = torch.device("cpu")
    acceptance = None

    def __init__(self, types=1, dimensions=2, prior=FlowPrior):
        super().__init__()
        torch.manual_seed(4)
        self.prior = prior(dimensions, types, 48)

    def posterior(self, batch):
        return batch.mean, torch.full_like(batch.mean, WIDTH).log() * 2


two_networks = functools.partial(AutoregressivePrior, networks=2)


FITTED = pytest.mark.parametrize("prior", [FlowPrior, AutoregressivePrior, two_networks])


def fitted(means, types=None, prior=FlowPrior, **changes):
    """The prior after a fit, and samples of it for each type."""
    types = torch.zeros(len(means), dtype=torch.int64) if types is None else types
    kinds = int(types.max()) + 1
    model = Model(kinds, means.shape[1], prior)
    batches = [Batch(m, t) for m, t in zip(means.split(100), types.split(100), strict=True)]
    loader = SimpleNamespace(once=lambda batch_size: iter(batches))
    error = fit_prior(model, loader, CONFIG.replace(**changes)).prior_error
    noise = torch.randn(4000, means.shape[1], generator=torch.Generator().manual_seed(9))
    samples = [
        model.prior.sample(noise, torch.full((4000,), kind, dtype=torch.int64))
        for kind in range(kinds)
    ]
    return model, error, samples


def gaussian(n=3000, seed=0):
    """Means of a Gaussian away from the origin, long in one direction and narrow across it."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.tensor([[1.0, 1.0], [-0.1, 0.1]])
    return torch.randn(n, 2, generator=generator) @ mixing + torch.tensor([3.0, -1.0])


@FITTED
def test_a_shifted_and_rotated_gaussian_is_fitted(prior):
    means = gaussian()
    _, error, (samples,) = fitted(means, prior=prior)
    wanted = torch.cov(means.T) + WIDTH**2 * torch.eye(2)
    torch.testing.assert_close(samples.mean(0), means.mean(0), rtol=0, atol=0.08)
    torch.testing.assert_close(torch.cov(samples.T), wanted, rtol=0.1, atol=0.1)
    across = (samples[:, 0] - samples[:, 1]).std()
    assert float(across) == pytest.approx(float((wanted[0, 0] - wanted[0, 1]) * 2) ** 0.5, rel=0.3)
    # a standard normal is far from all of this
    normal = torch.randn(4000, 2, generator=torch.Generator().manual_seed(9))
    assert float(normal[:, 0].mean()) == pytest.approx(0.0, abs=0.1)
    assert abs(float(torch.cov(normal.T)[0, 1])) < 0.1 * float(wanted[0, 1])
    # whitened it is a standard normal, whose error is pi / 2; its entropy is known, too
    entropy = (math.log(2 * math.pi * math.e) + 0.5 * float(wanted.logdet())) / 2
    expected = math.pi / 2 if prior is FlowPrior else entropy
    assert error == pytest.approx(expected, abs=0.05)


@FITTED
def test_two_modes_are_fitted(prior):
    generator = torch.Generator().manual_seed(3)
    side = torch.rand(3000, 1, generator=generator) < 0.3
    means = torch.where(side, -2.0, 1.0) + 0.1 * torch.randn(3000, 2, generator=generator)
    _, _, (samples,) = fitted(means, prior=prior)
    left = samples[:, 0] < -0.5
    assert float(left.float().mean()) == pytest.approx(0.3, abs=0.05)
    near = torch.minimum((samples + 2).norm(dim=1), (samples - 1).norm(dim=1)) < 0.6
    assert float(near.float().mean()) > 0.9
    # in a standard normal of the same mean and width most would lie between
    normal = torch.randn(4000, 2, generator=generator) * means.std(0) + means.mean(0)
    near = torch.minimum((normal + 2).norm(dim=1), (normal - 1).norm(dim=1)) < 0.6
    assert float(near.float().mean()) < 0.5


@FITTED
def test_each_type_gets_its_own(prior):
    means = torch.cat([gaussian(1500), gaussian(1500, 1) * torch.tensor([-1.0, 0.2])])
    types = torch.arange(3000) // 1500
    rows = torch.randperm(3000, generator=torch.Generator().manual_seed(1))
    _, _, samples = fitted(means[rows], types[rows], prior)
    for kind in (0, 1):
        wanted = means[types == kind]
        torch.testing.assert_close(samples[kind].mean(0), wanted.mean(0), rtol=0, atol=0.1)
        torch.testing.assert_close(samples[kind].std(0), wanted.std(0), rtol=0.1, atol=0.05)


def test_several_networks_know_few_jets_better_than_one():
    means = gaussian(150) + gaussian(150, 7).square()
    others = gaussian(4000, 8) + gaussian(4000, 9).square()
    zeros = torch.zeros(4000, dtype=torch.int64)
    batch = PriorBatch(others + WIDTH * torch.randn_like(others), *(zeros,) * 4)
    errors = []
    for networks in (1, 4):
        one = functools.partial(AutoregressivePrior, networks=networks)
        model, _, _ = fitted(means, prior=one, prior_steps=600)
        prior = model.prior
        label = torch.ones(4000, 1)
        values = (batch.latent - prior.offset[0]) / prior.scale[0]
        errors.append(float(-prior.of_rest.ln_density(values, label).mean()))
    assert errors[1] < errors[0] - 0.05


def test_a_type_without_jets_keeps_the_standard_normals_moments():
    model, _, _ = fitted(gaussian(200), torch.ones(200, dtype=torch.int64), prior_steps=2)
    assert model.prior.gaussian.offset[0].tolist() == [0.0, 0.0]
    assert model.prior.gaussian.mixing[0].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert model.prior.gaussian.offset[1].tolist() != [0.0, 0.0]


def test_the_seed_decides_and_nothing_else_is_touched(monkeypatch):
    torch.manual_seed(77)
    expected = torch.rand(3)
    one, _, _ = fitted(gaussian(300), prior_steps=20)
    torch.manual_seed(77)
    loader = SimpleNamespace(
        once=lambda batch_size: iter([Batch(gaussian(300), torch.zeros(300).long())])
    )
    model = Model()
    torch.manual_seed(77)
    fit_prior(model, loader, CONFIG.replace(prior_steps=20))
    assert torch.equal(torch.rand(3), expected)
    assert model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    for name, value in one.prior.state_dict().items():
        torch.testing.assert_close(model.prior.state_dict()[name], value, rtol=0, atol=0)
    other, _, _ = fitted(gaussian(300), prior_steps=20, seed=2)
    assert not torch.equal(other.prior.velocity.out.weight, one.prior.velocity.out.weight)


def test_a_standard_normal_has_nothing_to_fit():
    model = SimpleNamespace(prior=StandardNormal(2, 1, 16))
    assert fit_prior(model, None, CONFIG) == FittedTo()


@pytest.mark.parametrize(
    ("decoder", "prior"),
    [
        ("one_shot", "normal"),
        ("flow", "flow"),
        ("hierarchical", "flow"),
        ("hierarchical", "gaussian"),
        ("hierarchical", "autoregressive"),
        ("hierarchical", "autoregressive, accepted"),
        ("one_shot", "gaussian, accepted"),
    ],
)
def test_every_decoder_and_prior_trains_saves_loads_and_generates(run, tmp_path, decoder, prior):
    prior, *accepted = prior.split(", ")
    section = {**MODEL, "decoder": decoder, "prior": prior, "prior_acceptance": 2 * len(accepted)}
    trained = run(jet_types=["g", "q"], epochs=1, model=section, prior_steps=20, acceptance_steps=5)
    loaded = HyperVAE.load(tmp_path / "model")
    assert (loaded.config.decoder, loaded.config.prior) == (decoder, prior)
    state = loaded.state_dict()
    assert any(name.startswith("prior.") for name in state) == (prior != "normal")
    assert any(name.startswith("acceptance.") for name in state) == bool(accepted)
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(state[name], value.cpu(), rtol=0, atol=0)
    if prior == "flow":
        assert loaded.prior.velocity.out.weight.abs().max() > 0
        assert loaded.prior.gaussian.offset.abs().min() > 0
    for jet_type in "gq":
        jets = loaded.generate(40, jet_type=jet_type, seed=3)
        again = loaded.generate(40, jet_type=jet_type, seed=3, batch_size=11)
        assert (jets.particle_features[..., 2][jets.mask] > 0).all()
        torch.testing.assert_close(
            torch.from_numpy(jets.particle_features),
            torch.from_numpy(again.particle_features),
            rtol=1e-5,
            atol=1e-5,
        )


def test_a_fit_that_was_killed_is_done_again_with_the_same_result(run, tmp_path, monkeypatch):
    section = {"epochs": 1, "model": {**MODEL, "prior": "flow"}, "prior_steps": 10}
    run("whole", "a", **section)

    def killed(*arguments):
        fit_prior(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "fit_prior", killed)
    with pytest.raises(KeyboardInterrupt):
        run("parts", "b", **section)
    assert not (tmp_path / "parts").exists()
    monkeypatch.undo()
    run("parts", "b", **section)
    assert_equal_runs("whole", "parts", tmp_path)


@FITTED
def test_groups_that_are_alike_are_fitted_given_the_rest(prior):
    """Two groups of one number each that follow the first dimension, with opposite signs."""
    generator = torch.Generator().manual_seed(2)
    first = torch.randn(4000, 1, generator=generator)
    signs = torch.tensor([1.0, -1.0])
    means = torch.cat([first, signs * first], dim=1)
    model = Model(1, 3)
    torch.manual_seed(4)
    model.prior = prior(3, 1, 48, AlikeGroups(1, 2, 1))
    batch = Batch(means, torch.zeros(4000, dtype=torch.int64))
    loader = SimpleNamespace(once=lambda batch_size: iter([batch]))
    fit_prior(model, loader, CONFIG)
    noise = torch.randn(4000, 3, generator=generator)
    drawn = model.prior.sample(noise, torch.zeros(4000, dtype=torch.int64))
    for group, sign in enumerate(signs, start=1):
        away = drawn[:, group] - sign * drawn[:, 0]
        assert float(away.std()) < 0.35  # 0.14 by the widths of the posteriors
        assert abs(float(drawn[:, group].std()) - 1) < 0.1

"""What comes back of a jet, and the numbers that say how close it is."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from hypervae.data.jets import concatenate
from hypervae.model import HyperVAE
from hypervae.model.sampling import is_physical
from hypervae.reconstruction.reconstruct import (
    Latent,
    Reconstruction,
    correlation,
    figures,
    quantities,
    reconstruct,
)
from hypervae.training.latent import LatentStatistics
from tests.unit.chain import MODEL, small_jets


@pytest.fixture
def jets():
    return {"g": small_jets(14, 5, "g"), "q": small_jets(9, 6, "q")}


@pytest.fixture
def flow_model(normalization):
    """With a flow as decoder and as prior, in double precision."""
    torch.manual_seed(3)
    settings = {**MODEL, "decoder": "flow", "prior": "flow"}
    return HyperVAE(normalization, ["g", "q"], settings).double().eval()


def encoded(model, jets):
    with torch.no_grad():
        parts = [model.encoder(model.batch(some)) for some in jets.values()]
    return [torch.cat(tensors) for tensors in zip(*parts, strict=True)]


@pytest.mark.parametrize("kind", ["model", "flow_model"])
def test_each_jet_is_decoded_from_the_mean_of_its_posterior(kind, jets, request):
    model = request.getfixturevalue(kind)
    found = reconstruct(model, jets, seed=4)
    mean, log_variance = encoded(model, jets)
    np.testing.assert_allclose(found.latent.mean, mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.latent.width, (log_variance / 2).exp(), rtol=1e-5)
    np.testing.assert_array_equal(found.jet_type, [0] * 14 + [1] * 9)
    np.testing.assert_array_equal(
        found.true.particle_features, concatenate(list(jets.values())).particle_features
    )
    means = dict(zip("gq", mean.split([14, 9]), strict=True))
    for number, name in enumerate("gq"):
        expected = model.generate(len(means[name]), seed=4, jet_type=name, latents=means[name])
        some = found.reconstructed[found.jet_type == number]
        np.testing.assert_allclose(
            some.particle_features, expected.particle_features, rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(some.jet_features, expected.jet_features, rtol=1e-5)
    assert is_physical(found.reconstructed).all()


@pytest.mark.parametrize("kind", ["model", "flow_model"])
def test_batches_change_nothing(kind, jets, request):
    model = request.getfixturevalue(kind)
    whole = reconstruct(model, jets, seed=4)
    parts = reconstruct(model, jets, seed=4, batch_size=4)
    for name in ("mean", "width", "posterior", "prior"):
        np.testing.assert_allclose(
            getattr(parts.latent, name), getattr(whole.latent, name), rtol=1e-5, atol=1e-6
        )
    np.testing.assert_allclose(
        parts.reconstructed.particle_features,
        whole.reconstructed.particle_features,
        rtol=1e-4,
        atol=1e-6,
    )


def test_the_seed_decides_what_is_drawn_and_nothing_else(model, jets):
    one, same, other = (reconstruct(model, jets, seed) for seed in (1, 1, 2))
    for name in ("posterior", "prior"):
        drawn = [getattr(found.latent, name) for found in (one, same, other)]
        np.testing.assert_array_equal(drawn[0], drawn[1])
        assert not np.isclose(drawn[0], drawn[2]).any()
    np.testing.assert_array_equal(one.latent.mean, other.latent.mean)
    np.testing.assert_array_equal(
        one.reconstructed.particle_features, same.reconstructed.particle_features
    )


def test_vectors_are_drawn_from_posterior_and_prior(flow_model):
    flow_model.prior.gaussian.offset[:] = torch.tensor([[0.0], [5.0]])
    flow_model.prior.gaussian.mixing[1] *= 0.1
    jets = {"g": small_jets(300, 5, "g"), "q": small_jets(300, 6, "q")}
    found = reconstruct(flow_model, jets, seed=1)
    latent = found.latent
    noise = (latent.posterior - latent.mean) / latent.width
    gluons, quarks = (latent.prior[found.jet_type == number] for number in (0, 1))
    for values, mean, width in ((noise, 0, 1), (gluons, 0, 1), (quarks, 5, 0.1)):
        np.testing.assert_allclose(values.mean(axis=0), mean, atol=5 * width / np.sqrt(300))
        np.testing.assert_allclose(values.std(axis=0), width, rtol=0.2)
    # neither of the two is the other's noise
    assert abs(np.corrcoef(noise[:300].ravel(), gluons.ravel())[0, 1]) < 0.15


def test_kl_and_active_units_are_those_of_the_training():
    generator = np.random.default_rng(1)
    mean = (generator.normal(size=(500, 3)) * [1.0, 0.2, 0.02]).astype(np.float32)
    mean[:, 2] += 3.0
    width = generator.uniform(0.1, 1.0, mean.shape).astype(np.float32)
    latent = Latent(mean, width, mean, mean)
    statistics = LatentStatistics(3)
    statistics.add(torch.from_numpy(mean), 2 * torch.from_numpy(width).log())
    np.testing.assert_allclose(latent.kl(), statistics.kl_per_dimension(), rtol=1e-5)
    np.testing.assert_array_equal(latent.active(), [True, True, False])
    assert statistics.active_units() == 2
    prior = np.zeros((4, 3), dtype=np.float32)
    np.testing.assert_array_equal(Latent(prior, prior + 1, prior, prior).kl(), 0)


def reconstruction(true, made):
    zeros = np.zeros((len(true), 2), dtype=np.float32)
    kinds = np.where(np.arange(len(true)) < 10, 0, 2).astype(np.uint8)
    return Reconstruction(kinds, true, made, Latent(zeros, zeros + 1, zeros, zeros))


def test_numbers_of_a_perfect_reconstruction():
    jets = small_jets(25)
    found = figures(reconstruction(jets, jets))
    assert found["kl"] == found["active_units"] == 0
    assert {kind: about["jets"] for kind, about in found["types"].items()} == {"g": 10, "t": 15}
    for about in found["types"].values():
        assert about["w1_mass"] == about["multiplicity_mae"] == 0
        assert about["correlation"] == pytest.approx({"mass": 1, "jet_pt": 1, "multiplicity": 1})


def test_numbers_by_hand():
    true, made = small_jets(30, 1), small_jets(30, 2)
    made.jet_features[:, 0] = 2500 - true.jet_features[:, 0]
    found = figures(reconstruction(true, made))["types"]["t"]
    one, other = quantities(true[10:]), quantities(made[10:])
    assert found["w1_mass"] == pytest.approx(wasserstein_distance(one["mass"], other["mass"]))
    counts = [jets.particle_features[10:, :, 3].sum(axis=1) for jets in (true, made)]
    assert found["multiplicity_mae"] == pytest.approx(np.abs(counts[0] - counts[1]).mean())
    assert found["correlation"]["jet_pt"] == pytest.approx(-1)
    assert abs(found["correlation"]["mass"]) < 0.9


def test_what_does_not_vary_has_no_correlation():
    assert correlation(np.ones(5), np.arange(5.0)) is None
    assert correlation(np.arange(5.0), np.ones(5)) is None
    assert correlation(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1)

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from hypervae.data.jets import Jets
from hypervae.digest import import_closure
from hypervae.kinematics import relative_mass
from hypervae.model import HyperVAE
from hypervae.training.generation_check import GenerationCheck, mass_distance
from tests.unit.chain import MODEL, SLOTS, small_jets


@pytest.fixture
def validation():
    return {"g": small_jets(40, 5, "g"), "q": small_jets(25, 6, "q")}


@pytest.fixture
def with_learned_prior(normalization):
    torch.manual_seed(3)
    return HyperVAE(normalization, ["g", "q"], {**MODEL, "prior": "flow"}).double().eval()


def test_w1m_is_that_of_the_whole_samples(model, validation):
    sampled = GenerationCheck(validation, 30, seed=2).measure(model)
    assert list(sampled.generated) == ["g", "q"]
    for jet_type, real in validation.items():
        made = sampled.generated[jet_type]
        assert len(made) == 30
        assert made.jet_type == jet_type
        masses = [relative_mass(jets.particle_features) for jets in (made, real)]
        assert sampled.w1m_of[jet_type] == pytest.approx(wasserstein_distance(*masses))
    assert sampled.w1m == pytest.approx(np.mean(list(sampled.w1m_of.values())))
    assert 0 < sampled.w1m < np.inf


def test_the_same_jets_twice_are_at_no_distance(validation):
    real = validation["g"]
    assert mass_distance(real, real) == 0
    wider = real.particle_features.copy()
    wider[..., :2] *= 1.5
    assert mass_distance(Jets(wider, real.jet_features), real) > 0.01


@pytest.mark.parametrize("make", ["model", "with_learned_prior"])
def test_a_sample_is_repeated_to_the_bit_and_leaves_no_trace(request, make, validation):
    model = request.getfixturevalue(make).train()
    check = GenerationCheck(validation, 20, seed=2)
    before = torch.get_rng_state()
    first = check.measure(model)
    torch.rand(3)
    second = check.measure(model)
    torch.set_rng_state(before)
    third = GenerationCheck(validation, 20, seed=2).measure(model)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(module.training for module in model.modules())
    for jet_type, jets in first.generated.items():
        for again in (second, third):
            features = again.generated[jet_type].particle_features
            np.testing.assert_array_equal(features, jets.particle_features)
    assert first.w1m == second.w1m == third.w1m
    assert GenerationCheck(validation, 20, seed=3).measure(model).w1m != first.w1m


def test_before_its_prior_is_fitted_a_model_is_sampled_by_posteriors(
    with_learned_prior, validation, monkeypatch
):
    """The latent vectors come from the mixture of the posteriors, by their moments."""
    model, seen = with_learned_prior, {}
    with torch.no_grad():  # posteriors that no standard normal resembles
        last = [module for module in model.encoder.modules() if isinstance(module, torch.nn.Linear)]
        last[-1].bias += torch.cat([torch.full((4,), 5.0), torch.full((4,), -4.0)])

    def generate(n_jets, *, jet_type, latents, **options):
        seen[jet_type] = latents
        return validation[jet_type]

    monkeypatch.setattr(model, "generate", generate)
    GenerationCheck(validation, 4000, seed=2).measure(model)
    for jet_type, jets in validation.items():
        with torch.no_grad():
            mean, log_variance = model.encoder(model.batch(jets))
        latents = seen[jet_type]
        assert latents.shape == (4000, 4)
        variance = mean.var(dim=0, correction=0) + log_variance.exp().mean(dim=0)
        error = (variance / 4000).sqrt()
        assert ((latents.mean(dim=0) - mean.mean(dim=0)).abs() < 5 * error).all()
        torch.testing.assert_close(latents.var(dim=0), variance, rtol=0.15, atol=0)
        assert (latents.mean(dim=0).abs() > 1).any()
    assert not torch.equal(seen["g"], seen["q"])


def test_posteriors_are_taken_in_batches(with_learned_prior, validation):
    whole, parts = (
        GenerationCheck(validation, 50, seed=2, **sizes).posterior_latents(with_learned_prior, "g")
        for sizes in ({}, {"batch_size": 7})
    )
    torch.testing.assert_close(parts, whole)


@pytest.mark.parametrize("array", ["particle_features", "jet_features"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_jets_that_are_no_numbers_are_infinitely_far(model, validation, monkeypatch, array, value):
    def broken(n_jets, *, jet_type, **options):
        jets = small_jets(n_jets, 9, jet_type)
        if jet_type == "q":
            getattr(jets, array)[4, 0] = value
        return jets

    monkeypatch.setattr(model, "generate", broken)
    check = GenerationCheck(validation, 30, seed=2)
    sampled = check.measure(model)
    assert np.isfinite(sampled.w1m_of["g"])
    assert sampled.w1m == sampled.w1m_of["q"] == np.inf
    plt.close(check.figure(sampled))


def test_jets_without_particles_are_infinitely_far(validation):
    empty = small_jets(30, 9)
    empty.particle_features[3] = 0
    assert mass_distance(empty, validation["g"]) == np.inf


def test_weights_that_are_no_numbers_are_infinitely_far(model, validation):
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.fill_(torch.nan)
    check = GenerationCheck(validation, 10, seed=2)
    sampled = check.measure(model)
    assert sampled.w1m == np.inf
    draw(check, sampled)  # no particle is left to draw


def draw(check, sampled, title="epoch 3"):
    figure = check.figure(sampled, title)
    figure.canvas.draw()
    plt.close(figure)
    return figure


def test_the_figure_shows_all_observables(model, validation):
    one = GenerationCheck({"g": validation["g"]}, 30, seed=2)
    figure = draw(one, one.measure(model))
    labels = [axis.get_xlabel() for axis in figure.axes]
    assert len(labels) == 6
    assert "multiplicity" in labels
    assert figure.get_suptitle() == "epoch 3"
    both = GenerationCheck(validation, 30, seed=2)
    figure = draw(both, both.measure(model))
    assert [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()] == [
        "gluon",
        "light-quark",
    ]


def test_the_figure_is_of_the_jets(validation):
    from hypervae.plotting.generation_check import draw_generated, values_of

    values = values_of(validation["g"])
    assert len(values["mass"]) == len(values["jet_pt"]) == 40
    assert len(values["ptrel"]) == validation["g"].mask.sum() == values["multiplicity"].sum()
    figure = draw_generated({"g": validation["g"]}, {"g": validation["g"]})
    plt.close(figure)
    for axis in figure.axes:
        fill, real, made = axis.patches
        np.testing.assert_array_equal(real.get_data().values, made.get_data().values)
        np.testing.assert_array_equal(fill.get_data().values, made.get_data().values)
        assert not axis.texts
    counts = figure.axes[1].patches[0].get_data()
    expected = np.bincount(validation["g"].multiplicity, minlength=SLOTS + 1)
    centres = (counts.edges[1:] + counts.edges[:-1]) / 2
    np.testing.assert_allclose(counts.values * 40, expected[centres.astype(int)])


def test_what_lies_beyond_the_axis_is_written_out(validation):
    from hypervae.plotting.generation_check import draw_generated

    real = validation["g"]
    shifted = real.jet_features * np.array([3, 1, 1, 1], dtype=np.float32)
    figure = draw_generated({"g": Jets(real.particle_features, shifted)}, {"g": real})
    plt.close(figure)
    assert [axis.texts[0].get_text() for axis in figure.axes if axis.texts] == ["100% beyond"]


def test_training_needs_neither_the_figures_nor_their_code():
    assert not [name for name in import_closure("train") if "plotting" in name]
    code = (
        "import sys, hypervae.training.generation_check; "
        "sys.exit('hypervae.plotting' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

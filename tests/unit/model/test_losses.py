from dataclasses import replace

import numpy as np
import pytest
import torch

from hypervae.config import resolve_section
from hypervae.kinematics import relative_mass
from hypervae.model import HyperVAE, make_batch
from hypervae.model.decoder import Decoded
from hypervae.model.losses import (
    TERMS,
    chamfer,
    hyperedge_loss,
    kl_divergence,
    loss_terms,
    masked_mse,
    summed,
    total_loss,
)
from tests.unit.chain import MODEL, small_jets

SCALE = torch.tensor([0.1, 0.1, 1.5], dtype=torch.float64)


@pytest.fixture
def batch(normalization):
    return make_batch(small_jets(24, seed=6), normalization, dtype=torch.float64)


def terms_of(model, batch, temperature=0.7, scale=SCALE):
    torch.manual_seed(1)
    decoded, mean, log_variance = model(batch, temperature)
    return loss_terms(decoded, batch, mean, log_variance, scale.to(mean.dtype))


def test_chamfer_by_hand():
    predicted = torch.tensor([[[0.0, 0.0], [3.0, 0.0], [50.0, 50.0]]])
    presence = torch.tensor([[1.0, 1.0, 0.0]])
    target = torch.tensor([[[1.0, 0.0], [3.0, 2.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    # to the nearest target: 1 and 4; to the nearest present prediction: 1 and 4
    assert float(chamfer(predicted, presence, target, mask)) == pytest.approx(2.5 + 2.5)


def test_chamfer_of_unequal_numbers_by_hand():
    predicted = torch.tensor([[[0.0], [1.0]]])
    target = torch.tensor([[[0.0], [2.0], [6.0]]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    presence = torch.tensor([[1.0, 1.0]])
    assert float(chamfer(predicted, presence, target, mask)) == pytest.approx(0.5 + 26 / 3)
    # with the second slot unused, the first serves all targets
    presence = torch.tensor([[1.0, 0.0]])
    assert float(chamfer(predicted, presence, target, mask)) == pytest.approx(0.0 + 40 / 3)


def test_chamfer_of_equal_sets_is_zero_in_any_order():
    points = torch.randn(3, 5, 3)
    mask = torch.tensor([[True] * 5, [True] * 5, [True] * 5])
    found = chamfer(points[:, [4, 2, 0, 1, 3]], torch.ones(3, 5), points, mask)
    torch.testing.assert_close(found, torch.zeros(3))


def test_masked_mse_by_hand():
    predicted = torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    mask = torch.tensor([[True, False], [False, False]])
    found = masked_mse(predicted, torch.zeros(2, 2, 2), mask)
    assert found.tolist() == [2.5, 0.0]


def histograms(logits, log_weight, fraction, target_weight):
    nothing = torch.zeros(1)
    decoded = Decoded(nothing, nothing, nothing, nothing, logits, log_weight, nothing)

    class Batch:
        set_fraction, set_log_weight = fraction, target_weight

    return hyperedge_loss(decoded, Batch)


def test_hyperedge_loss_by_hand():
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]]))
    fraction = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    log_weight = torch.tensor([[[9.0, 2.0, 9.0], [9.0, 9.0, 9.0]]])
    found = histograms(logits, log_weight, fraction, torch.zeros(1, 2, 3))
    # cumulative differences 0.5, -0.25, 0; ln w differs by 2 in the filled bin; no sets of the
    # second order, so it does not count
    assert float(found) == pytest.approx(0.5**2 + 0.25**2 + 4.0)


def test_hyperedge_loss_without_orders_or_sets_is_zero():
    empty = torch.zeros(2, 0, 3)
    assert histograms(empty, empty, empty, empty).tolist() == [0.0, 0.0]
    zeros = torch.zeros(2, 1, 3)
    assert histograms(zeros, zeros + 5, zeros, zeros).tolist() == [0.0, 0.0]


def test_kl_divergence_by_hand():
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    expected = 0.5 * (1.0 + np.exp(2.0) - 1 - 2.0)
    assert float(kl_divergence(mean, log_variance)) == pytest.approx(expected)
    assert float(kl_divergence(torch.zeros(1, 3), torch.zeros(1, 3))) == 0.0


def test_kl_divergence_agrees_with_torch():
    normal = torch.distributions.Normal
    mean, log_variance = torch.randn(2, 5, 3)
    expected = torch.distributions.kl_divergence(
        normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected.sum(-1))


def test_summed_by_hand_and_mass_of_kinematics():
    jets = small_jets(30, seed=3)
    coordinates = torch.from_numpy(jets.particle_features[..., :3]).double()
    found = summed(coordinates, torch.from_numpy(jets.mask).double())
    particles = jets.particle_features.astype(float)
    ptrel = particles[..., 2]
    np.testing.assert_allclose(found[:, 0], ptrel.sum(1))
    np.testing.assert_allclose(found[:, 1], (ptrel * particles[..., 0]).sum(1), atol=1e-12)
    np.testing.assert_allclose(found[:, 2], (ptrel * particles[..., 1]).sum(1), atol=1e-12)
    several = jets.multiplicity > 1
    expected = relative_mass(jets.particle_features)
    np.testing.assert_allclose(found[several, 3], np.maximum(expected[several], 1e-3), rtol=1e-6)
    assert expected[several].max() > 0.05


def test_terms_of_a_perfect_reconstruction_vanish(model, batch):
    torch.manual_seed(1)
    decoded, mean, _ = model(batch)
    ln_ptrel = batch.coordinates[..., 2:].clamp_min(1e-7).log()
    count = batch.mask.sum(1)
    perfect = replace(
        decoded,
        presence=batch.mask.double(),
        coordinates=torch.cat([batch.coordinates[..., :2], ln_ptrel], dim=-1),
        edges=batch.edges,
        set_fraction_logits=batch.set_fraction.clamp_min(1e-30).log(),
        set_log_weight=batch.set_log_weight,
        jet=batch.jet,
        multiplicity_logits=1e3
        * torch.nn.functional.one_hot(count - 1, batch.mask.shape[1]).double(),
    )
    zero = torch.zeros_like(mean)
    for name, value in loss_terms(perfect, batch, zero, zero, SCALE).items():
        assert float(value) == pytest.approx(0.0, abs=1e-9), name


def test_terms_are_means_over_jets(model, batch):
    torch.manual_seed(1)
    decoded, mean, log_variance = model(batch)
    whole = loss_terms(decoded, batch, mean, log_variance, SCALE)
    assert tuple(whole) == TERMS

    def rows(item, chosen):
        return replace(item, **{name: value[chosen] for name, value in vars(item).items()})

    halves = [
        loss_terms(rows(decoded, half), rows(batch, half), mean[half], log_variance[half], SCALE)
        for half in (slice(0, 8), slice(8, None))
    ]
    for name in TERMS:
        expected = (8 * halves[0][name] + 16 * halves[1][name]) / 24
        torch.testing.assert_close(whole[name], expected)


def test_total_loss_weighs_and_anneals():
    terms = {"particle": 2.0, "kl": 10.0}
    assert total_loss(terms, {"particle": 0.5, "kl": 0.1}, 0.25) == pytest.approx(1.0 + 0.25)


TRAINED_BY = {
    "particle": [
        "decoder.particles.",
        "decoder.slot_embedding",
        "decoder.slot_mix.",
        "decoder.multiplicity.",
        "decoder.state.",
    ],
    "edge": ["decoder.edge_head.", "decoder.edge_ends.", "decoder.particles.", "decoder.state."],
    "hyperedge": ["decoder.hyperedge_head.", "decoder.state."],
    "jet_features": ["decoder.jet_head.", "decoder.state."],
    "multiplicity": ["decoder.multiplicity.", "decoder.state."],
    "sum": ["decoder.particles.", "decoder.multiplicity."],
    "kl": [],
}
ENCODER = ["encoder.particles.", "encoder.edges.", "encoder.hyperedges.", "encoder.fusion."]


@pytest.mark.parametrize("term", TERMS)
def test_every_term_trains_its_heads(model, batch, term):
    model.train()
    terms_of(model, batch)[term].backward()
    for prefix in TRAINED_BY[term] + ENCODER:
        found = [
            float(parameter.grad.norm())
            for name, parameter in model.named_parameters()
            if name.startswith(prefix) and parameter.grad is not None
        ]
        assert found, prefix
        assert max(found) > 1e-9, prefix
        assert np.isfinite(found).all(), prefix


def test_all_parameters_are_trained_by_some_term(model, batch):
    model.train()
    sum(terms_of(model, batch).values()).backward()
    # the last block's vector update is not read where scalars alone are
    still = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    trained = sum(p.numel() for p in model.parameters())
    assert sum(dict(model.named_parameters())[n].numel() for n in still) < 0.1 * trained, still


@pytest.mark.parametrize("temperature", [None, 0.3])
def test_jets_of_one_particle_give_finite_losses_and_gradients(model, normalization, temperature):
    jets = small_jets(20)[np.zeros(4, dtype=int)]
    batch = make_batch(jets, normalization, dtype=torch.float64)
    terms = terms_of(model, batch, temperature)
    assert all(torch.isfinite(value) for value in terms.values()), terms
    sum(terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


def test_initial_weighted_terms_are_comparable(normalization):
    torch.manual_seed(2)
    model = HyperVAE(normalization, ["g", "q"])
    batch = make_batch(small_jets(64, seed=6), normalization)
    weights = resolve_section("train", {})["loss_weights"]
    scale = torch.tensor(normalization.particle.scale, dtype=torch.float32)
    terms = terms_of(model, batch, scale=scale)
    weighted = {name: weights[name] * float(value.detach()) for name, value in terms.items()}
    assert min(weighted.values()) > 0
    assert max(weighted.values()) < 100 * min(weighted.values()), weighted


def test_a_few_steps_lower_the_loss_and_spread_the_angles(normalization):
    torch.manual_seed(2)
    model = HyperVAE(normalization, ["g"], MODEL)
    batch = make_batch(small_jets(32, seed=6), normalization)
    scale = torch.tensor(normalization.particle.scale, dtype=torch.float32)
    weights = resolve_section("train", {})["loss_weights"]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(70):
        loss = total_loss(terms_of(model, batch, scale=scale), weights, 1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    jets = model.eval().generate(200)
    for column in (0, 1):  # etarel, phirel
        share = (jets.particle_features[jets.mask][:, column] > 0).mean()
        assert 0.05 < share < 0.95, f"column {column}"

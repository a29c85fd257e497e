from dataclasses import replace

import numpy as np
import pytest
import torch

from hypervae.config import resolve_section
from hypervae.errors import ConfigError
from hypervae.model import HyperVAE
from hypervae.model.hyperedges.registry import DEFAULT_MODE
from hypervae.model.hyperedges.sets import BinnedSets
from hypervae.model.losses.chamfer import chamfer
from hypervae.model.losses.terms import TERMS, LossTerms, total_loss
from tests.unit.chain import MODEL, small_jets

DEFAULTS = resolve_section("train", {})


@pytest.fixture
def batch(model):
    return model.batch(small_jets(24, seed=6))


@pytest.fixture
def make_terms(normalization):
    """Loss terms with changes to the section of `train`."""

    def make(hyperedge_decoder=DEFAULT_MODE, **changes):
        section = resolve_section("train", changes)
        return LossTerms(normalization, section, hyperedge_decoder)

    return make


def terms_of(model, batch, losses, temperature=0.7):
    torch.manual_seed(1)
    decoded, mean, log_variance = model(batch, temperature)
    return losses(decoded, batch, mean, log_variance)


def test_terms_of_a_perfect_reconstruction_vanish(model, batch, make_terms):
    torch.manual_seed(1)
    decoded, mean, log_variance = model(batch)
    ln_ptrel = batch.coordinates[..., 2:].clamp_min(1e-7).log()
    count, targets = batch.mask.sum(1), batch.hyperedge_targets
    perfect = replace(
        decoded,
        presence=batch.mask.double(),
        coordinates=torch.cat([batch.coordinates[..., :2], ln_ptrel], dim=-1),
        edges=batch.edges,
        hyperedges=BinnedSets(targets.fraction.clamp_min(1e-30).log(), targets.log_weight),
        jet=batch.jet,
        multiplicity_logits=1e3
        * torch.nn.functional.one_hot(count - 1, batch.mask.shape[1]).double(),
    )
    zero = torch.zeros_like(mean)
    losses = make_terms()
    found = losses(perfect, batch, zero, zero)
    imperfect = losses(decoded, batch, mean, log_variance)
    for name in TERMS:
        if "consistency" in name:  # one side is interpolated where the other is looked up
            assert float(found[name]) < 0.05 * float(imperfect[name].detach()), name
        else:
            assert float(found[name]) == pytest.approx(0.0, abs=1e-9), name


def test_terms_are_means_over_jets(model, batch, make_terms):
    torch.manual_seed(1)
    decoded, mean, log_variance = model(batch)
    losses = make_terms(free_bits=0.05)
    whole = losses(decoded, batch, mean, log_variance)
    assert tuple(whole) == TERMS
    halves = [
        losses(decoded[half], batch[half], mean[half], log_variance[half])
        for half in (slice(0, 8), slice(8, None))
    ]
    for name in TERMS:
        expected = (8 * halves[0][name] + 16 * halves[1][name]) / 24
        torch.testing.assert_close(whole[name], expected)


def test_particles_are_compared_in_units_of_their_widths(model, batch, make_terms, normalization):
    torch.manual_seed(1)
    decoded, mean, log_variance = model(batch)
    ptrel = batch.coordinates[..., 2]
    target = torch.cat(
        [batch.coordinates[..., :2], ptrel.clamp_min(1e-7).log().unsqueeze(-1)], dim=-1
    )
    scale = torch.from_numpy(normalization.particle.scale)
    points = decoded.coordinates / scale, decoded.presence, target / scale, batch.mask
    found = make_terms()(decoded, batch, mean, log_variance)["particle"]
    torch.testing.assert_close(found, chamfer(*points).mean())
    losses = make_terms(chamfer="hyperbolic", chamfer_alpha=0.3, chamfer_pt_weighted=True)
    expected = chamfer(
        *points,
        kind="hyperbolic",
        alpha=0.3,
        predicted_weight=decoded.coordinates[..., 2].exp(),
        target_weight=ptrel,
    ).mean()
    torch.testing.assert_close(losses(decoded, batch, mean, log_variance)["particle"], expected)


def test_a_matching_error_stands_in_for_the_chamfer_distance(model, batch, make_terms):
    torch.manual_seed(1)
    decoded, mean, log_variance = model(batch)
    losses = make_terms()
    plain = losses(decoded, batch, mean, log_variance)
    matching, weight = torch.rand(2, len(batch), dtype=torch.float64)
    found = losses(replace(decoded, matching=matching, weight=weight), batch, mean, log_variance)
    torch.testing.assert_close(found["particle"], matching.mean())
    # what reads the estimated particles is weighted per jet, nothing else is
    rows = [
        losses(decoded[row], batch[row], mean[row], log_variance[row])
        for row in (slice(k, k + 1) for k in range(len(batch)))
    ]
    for name in TERMS[1:]:
        if name == "sum" or "consistency" in name:
            per_jet = torch.stack([row[name] for row in rows])
            torch.testing.assert_close(found[name], (weight * per_jet).mean())
        else:
            torch.testing.assert_close(found[name], plain[name])


def test_consistency_of_weight_zero_is_not_computed(model, batch, make_terms, monkeypatch):
    weights = {"edge_consistency": 0, "hyperedge_consistency": 0}
    losses = make_terms(loss_weights=weights)
    for name in weights:
        monkeypatch.setattr(getattr(losses, name), "forward", None)
    found = terms_of(model, batch, losses)
    assert tuple(found) == TERMS
    assert [float(found[name]) for name in weights] == [0.0, 0.0]


def test_all_weights_zero_is_refused(make_terms):
    with pytest.raises(ConfigError, match="loss_weights"):
        make_terms(loss_weights=dict.fromkeys(TERMS, 0))


def test_half_precision_is_computed_in_float32(normalization, make_terms):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g", "q"], MODEL)
    batch = model.batch(small_jets(24, seed=6))
    decoded, mean, log_variance = model(batch)

    half = decoded.map(torch.Tensor.bfloat16)
    full = half.map(torch.Tensor.float)
    losses = make_terms()
    mean, log_variance = mean.bfloat16(), log_variance.bfloat16()
    expected = losses(full, batch, mean.float(), log_variance.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = losses(half, batch, mean, log_variance)
    for name in TERMS:
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], expected[name], msg=name)


def test_total_loss_weighs_and_anneals():
    terms = {"particle": 2.0, "kl": 10.0}
    assert total_loss(terms, {"particle": 0.5, "kl": 0.1}, 0.25) == pytest.approx(1.0 + 0.25)
    broken = {**terms, "sum": float("inf")}
    weights = {"particle": 0.5, "kl": 0.1, "sum": 0.0}
    assert total_loss(broken, weights, 1.0) == pytest.approx(2.0)


STATE = "decoder.state."
SLOTS = ["decoder.particles.slot_embedding", "decoder.particles.slot_mix."]
PARTICLES = [*SLOTS, "decoder.particles.start.", "decoder.particles.network."]
TRAINED_BY = {
    "particle": [*PARTICLES, "decoder.multiplicity.", STATE],
    "edge": ["decoder.edges.", "decoder.particles.network.", STATE],
    "hyperedge": ["decoder.hyperedges.", STATE],
    "jet_features": ["decoder.jet.", STATE],
    "multiplicity": ["decoder.multiplicity.", STATE],
    "sum": [*PARTICLES, "decoder.multiplicity.", STATE],
    "edge_consistency": ["decoder.edges.", "decoder.particles.network.", STATE],
    "hyperedge_consistency": ["decoder.hyperedges.", *PARTICLES, STATE],
    "kl": [],
}
ENCODER = ["encoder.particles.", "encoder.edges.", "encoder.hyperedges.", "encoder.fusion."]


def assert_trained(model, prefixes):
    for prefix in prefixes:
        found = [
            float(parameter.grad.norm())
            for name, parameter in model.named_parameters()
            if name.startswith(prefix) and parameter.grad is not None
        ]
        assert found, prefix
        assert max(found) > 1e-9, prefix
        assert np.isfinite(found).all(), prefix


@pytest.mark.parametrize("term", TERMS)
def test_every_term_trains_its_heads(model, batch, make_terms, term):
    model.train()
    terms_of(model, batch, make_terms())[term].backward()
    assert_trained(model, TRAINED_BY[term] + ENCODER)


@pytest.mark.parametrize("mode", ["mlp", "chunked", "attention", "sparse", "sampled", "clustered"])
@pytest.mark.parametrize("term", ["hyperedge", "hyperedge_consistency"])
def test_terms_of_single_sets_train_the_set_decoder(normalization, make_terms, mode, term):
    torch.manual_seed(3)
    config = {**MODEL, "hyperedge_decoder": mode, "hyperedge_samples": 40}
    model = HyperVAE(normalization, ["g", "q"], config).double()
    batch = model.batch(small_jets(24, seed=6))
    losses = make_terms(mode)
    terms_of(model, batch, losses)[term].backward()
    assert_trained(model, ["decoder.hyperedges.", STATE])


def test_terms_of_a_flow_train_its_heads(normalization, make_terms):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g", "q"], {**MODEL, "decoder": "flow"}).double()
    batch = model.batch(small_jets(24, seed=6))
    for term in ("particle", "sum", "edge_consistency", "hyperedge_consistency"):
        model.zero_grad()
        terms_of(model, batch, make_terms())[term].backward()
        head = {"edge_consistency": "edges", "hyperedge_consistency": "hyperedges"}
        assert_trained(model, [f"decoder.{head.get(term, 'particles')}.", STATE])


def test_all_parameters_are_trained_by_some_term(model, batch, make_terms):
    model.train()
    sum(terms_of(model, batch, make_terms()).values()).backward()
    # the last block's vector update is not read where scalars alone are
    still = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    trained = sum(p.numel() for p in model.parameters())
    assert sum(dict(model.named_parameters())[n].numel() for n in still) < 0.1 * trained, still


@pytest.mark.parametrize("kind", ["squared", "plain", "hyperbolic"])
@pytest.mark.parametrize("temperature", [None, 0.3])
def test_jets_of_one_particle_give_finite_losses_and_gradients(
    model, make_terms, temperature, kind
):
    batch = model.batch(small_jets(20)[np.zeros(4, dtype=int)])
    terms = terms_of(model, batch, make_terms(chamfer=kind), temperature)
    assert all(torch.isfinite(value) for value in terms.values()), terms
    sum(terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("config", [{}, {"hyperedge_decoder": "mlp"}], ids=str)
def test_initial_weighted_terms_are_comparable(normalization, make_terms, config, seed):
    torch.manual_seed(seed)
    model = HyperVAE(normalization, ["g", "q"], config)
    batch = model.batch(small_jets(64, seed=6))
    terms = terms_of(model, batch, make_terms(model.config.hyperedge_decoder), temperature=1.0)
    weights = DEFAULTS["loss_weights"]
    weighted = {name: weights[name] * float(value.detach()) for name, value in terms.items()}
    assert min(weighted.values()) > 0
    assert max(weighted.values()) < 100 * min(weighted.values()), weighted


def test_a_few_steps_lower_the_loss_and_spread_the_angles(normalization, make_terms):
    torch.manual_seed(2)
    model = HyperVAE(normalization, ["g"], MODEL)
    batch = model.batch(small_jets(32, seed=6))
    losses_of = make_terms()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(70):
        loss = total_loss(terms_of(model, batch, losses_of), DEFAULTS["loss_weights"], 1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    jets = model.eval().generate(200)
    for column in (0, 1):  # etarel, phirel
        share = (jets.particle_features[jets.mask][:, column] > 0).mean()
        assert 0.05 < share < 0.95, f"column {column}"

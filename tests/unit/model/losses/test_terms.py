from dataclasses import replace

import numpy as np
import pytest
import torch

from hypervae.config import resolve_section
from hypervae.errors import ConfigError
from hypervae.model import HyperVAE
from hypervae.model.decoder.chamfer import chamfer
from hypervae.model.decoder.registry import PARTICLE_DECODERS
from hypervae.model.hyperedges.sets import BinnedSets
from hypervae.model.losses.terms import COMMON_TERMS, LossTerms, total_loss
from hypervae.model.noise import JetNoise
from tests.unit.chain import MODEL, small_jets

TERMS = ("chamfer", *COMMON_TERMS)
NOISE = JetNoise()


@pytest.fixture
def batch(model):
    return model.batch(small_jets(24, seed=6))


@pytest.fixture
def make_terms(normalization):
    """Loss terms with changes to the section of `train`."""

    def make(model, **changes):
        return LossTerms(normalization, model.config, resolve_section("train", changes))

    return make


def terms_of(model, batch, losses, temperature=0.7):
    torch.manual_seed(1)
    noise = JetNoise(batch.key)
    reconstructed, mean, log_variance = model(batch, noise, temperature)
    return losses(reconstructed, batch, mean, log_variance, noise)


def some_of(reconstructed, rows):
    """Some jets of what was reconstructed."""
    return replace(
        reconstructed,
        decoded=reconstructed.decoded[rows],
        losses={name: value[rows] for name, value in reconstructed.losses.items()},
        trust=reconstructed.trust[rows],
    )


def test_terms_of_a_perfect_reconstruction_vanish(model, batch, make_terms):
    torch.manual_seed(1)
    made, mean, log_variance = model(batch)
    ln_ptrel = batch.coordinates[..., 2:].clamp_min(1e-7).log()
    count, targets = batch.mask.sum(1), batch.hyperedge_targets
    decoded = replace(
        made.decoded,
        presence=batch.mask.double(),
        log_coordinates=torch.cat([batch.coordinates[..., :2], ln_ptrel], dim=-1),
        edges=batch.edges,
        hyperedges=BinnedSets(targets.fraction.clamp_min(1e-30).log(), targets.log_weight),
        jet=batch.jet,
        multiplicity_logits=1e3
        * torch.nn.functional.one_hot(count - 1, batch.mask.shape[1]).double(),
    )
    zero, losses = torch.zeros_like(mean), make_terms(model)
    found = losses(replace(made, decoded=decoded), batch, zero, zero, NOISE)
    imperfect = losses(made, batch, mean, log_variance, NOISE)
    for name in COMMON_TERMS:
        if "consistency" in name:  # one side is interpolated where the other is looked up
            assert float(found[name]) < 0.05 * float(imperfect[name].detach()), name
        else:
            assert float(found[name]) == pytest.approx(0.0, abs=1e-9), name


def test_terms_are_means_over_jets(model, batch, make_terms):
    torch.manual_seed(1)
    made, mean, log_variance = model(batch)
    losses = make_terms(model, free_bits=0.05)
    whole = losses(made, batch, mean, log_variance, NOISE)
    assert tuple(whole) == TERMS
    halves = [
        losses(some_of(made, half), batch[half], mean[half], log_variance[half], NOISE)
        for half in (slice(0, 8), slice(8, None))
    ]
    for name in TERMS:
        expected = (8 * halves[0][name] + 16 * halves[1][name]) / 24
        torch.testing.assert_close(whole[name], expected)


def test_particles_are_compared_in_units_of_their_widths(model, batch, make_terms, normalization):
    ptrel = batch.coordinates[..., 2]
    target = torch.cat(
        [batch.coordinates[..., :2], ptrel.clamp_min(1e-7).log().unsqueeze(-1)], dim=-1
    )
    scale = torch.from_numpy(normalization.particle.scale)
    section = {"distance": "hyperbolic", "alpha": 0.3, "pt_weighted": True}
    for settings in ({}, section):
        torch.manual_seed(3)
        own = HyperVAE(normalization, ["g", "q"], {**MODEL, "one_shot": settings}).double()
        torch.manual_seed(1)
        made, mean, log_variance = own(batch)
        points = made.decoded.log_coordinates / scale, made.decoded.presence
        options = {}
        if settings:
            options = {
                "distance": "hyperbolic",
                "alpha": 0.3,
                "weights": (made.decoded.log_coordinates[..., 2].exp(), ptrel),
            }
        expected = chamfer(*points, target / scale, batch.mask, **options).mean()
        found = make_terms(own)(made, batch, mean, log_variance, NOISE)["chamfer"]
        torch.testing.assert_close(found, expected)


def test_what_reads_estimated_particles_is_trusted_jet_by_jet(model, batch, make_terms):
    torch.manual_seed(1)
    made, mean, log_variance = model(batch)
    losses = make_terms(model)
    plain = losses(made, batch, mean, log_variance, NOISE)
    trust = torch.rand(len(batch), dtype=torch.float64)
    found = losses(replace(made, trust=trust), batch, mean, log_variance, NOISE)
    rows = [
        losses(some_of(made, row), batch[row], mean[row], log_variance[row], NOISE)
        for row in (slice(k, k + 1) for k in range(len(batch)))
    ]
    for name in TERMS:
        if name == "sum" or "consistency" in name:
            per_jet = torch.stack([row[name] for row in rows])
            torch.testing.assert_close(found[name], (trust * per_jet).mean())
        else:
            torch.testing.assert_close(found[name], plain[name])


@pytest.mark.parametrize("name", PARTICLE_DECODERS)
def test_a_particle_decoder_computes_the_terms_that_it_names(normalization, make_terms, name):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g", "q"], {**MODEL, "decoder": name}).double()
    batch = model.batch(small_jets(24, seed=6))
    made, _, _ = model(batch)
    names = PARTICLE_DECODERS[name].loss_terms
    assert tuple(made.losses) == names
    assert all(value.shape == (len(batch),) for value in made.losses.values())
    losses = make_terms(model)
    assert losses.names == (*names, *COMMON_TERMS)
    assert tuple(losses.weights) == losses.names
    assert tuple(terms_of(model, batch, losses)) == losses.names
    weighted = make_terms(model, loss_weights={"particle": 0.25}).weights
    assert [weighted[term] for term in names] == [0.25] * len(names)


def test_consistency_of_weight_zero_is_not_computed(model, batch, make_terms, monkeypatch):
    weights = {"edge_consistency": 0, "hyperedge_consistency": 0}
    losses = make_terms(model, loss_weights=weights)
    for name in weights:
        monkeypatch.setattr(getattr(losses, name), "forward", None)
    found = terms_of(model, batch, losses)
    assert tuple(found) == TERMS
    assert [float(found[name]) for name in weights] == [0.0, 0.0]


def test_all_weights_zero_is_refused(model, make_terms):
    with pytest.raises(ConfigError, match="loss_weights"):
        make_terms(model, loss_weights=dict.fromkeys(("particle", *COMMON_TERMS), 0))


def test_half_precision_is_computed_in_float32(normalization, make_terms):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g", "q"], MODEL)
    batch = model.batch(small_jets(24, seed=6))
    made, mean, log_variance = model(batch)

    half = replace(
        made,
        decoded=made.decoded.map(torch.Tensor.bfloat16),
        losses={name: value.float() for name, value in made.losses.items()},
    )
    full = replace(half, decoded=half.decoded.map(torch.Tensor.float))
    losses = make_terms(model)
    mean, log_variance = mean.bfloat16(), log_variance.bfloat16()
    expected = losses(full, batch, mean.float(), log_variance.float(), NOISE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = losses(half, batch, mean, log_variance, NOISE)
    for name in TERMS:
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], expected[name], msg=name)


def test_total_loss_weighs_and_anneals():
    terms = {"chamfer": 2.0, "kl": 10.0}
    assert total_loss(terms, {"chamfer": 0.5, "kl": 0.1}, 0.25) == pytest.approx(1.0 + 0.25)
    broken = {**terms, "sum": float("inf")}
    weights = {"chamfer": 0.5, "kl": 0.1, "sum": 0.0}
    assert total_loss(broken, weights, 1.0) == pytest.approx(2.0)


STATE = "decoder.state."
SLOTS = ["decoder.particles.slot_embedding", "decoder.particles.slot_mix."]
PARTICLES = [*SLOTS, "decoder.particles.start.", "decoder.particles.network."]
TRAINED_BY = {
    "chamfer": [*PARTICLES, "decoder.multiplicity.", STATE],
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
    terms_of(model, batch, make_terms(model))[term].backward()
    assert_trained(model, TRAINED_BY[term] + ENCODER)


@pytest.mark.parametrize("mode", ["mlp", "chunked", "attention", "sparse", "sampled", "clustered"])
@pytest.mark.parametrize("term", ["hyperedge", "hyperedge_consistency"])
def test_terms_of_single_sets_train_the_set_decoder(normalization, make_terms, mode, term):
    torch.manual_seed(3)
    config = {**MODEL, "hyperedge_decoder": mode, "hyperedge_samples": 40}
    model = HyperVAE(normalization, ["g", "q"], config).double()
    batch = model.batch(small_jets(24, seed=6))
    losses = make_terms(model)
    terms_of(model, batch, losses)[term].backward()
    assert_trained(model, ["decoder.hyperedges.", STATE])


def test_terms_of_a_flow_train_its_heads(normalization, make_terms):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g", "q"], {**MODEL, "decoder": "flow"}).double()
    batch = model.batch(small_jets(24, seed=6))
    for term in ("matching", "sum", "edge_consistency", "hyperedge_consistency"):
        model.zero_grad()
        terms_of(model, batch, make_terms(model))[term].backward()
        head = {"edge_consistency": "edges", "hyperedge_consistency": "hyperedges"}
        assert_trained(model, [f"decoder.{head.get(term, 'particles')}.", STATE])


def test_all_parameters_are_trained_by_some_term(model, batch, make_terms):
    model.train()
    sum(terms_of(model, batch, make_terms(model)).values()).backward()
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
    normalization, make_terms, temperature, kind
):
    config = {**MODEL, "one_shot": {"distance": kind}}
    model = HyperVAE(normalization, ["g", "q"], config).double()
    batch = model.batch(small_jets(20)[np.zeros(4, dtype=int)])
    terms = terms_of(model, batch, make_terms(model), temperature)
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
    losses = make_terms(model)
    terms = terms_of(model, batch, losses, temperature=1.0)
    weighted = {name: losses.weights[name] * float(value.detach()) for name, value in terms.items()}
    assert min(weighted.values()) > 0
    assert max(weighted.values()) < 100 * min(weighted.values()), weighted


def test_a_few_steps_lower_the_loss_and_spread_the_angles(normalization, make_terms):
    torch.manual_seed(2)
    model = HyperVAE(normalization, ["g"], MODEL)
    batch = model.batch(small_jets(32, seed=6))
    losses_of = make_terms(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(70):
        loss = total_loss(terms_of(model, batch, losses_of), losses_of.weights, 1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    jets = model.eval().generate(200)
    for column in (0, 1):  # etarel, phirel
        share = (jets.particle_features[jets.mask][:, column] > 0).mean()
        assert 0.05 < share < 0.95, f"column {column}"

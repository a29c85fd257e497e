"""Jets from noise: the same whatever the batches, of any mix, physical, or drawn again."""

import numpy as np
import pytest
import torch

from hypervae.data.jet_checks import check_jets
from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import ConfigError, HyperVAEError
from hypervae.model import HyperVAE
from hypervae.model.sampling import MAX_REDRAWS, Sampler, is_physical, normalized_shares
from hypervae.model.sampling_config import SamplingConfig
from tests.unit.chain import MODEL, small_jets

MIX = {"q": 1, "g": 3}


@pytest.fixture
def make(normalization):
    """A small model in single precision, with every learned part away from its start."""

    def build(decoder="one_shot", prior="normal", **changes):
        torch.manual_seed(3)
        config = {**MODEL, "decoder": decoder, "prior": prior, **changes}
        model = HyperVAE(normalization, ["g", "q"], config).eval()
        if prior == "flow":
            torch.nn.init.normal_(model.prior.velocity.out.weight, std=0.5)
            model.prior.gaussian.offset += torch.tensor([[1.0], [-1.0]])
        return model

    return build


def drawn(sampler, *sizes):
    """All jets and types of some batches, as two arrays."""
    samples = [sampler.draw(size) for size in sizes]
    particles = np.concatenate([sample.jets.particle_features for sample in samples])
    features = np.concatenate([sample.jets.jet_features for sample in samples])
    return particles, features, np.concatenate([sample.types for sample in samples])


def assert_same(one, other):
    np.testing.assert_array_equal(one[2], other[2])
    np.testing.assert_allclose(one[0], other[0], atol=1e-5)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-5)


def faulty(model, wrong):
    """Make the jet of every latent vector with `wrong(latent)` unphysical."""
    decode, seen = model.decoder.decode, []

    def broken(latent, *arguments, **options):
        decoded = decode(latent, *arguments, **options)
        seen.append(len(latent))
        decoded.log_coordinates[wrong(latent), 0, 0] = torch.nan
        return decoded

    model.decoder.decode = broken
    return seen


@pytest.mark.parametrize("decoder", ["one_shot", "flow"])
@pytest.mark.parametrize("prior", ["normal", "flow"])
def test_neither_batches_nor_the_sample_size_change_a_jet(make, decoder, prior):
    model = make(decoder, prior)
    whole = drawn(Sampler(model, seed=5, mix=MIX), 60)
    assert_same(drawn(Sampler(model, seed=5, mix=MIX), 7, 1, 32, 20), whole)
    more = drawn(Sampler(model, seed=5, mix=MIX), 90)
    assert_same([part[:60] for part in more], whole)
    other = drawn(Sampler(model, seed=6, mix=MIX), 60)
    assert not np.allclose(other[1], whole[1])


@pytest.mark.parametrize("decoder", ["one_shot", "flow"])
def test_a_mix_is_made_of_the_jets_of_its_types_alone(make, decoder):
    model = make(decoder, "flow")
    particles, features, types = drawn(Sampler(model, seed=5, mix=MIX), 80)
    for kind in "gq":
        rows = types == JET_TYPES[kind]
        assert 0 < rows.sum() < 80
        alone = model.generate(int(rows.sum()), seed=5, jet_type=kind)
        np.testing.assert_allclose(particles[rows], alone.particle_features, atol=1e-5)
        np.testing.assert_allclose(features[rows], alone.jet_features, rtol=1e-5)


def test_a_mix_follows_its_shares(make):
    _, _, types = drawn(Sampler(make(), seed=1, mix=MIX), 1000)
    assert (types == JET_TYPES["q"]).mean() == pytest.approx(0.25, abs=5 * np.sqrt(0.19 / 1000))


def test_a_type_without_a_share_is_no_mix(make):
    sample = Sampler(make(), seed=5, mix={"q": 2, "g": 0}).draw(20)
    assert sample.jets.jet_type == "q"
    assert set(sample.types) == {JET_TYPES["q"]}


@pytest.mark.parametrize(
    "mix", [{}, {"q": 0, "g": 0}, {"q": 2, "g": -1}, {"q": np.nan}, {"q": np.inf}], ids=str
)
def test_a_mix_without_sense_is_refused(mix):
    with pytest.raises(ConfigError, match=r"mix: found .*expected shares of jet types"):
        normalized_shares(mix)


def test_a_mix_with_an_unknown_type_is_refused(make):
    with pytest.raises(HyperVAEError, match=r"'t'.*g, q"):
        Sampler(make(), seed=1, mix={"q": 1, "t": 1})


def test_temperature_scales_every_kind_of_noise(make):
    """Latent vectors, multiplicity, and (given these) the particles of the flow."""
    model = make("flow")
    cold, warm = (
        Sampler(model, seed=1, mix={"g": 1}, sampling=SamplingConfig(temperature=t)).draw(400)
        for t in (0.05, 1.0)
    )
    assert (cold.decoded.jet.std(0) < 0.2 * warm.decoded.jet.std(0)).all()
    counts = [sample.jets.multiplicity for sample in (cold, warm)]
    assert len(set(counts[0])) < len(set(counts[1]))
    assert counts[0].std() < 0.5 * counts[1].std()
    zeros = torch.zeros(400, MODEL["latent_dim"])
    hardest = [
        Sampler(model, seed=1, mix={"g": 1}, sampling=SamplingConfig(temperature=t))
        .draw(400, zeros)
        .decoded.log_coordinates
        for t in (0.05, 1.0)
    ]
    assert (hardest[0][:, 0].std(0) < 0.2 * hardest[1][:, 0].std(0)).all()


def test_jets_are_the_decoded_slots_sorted(make):
    sample = Sampler(make(), seed=1, mix={"g": 1}, sampling=SamplingConfig(hypergraph=True)).draw(
        30
    )
    check_jets(sample.jets, "sample")
    coordinates, count = sample.decoded.log_coordinates.double().numpy(), sample.jets.multiplicity
    for row in range(30):
        order = np.argsort(-coordinates[row, : count[row], 2])
        found = sample.jets.particle_features[row, : count[row]]
        wanted = coordinates[row, order]
        np.testing.assert_allclose(found[:, :2], wanted[:, :2], rtol=1e-6)
        np.testing.assert_allclose(found[:, 2], np.exp(wanted[:, 2]), rtol=1e-6)
    assert sample.decoded.edges.shape == (30, 66, 5)


@pytest.mark.parametrize("decoder", ["one_shot", "flow"])
def test_what_is_not_physical_is_drawn_again_and_counted(make, decoder):
    def wrong(latent):
        return latent[:, 0] > 0.5

    before = drawn(Sampler(make(decoder), seed=2, mix=MIX), 100)
    model = make(decoder)
    seen = faulty(model, wrong)
    sampler = Sampler(model, seed=2, mix=MIX)
    first, rest = sampler.draw(40), sampler.draw(60)
    assert 15 < first.redrawn + rest.redrawn < 50
    assert is_physical(first.jets).all()
    assert is_physical(rest.jets).all()
    # the others are those that they were, and the batches still do not matter
    found = [
        np.concatenate(pair) for pair in zip(*(_arrays(s) for s in (first, rest)), strict=True)
    ]
    changed = np.abs(found[1] - before[1]).max(1) > 1e-3 * before[1].max(1)
    assert changed.sum() == first.redrawn + rest.redrawn
    np.testing.assert_allclose(found[0][~changed], before[0][~changed], atol=1e-5)
    assert_same(drawn(Sampler(model, seed=2, mix=MIX), 9, 91), found)
    assert 60 in seen  # whole batches, then only the rows that need it
    assert min(seen) < 40


def _arrays(sample):
    return sample.jets.particle_features, sample.jets.jet_features, sample.types


def test_all_that_was_decoded_is_that_of_the_new_draw(make):
    model = make()
    faulty(model, lambda latent: latent[:, 0] > 0.5)
    sample = Sampler(model, seed=2, mix={"g": 1}, sampling=SamplingConfig(hypergraph=True)).draw(40)
    assert sample.redrawn > 3
    assert torch.isfinite(sample.decoded.log_coordinates).all()
    jet = model.normalization.jet.inverse(sample.decoded.jet.double().numpy())
    np.testing.assert_allclose(np.exp(jet[:, 0]), sample.jets.jet_features[:, 0], rtol=1e-6)


def test_a_model_that_has_diverged_is_an_error_and_the_jets_are_there_for_who_wants_them(make):
    model = make()
    seen = faulty(model, lambda latent: torch.ones(len(latent), dtype=torch.bool))
    with pytest.raises(HyperVAEError, match="20 of 20 jets are still not physical"):
        Sampler(model, seed=2, mix=MIX).draw(20)
    assert seen == [20] * (MAX_REDRAWS + 1)
    jets = model.generate(20, jet_type="g", sampling=SamplingConfig(check=False))
    assert np.isnan(jets.particle_features).any(axis=(1, 2)).all()


def test_weights_without_a_number_are_seen_in_the_multiplicity_too(make):
    model = make()
    torch.nn.init.constant_(model.decoder.multiplicity.bias, torch.nan)
    with pytest.raises(HyperVAEError, match="not physical"):
        Sampler(model, seed=2, mix=MIX).draw(4)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e4])
def test_a_jet_head_out_of_range_is_found(make, value):
    """pT, eta and mass: the first two make momenta, the third overflows by itself."""
    for output in range(3):
        model = make()
        with torch.no_grad():
            model.decoder.jet[-1].bias[output] = value
        with pytest.raises(HyperVAEError, match="not physical"):
            Sampler(model, seed=2, mix=MIX).draw(4)


@pytest.mark.parametrize("place", ["particle_features", "jet_features"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_value_may_be_infinite(place, value):
    for column in range(3):
        jets = small_jets(6)
        getattr(jets, place)[4, ..., column] = value
        assert is_physical(jets).tolist() == [True] * 4 + [False, True]


@pytest.mark.parametrize(
    ("place", "column", "value"),
    [
        ("particle_features", 2, 0.0),
        ("particle_features", 2, -0.1),
        ("particle_features", 2, 1e-44),
        ("particle_features", 0, 95.0),  # finite, but not its momentum in float32
        ("jet_features", 0, 0.0),
        ("jet_features", 0, -3.0),
        ("jet_features", 1, -95.0),
    ],
)
def test_momenta_are_finite_and_have_a_pt(place, column, value):
    jets = small_jets(6)
    rows = (4, 0) if place == "particle_features" else (4,)
    getattr(jets, place)[(*rows, column)] = value
    assert is_physical(jets).tolist() == [True] * 4 + [False, True]


def test_real_jets_are_physical():
    assert is_physical(small_jets(500)).all()


@pytest.mark.parametrize("training", [True, False])
def test_the_training_mode_stays(make, training):
    model = make().train(training)
    Sampler(model, seed=2, mix=MIX).draw(3)
    assert model.training == training


@pytest.mark.parametrize("draw", ["latents", "draw"])
def test_a_model_that_trains_draws_as_one_that_does_not(make, draw):
    """Its acceptance drops nothing out meanwhile, and it goes on training."""
    model = make(prior="gaussian", prior_acceptance=2)
    model.acceptance.trust[:] = 1.0

    def values():
        made = getattr(Sampler(model, seed=5, mix=MIX), draw)(40)
        return made if draw == "latents" else torch.from_numpy(made.jets.particle_features)

    wanted = values()
    model.train()
    assert torch.equal(values(), wanted)
    assert model.training
    model.acceptance.trust[:] = 0.0
    assert not torch.equal(values(), wanted)

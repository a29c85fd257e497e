import pytest
import torch

from hypervae.model import HyperVAE
from hypervae.model.decoder.coordinates import LN_PTREL_RANGE, presence_of
from hypervae.model.decoder.interface import LatentJets
from hypervae.model.noise import JetNoise
from hypervae.model.references import jet_tetrad, minkowski
from hypervae.model.sampling_config import SamplingConfig
from tests.unit.chain import MODEL, small_jets
from tests.unit.model.lorentz import GENERAL, boost, rotation

WHOLE = SamplingConfig(hypergraph=True)


def decode(model, n=40, spread=1.0, **options):
    torch.manual_seed(4)
    latent = spread * torch.randn(n, model.config.latent_dim, dtype=torch.float64)
    noise = torch.randn(n, model.normalization.max_particles, dtype=torch.float64)
    kinds = torch.arange(n) % len(model.jet_types)
    with torch.no_grad():
        return model.decoder.decode(
            latent, kinds, {"multiplicity": noise}, sampling=WHOLE, **options
        )


def test_presence_counts_the_multiplicity():
    one_hot = torch.eye(6)
    presence = presence_of(one_hot)
    assert presence.sum(1).tolist() == [1, 2, 3, 4, 5, 6]
    assert (presence.diff(dim=1) <= 0).all()
    soft = presence_of(torch.softmax(torch.randn(5, 6), dim=1))
    assert (soft.diff(dim=1) <= 0).all()
    torch.testing.assert_close(soft[:, 0], torch.ones(5))


def test_presence_is_the_noisy_choice_with_and_without_gradient(model):
    decoded = decode(model)
    assert set(decoded.presence.unique().tolist()) <= {0.0, 1.0}
    torch.manual_seed(4)
    torch.randn(40, model.config.latent_dim, dtype=torch.float64)
    noise = torch.randn(40, model.normalization.max_particles, dtype=torch.float64)
    chosen = (decoded.multiplicity_logits + noise).argmax(1) + 1
    assert torch.equal(decoded.presence.sum(1).long(), chosen)
    assert len(chosen.unique()) > 3


def test_presence_in_training_is_a_choice_with_a_gradient(model):
    batch = model.batch(small_jets(20))
    latent = torch.randn(20, model.config.latent_dim, dtype=torch.float64)
    found = []
    for temperature in (None, 0.7):
        torch.manual_seed(1)
        made = model.decoder.reconstruct(
            latent, batch, JetNoise(batch.key), gumbel_temperature=temperature
        )
        found.append(made.decoded)
    torch.testing.assert_close(found[0].presence, found[1].presence, rtol=0, atol=1e-12)
    weight = model.decoder.multiplicity.weight
    assert not found[0].presence.requires_grad
    assert torch.autograd.grad(found[1].presence.square().sum(), weight)[0].abs().max() > 0


def test_shapes(model):
    decoded, merged = decode(model, 7), model.normalization
    slots, orders = merged.max_particles, len(merged.hyperedge_orders)
    assert decoded.multiplicity_logits.shape == decoded.presence.shape == (7, slots)
    assert decoded.log_coordinates.shape == (7, slots, 3)
    assert decoded.edges.shape == (7, slots * (slots - 1) // 2, 5)
    assert decoded.hyperedges.fraction_logits.shape == (7, orders, merged.binning.size)
    assert decoded.hyperedges.log_weight.shape == (7, orders, merged.binning.size)
    assert decoded.jet.shape == (7, 3)


@pytest.mark.parametrize("spread", [1.0, 1e3])
def test_particles_stay_within_the_radius_and_the_range(model, spread):
    coordinates = decode(model, 200, spread).log_coordinates
    assert torch.isfinite(coordinates).all()
    assert coordinates[..., :2].norm(dim=-1).max() <= model.config.radius * (1 + 1e-12)
    low, high = LN_PTREL_RANGE
    assert coordinates[..., 2].min() >= low
    assert coordinates[..., 2].max() <= high


@pytest.mark.parametrize("kind", ["slim", "full"])
@pytest.mark.parametrize(
    "transformation", [GENERAL, boost(1.5, (0.0, 0.0, 1.0)), rotation(1.0, 1)], ids=repr
)
def test_coordinates_stay_when_the_references_transform(normalization, kind, transformation):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g"], {**MODEL, "lgatr": kind}).double().eval()
    references = jet_tetrad(torch.zeros(1, dtype=torch.float64))
    expected = decode(model)
    turned = decode(model, references=references @ transformation.T)
    for name in ("log_coordinates", "edges", "jet", "presence"):
        torch.testing.assert_close(
            getattr(turned, name), getattr(expected, name), rtol=0, atol=1e-9
        )
    assert expected.log_coordinates.std() > 1e-3


def test_other_references_change_the_output(model):
    squeezed = torch.diag(torch.tensor([1.0, 1.5, 0.7, 1.0], dtype=torch.float64))
    assert not torch.allclose(
        decode(model, references=squeezed).log_coordinates, decode(model).log_coordinates
    )


def test_vectors_carry_the_particles(model, monkeypatch):
    expected = decode(model).log_coordinates
    network = model.decoder.particles.network
    forward = network.forward
    monkeypatch.setattr(
        network, "forward", lambda vectors, *rest: forward(torch.zeros_like(vectors), *rest)
    )
    assert (decode(model).log_coordinates - expected).abs().amax(dim=(1, 2)).min() > 1e-4


def test_unused_slots_do_not_change_used_ones(model):
    decoder = model.decoder
    torch.manual_seed(4)
    latent = torch.randn(3, model.config.latent_dim, dtype=torch.float64)
    state = decoder.latent_state(latent, torch.zeros(3, dtype=torch.int64))
    presence = torch.zeros(3, decoder.slots, dtype=torch.float64)
    presence[:, :4] = 1
    kinds = torch.zeros(3, dtype=torch.int64)
    jets = LatentJets(state, latent, kinds, jet_tetrad(latent), presence)
    with torch.no_grad():
        before = decoder.particles.decode(jets, {}, WHOLE).log_coordinates
        decoder.particles.slot_embedding[4:] += 3.0
        after = decoder.particles.decode(jets, {}, WHOLE).log_coordinates
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=1e-12)
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_the_type_and_the_latent_reach_all_outputs(model):
    torch.manual_seed(4)
    latent = torch.randn(2, model.config.latent_dim, dtype=torch.float64)
    latent[1] = latent[0]
    noise = torch.zeros(2, model.normalization.max_particles, dtype=torch.float64)
    for kinds, values in (([0, 1], latent), ([0, 0], latent * torch.tensor([[1.0], [2.0]]))):
        with torch.no_grad():
            decoded = model.decoder.decode(
                values, torch.tensor(kinds), {"multiplicity": noise}, sampling=WHOLE
            )
        for name in ("log_coordinates", "edges", "jet", "multiplicity_logits"):
            one, other = getattr(decoded, name)
            assert (one - other).abs().max() > 1e-6, name
        one, other = decoded.hyperedges.fraction_logits
        assert (one - other).abs().max() > 1e-6


def test_the_tetrad_is_orthonormal():
    tetrad = jet_tetrad(torch.zeros(1, dtype=torch.float64))
    products = minkowski(tetrad.unsqueeze(1), tetrad.unsqueeze(0))
    assert torch.equal(products, torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)))


def test_the_multiplicity_starts_at_that_of_the_training_jets(model):
    counts = torch.from_numpy(model.normalization.multiplicity[1:]).double()
    logits = decode(model, 400).multiplicity_logits
    found = torch.softmax(logits, dim=1).mean(0)
    assert (found - counts / counts.sum()).abs().max() < 0.15

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from hypervae.data.jets import Jets
from hypervae.model import HyperVAE, make_batch
from hypervae.model.inputs import HYPERGRAPH
from tests.unit.chain import MODEL, small_jets
from tests.unit.model.lorentz import boost, rotation


@pytest.fixture
def batch(normalization):
    return make_batch(small_jets(12, seed=5), normalization, dtype=torch.float64)


def latent(model, batch):
    with torch.no_grad():
        return torch.cat(model.encoder(batch), dim=-1)


def same(one, other, tolerance=1e-6):
    torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def differ(one, other):
    assert ((one - other).abs().amax(dim=1) > 1e-5).all()


def test_latents_tell_jets_apart_and_are_finite(model, batch):
    found = latent(model, batch)
    assert torch.isfinite(found).all()
    assert (found.std(dim=0) > 1e-3).all()


@pytest.mark.parametrize("tokens", ["binned", "mlp"])
def test_more_slots_do_not_change_the_latent(model, normalization, tokens):
    jets = small_jets(12, seed=5)
    padded = Jets(np.pad(jets.particle_features, [(0, 0), (0, 5), (0, 0)]), jets.jet_features)
    one, other = (
        make_batch(j, normalization, dtype=torch.float64, encoder=tokens) for j in (jets, padded)
    )
    assert one.edges.shape != other.edges.shape
    same(latent(model, one), latent(model, other))


def test_what_stands_in_padding_does_not_matter(model, batch):
    expected = latent(model, batch)
    for name, absent in (
        ("momenta", ~batch.mask),
        ("edges", ~batch.edge_mask),
        ("hyperedges", batch.hyperedge_count == 0),
    ):
        assert absent.any()
        values = getattr(batch, name).clone()
        values[absent] = 3.0
        same(latent(model, replace(batch, **{name: values})), expected)
    pad = torch.nn.functional.pad
    longer = replace(
        batch,
        hyperedges=pad(batch.hyperedges, (0, 0, 0, 4), value=2.0),
        hyperedge_order=pad(batch.hyperedge_order, (0, 4)),
        hyperedge_count=pad(batch.hyperedge_count, (0, 4)),
    )
    same(latent(model, longer), expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-4)])
def test_companions_do_not_change_the_latent(model, normalization, dtype, tolerance):
    jets = small_jets(12, seed=5)
    model = copy.deepcopy(model).to(dtype)
    together = latent(model, make_batch(jets, normalization, dtype=dtype))
    for row in range(len(jets)):
        alone = make_batch(jets[np.array([row])], normalization, dtype=dtype)
        same(latent(model, alone)[0], together[row], tolerance)


def test_the_order_of_particles_pairs_and_sets_does_not_matter(model, batch):
    turned = replace(batch)
    generator = torch.Generator().manual_seed(1)
    for names in (
        ("momenta", "coordinates", "mask"),
        ("edges", "edge_mask"),
        ("hyperedges", "hyperedge_order", "hyperedge_count"),
    ):
        size = getattr(batch, names[0]).shape[1]
        order = torch.randperm(size, generator=generator)
        for name in names:
            setattr(turned, name, getattr(batch, name)[:, order])
    same(latent(model, turned), latent(model, batch))


@pytest.mark.parametrize("cross_attention", [True, False])
def test_one_token_a_bin_equals_one_a_set_without_ln_w(normalization, cross_attention):
    # Sets of one order and bin differ in ln w alone: without it, counts and sets pool to the same.
    options = {"hyperedge_log_weight": False, "hyperedge_weight_sum": False}
    found = []
    for mode in ("binned", "mlp", "chunked"):
        torch.manual_seed(3)
        config = {**MODEL, **options, "hyperedge_encoder": mode, "cross_attention": cross_attention}
        model = HyperVAE(normalization, ["g"], {**config, "hyperedge_chunk": 40}).double().eval()
        batch = model.batch(small_jets(12, seed=5))
        found.append(latent(model, batch))
    same(found[0], found[1])
    same(found[0], found[2])


@pytest.mark.parametrize("kind", ["slim", "full"])
def test_rotations_about_the_beam_leave_the_latent(normalization, batch, kind):
    torch.manual_seed(3)
    model = HyperVAE(normalization, ["g"], {**MODEL, "lgatr": kind}).double().eval()
    batch = replace(batch, jet_type=torch.zeros_like(batch.jet_type))
    expected = latent(model, batch)
    for angle in (0.1, 2.0, -3.0):
        turned = replace(batch, momenta=batch.momenta @ rotation(angle).T)
        same(latent(model, turned), expected)


@pytest.mark.parametrize(
    "transformation",
    [boost(0.8, (0.4, 0.5, 0.7)), boost(0.8, (1.0, 0.0, 0.0)), rotation(0.5, 1)],
    ids=["boost", "boost along the jet", "rotation"],
)
def test_other_transformations_change_it(model, batch, transformation):
    differ(
        latent(model, replace(batch, momenta=batch.momenta @ transformation.T)),
        latent(model, batch),
    )


def mirrored(jets):
    particles = jets.particle_features.copy()
    particles[..., 1] *= -1
    return Jets(particles, jets.jet_features, jet_type=jets.jet_type)


def test_a_jet_and_its_mirror_image_differ(model, normalization):
    jets = small_jets(12, seed=5)
    jets = jets[jets.multiplicity > 2]
    one, other = (
        latent(model, make_batch(j, normalization, dtype=torch.float64))
        for j in (jets, mirrored(jets))
    )
    differ(one, other)


@pytest.mark.parametrize("name", ["momenta", "edges", "hyperedges", "jet", "hyperedge_order"])
def test_every_branch_reaches_the_latent(model, batch, name):
    rows = batch.mask.sum(1) > 4
    before = getattr(batch, name)
    after = 1 - before if name == "hyperedge_order" else 1.3 * before + 0.1
    differ(latent(model, replace(batch, **{name: after}))[rows], latent(model, batch)[rows])


def test_vectors_reach_the_latent(model, batch, monkeypatch):
    expected = latent(model, batch)
    network = model.encoder.particles.network
    forward = network.forward
    monkeypatch.setattr(
        network, "forward", lambda vectors, *rest: forward(torch.zeros_like(vectors), *rest)
    )
    differ(latent(model, batch), expected)


def test_jets_without_pairs_and_sets_encode_finitely(model, normalization):
    jets = small_jets(20)[np.arange(2)]
    batch = make_batch(jets, normalization, dtype=torch.float64)
    assert batch.hyperedges.shape[1] == 0
    mean, log_variance = model.encoder(batch)
    (mean.sum() + log_variance.sum()).backward()
    assert torch.isfinite(mean).all()
    assert torch.isfinite(log_variance).all()
    gradients = [p.grad for p in model.encoder.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_a_batch_moves_whole(batch):
    moved = batch.to("meta")
    assert all(tensor.is_meta for tensor in moved.tensors())
    pairs = zip(moved.tensors(), batch.tensors(), strict=True)
    assert all(one.shape == other.shape for one, other in pairs)


@pytest.mark.parametrize("reads", [(), ("edges",), ("hyperedges",)])
def test_what_the_encoder_does_not_read_is_not_there(normalization, batch, reads):
    model = HyperVAE(normalization, ["g"], {**MODEL, "encoder_reads": reads}).double()
    expected = latent(model, batch)
    assert (expected.std(dim=0) > 1e-3).all()
    jets = small_jets(12, seed=5)
    without = make_batch(jets, normalization, dtype=torch.float64, hypergraph=reads)
    for part in HYPERGRAPH:
        assert (getattr(model.encoder, part) is not None) == (part in reads)
        assert (getattr(without, part).shape[1] > 0) == (part in reads)
        changed = replace(batch, **{part: getattr(batch, part) + 1})
        moved = (latent(model, changed) - expected).abs().max()
        assert moved > 1e-5 if part in reads else moved == 0
    same(latent(model, without), expected, 0)

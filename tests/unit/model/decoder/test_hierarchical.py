"""The hierarchical decoder: what the latent vector anchors comes back, whatever the noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hypervae.data.jet_checks import check_jets
from hypervae.kinematics import relative_mass
from hypervae.model import HyperVAE
from hypervae.model.noise import JetNoise
from hypervae.model.posterior import encode_jets
from hypervae.model.references import jet_tetrad, momenta_of
from hypervae.model.sampling import Sampler
from hypervae.model.sampling_config import SamplingConfig
from hypervae.scaffold.analysis import analyse
from hypervae.scaffold.coordinates import Layout, coordinates
from hypervae.scaffold.geometry import scaffold_of
from tests.unit.chain import MODEL, SLOTS, small_jets
from tests.unit.model.lorentz import GENERAL

SUBJETS = 3
LAYOUT = Layout(SUBJETS)
OWN = {"subjets": SUBJETS, "width": 16, "blocks": 2}
TRUNKS = {
    "transformer": {},
    "slim": {"lgatr": "slim", "hierarchical": {**OWN, "trunk": "lgatr"}},
    "full": {"lgatr": "full", "hierarchical": {**OWN, "trunk": "lgatr"}},
}


def make(normalization, types=("g", "q"), **changes):
    torch.manual_seed(3)
    settings = {**MODEL, "decoder": "hierarchical", "hierarchical": OWN, **changes}
    model = HyperVAE(normalization, list(types), settings).double()
    model.fit_decoder([model.batch(small_jets(400, seed=1), type_index=k) for k in (0, 1)])
    # the read-outs start at zero: move them
    for name, parameter in model.decoder.particles.network.named_parameters():
        if name.endswith("weight") and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@pytest.fixture
def model(normalization):
    return make(normalization)


@pytest.fixture(params=TRUNKS)
def any_trunk(normalization, request):
    return make(normalization, **TRUNKS[request.param])


def decode(model, latent, seed=5, **sampling):
    generator = torch.Generator().manual_seed(seed)
    noise = {"shapes": torch.randn(len(latent), SLOTS, 3, generator=generator).double()}
    kinds = torch.zeros(len(latent), dtype=torch.int64)
    with torch.no_grad():
        return model.decoder.decode(latent, kinds, noise, sampling=SamplingConfig(**sampling))


def jets_of(model, decoded):
    """(etarel, phirel, ptrel, mask) by falling ptrel, and (pt, eta, mass, number)."""
    mask = decoded.presence.numpy()[..., None]
    points = decoded.log_coordinates.numpy().copy()
    points[..., 2] = np.exp(points[..., 2])
    particles = np.concatenate([points, np.ones_like(mask)], axis=-1) * mask
    order = np.argsort(-particles[..., 2], axis=1, kind="stable")
    particles = np.take_along_axis(particles, order[..., None], axis=1)
    jet = model.normalization.jet.inverse(decoded.jet.numpy())
    features = np.stack([np.exp(jet[:, 0]), jet[:, 1], np.exp(jet[:, 2]), mask[..., 0].sum(1)], 1)
    return particles, features


def test_the_posterior_is_the_scaffold_beside_what_the_encoder_learns(model):
    batch = model.batch(small_jets(20, seed=7))
    mean, log_variance = model.posterior(batch)
    anchored = model.decoder.anchored
    assert mean.shape == (20, anchored + MODEL["latent_dim"]) == (20, model.latent_dim)
    torch.testing.assert_close(mean[:, :anchored], model.decoder.particles.anchors(batch))
    torch.testing.assert_close(mean[:, anchored:], model.encoder(batch)[0])
    width = (0.5 * log_variance[:, :anchored]).exp()
    torch.testing.assert_close(width, torch.full_like(width, 0.03))


@pytest.mark.parametrize("latent_dim", [0, 4])
def test_reconstructions_keep_mass_multiplicity_and_subjets(normalization, latent_dim):
    model = make(normalization, latent_dim=latent_dim)
    assert (model.encoder is None) == (latent_dim == 0)
    jets = small_jets(60, seed=9)
    found = encode_jets(model, [model.batch(jets)])
    particles, features = jets_of(model, decode(model, found.mean))
    assert (features[:, 3] == jets.multiplicity).all()
    np.testing.assert_allclose(
        relative_mass(particles), relative_mass(jets.particle_features), rtol=0.05, atol=0.005
    )
    np.testing.assert_allclose(features[:, 0], jets.jet_features[:, 0], rtol=0.02)
    np.testing.assert_allclose(features[:, 2], jets.jet_features[:, 2], rtol=0.05, atol=1.0)
    several = jets.multiplicity > 3
    true = analyse(jets.particle_features, jets.jet_features, LAYOUT)
    made = analyse(particles, features, LAYOUT)
    for name in ("ln_sum_ptrel", "ln_jet_pt"):
        column = [c.name for c in coordinates(LAYOUT)].index(name)
        close = np.abs(true.coordinates - made.coordinates)[several, column]
        assert np.median(close) < 0.02, name


def test_the_same_latent_vector_has_the_same_subjets_and_other_ones_have_others(model):
    latent = torch.randn(30, model.latent_dim, generator=torch.Generator().manual_seed(2)).double()
    one, other = decode(model, latent, seed=1), decode(model, latent, seed=2)
    torch.testing.assert_close(one.jet, other.jet, rtol=0, atol=0)
    assert torch.equal(one.presence, other.presence)
    masses = [relative_mass(jets_of(model, some)[0]) for some in (one, other)]
    np.testing.assert_allclose(*masses, rtol=1e-6)
    moved = (one.log_coordinates - other.log_coordinates).abs().amax(-1)
    # the axes are particles, and they stand where the scaffold says, up to the unit of lengths
    scaffold = scaffold_in(model, latent)
    assert (
        (moved > 1e-3).any(dim=1)[scaffold.multiplicities.amax(1) > 2].all()
    )  # lone ones are not free
    several = scaffold.multiplicities[:, 4] > 0
    for decoded in (one, other):
        axes = axes_of(decoded, scaffold.multiplicities)[:, ::2]
        found, wanted = distances(axes)[several], distances(scaffold.axes[:, ::2])[several]
        torch.testing.assert_close(found[:, 1] / found[:, 0], wanted[:, 1] / wanted[:, 0])
        torch.testing.assert_close(found[:, 2] / found[:, 0], wanted[:, 2] / wanted[:, 0])
    changed = decode(model, latent + 0.5, seed=1)
    assert (changed.jet - one.jet).abs().min() > 1e-3


def scaffold_in(model, latent):
    particles = model.decoder.particles
    kinds = torch.zeros(len(latent), dtype=torch.int64)
    values = particles.scores.inverse(latent[:, : particles.anchored], kinds)
    return scaffold_of(values, LAYOUT, SLOTS)


def axes_of(decoded, counts):
    """[B, C, 2] where the first particle of each cell is; of missing ones anywhere."""
    starts = (counts.cumsum(1) - counts).clamp(max=SLOTS - 1)
    places = decoded.log_coordinates[..., :2]
    return places.gather(1, starts.unsqueeze(-1).expand(-1, -1, 2))


def distances(axes):
    """[B, 3] between the axes 0 and 1, 0 and 2, 1 and 2."""
    return torch.stack(
        [(axes[:, a] - axes[:, b]).norm(dim=-1) for a, b in ((0, 1), (0, 2), (1, 2))], 1
    )


@pytest.mark.parametrize("prior", ["normal", "gaussian", "flow", "autoregressive"])
@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_jets_are_physical_whatever_the_prior_draws(normalization, prior, spread):
    model = make(normalization, prior=prior)
    sampling = SamplingConfig(hypergraph=True, temperature=spread, evaluations=3)
    mix = {"g": 1, "q": 1}
    # far from what it learned a mass may be above 50 TeV: such jets are drawn again
    drawn = Sampler(model, seed=1, mix=mix, sampling=sampling).draw(200).jets
    check_jets(drawn, "sample")
    sample = Sampler(model, seed=1, mix=mix, sampling=replace(sampling, check=False)).draw(200)
    assert np.isfinite(sample.jets.particle_features).all()
    assert np.isfinite(sample.jets.jet_features).all()
    assert (sample.jets.jet_features[:, 0] > 0).all()
    assert (sample.jets.particle_features[sample.jets.mask][:, 2] > 0).all()
    assert len(set(sample.jets.multiplicity)) > 3
    assert sample.decoded.multiplicity_logits is None
    assert sample.decoded.edges.shape == (200, SLOTS * (SLOTS - 1) // 2, 5)


def test_the_order_in_which_numbers_are_drawn_is_a_choice(normalization):
    def rest(**changes):
        return make(normalization, **changes).prior.rest.tolist()

    listed = rest(prior="autoregressive")
    outside, free = len(coordinates(LAYOUT)) - 18, listed[len(coordinates(LAYOUT)) - 18 :]
    assert listed == [*range(outside), *free]
    assert rest(prior="autoregressive", prior_order="parts_first") == [*range(outside)][::-1] + free
    assert rest(prior="flow", prior_order="parts_first") == listed


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_jets_of_few_particles_come_back(model, count):
    jets = small_jets(40, seed=3)
    jets = jets[jets.multiplicity >= count]
    jets.particle_features[:, count:] = 0.0
    jets.jet_features[:, 3] = count
    found = encode_jets(model, [model.batch(jets)])
    assert torch.isfinite(found.mean).all()
    particles, _ = jets_of(model, decode(model, found.mean))
    assert (particles[..., 3].sum(1) == count).all()
    assert np.isfinite(particles).all()
    made, _, _ = model(model.batch(jets), JetNoise(None))
    assert torch.isfinite(made.losses["shapes"]).all()
    if count == 1:
        assert (made.losses["shapes"] == 0).all()


def test_momenta_transform_along_with_the_references(any_trunk):
    model = any_trunk
    latent = torch.randn(10, model.latent_dim, generator=torch.Generator().manual_seed(2)).double()
    tetrad = jet_tetrad(latent)
    kinds, moved = torch.zeros(10, dtype=torch.int64), tetrad @ GENERAL.T
    noise = {"shapes": torch.randn(10, SLOTS, 3).double()}
    with torch.no_grad():
        one = model.decoder.decode(latent, kinds, noise, references=tetrad).log_coordinates
        other = model.decoder.decode(latent, kinds, noise, references=moved).log_coordinates
    torch.testing.assert_close(
        momenta_of(other, moved), momenta_of(one, tetrad) @ GENERAL.T, rtol=1e-9, atol=1e-9
    )


def scaffolds_of_turned(jets, angle, layout):
    """Scaffolds of jets, and of the same jets turned about their axes."""
    turned = jets[slice(None)]
    turned.particle_features = jets.particle_features.copy()
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = np.moveaxis(jets.particle_features[..., :2], -1, 0)
    turned.particle_features[..., 0] = cosine * x - sine * y
    turned.particle_features[..., 1] = sine * x + cosine * y
    return [analyse(some.particle_features, some.jet_features, layout) for some in (jets, turned)]


@pytest.mark.parametrize("angle", [0.3, 2.0, -1.2])
@pytest.mark.parametrize(
    ("layout", "reach"),
    [
        (LAYOUT, np.inf),
        (Layout(SUBJETS, True, 0.4, True, "isotropic"), np.inf),
        (Layout(SUBJETS, True, 0.4, True, "directed"), 0.4),
    ],
    ids=["no edge", "isotropic", "directed"],
)
def test_a_turned_jet_has_the_same_shapes_and_another_angle(layout, reach, angle):
    """The frame of the scaffold turns along with the jet about its axis, to rounding.

    A jet of one particle has no direction but from the axis, and no frame of its own. A directed
    edge knows where the beam is, beyond the radius alone.
    """
    jets = small_jets(200, seed=4)
    jets = jets[jets.multiplicity > 1]
    jets.particle_features = jets.particle_features.astype(np.float64)
    far = np.linalg.norm(jets.particle_features[..., :2], axis=-1).max(1) > reach
    names = [coordinate.name for coordinate in coordinates(layout)]
    # where the jet points, and its mass, which rotations in (eta, phi) leave only nearly
    free = {"theta", "mirror_eta", "mirror_phi", "jet_eta", "ln_mass", "ln_mass_ratio"}
    same = [place for place, name in enumerate(names) if name not in free]
    one, other = scaffolds_of_turned(jets[~far], angle, layout)
    np.testing.assert_array_equal(one.multiplicities, other.multiplicities)
    np.testing.assert_allclose(one.offsets, other.offsets, atol=1e-6)
    np.testing.assert_allclose(
        one.coordinates[:, same], other.coordinates[:, same], rtol=1e-6, atol=1e-6
    )
    assert far.any() == (layout.edge == "directed")
    if far.any():
        one, other = scaffolds_of_turned(jets[far], angle, layout)
        moved = np.abs(one.coordinates - other.coordinates)[:, same]
        assert (np.nanmax(moved, axis=1) > 1e-3).all()


def test_the_same_noise_makes_the_same_jets_in_any_batch(any_trunk):
    model = any_trunk
    latent = torch.randn(30, model.latent_dim, generator=torch.Generator().manual_seed(2)).double()
    kinds = torch.arange(30) % 2
    noise = torch.randn(30, SLOTS, 3, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        whole = model.decoder.decode(latent, kinds, {"shapes": noise}).log_coordinates
        for rows in (slice(0, 1), slice(3, 20), [7, 2]):
            part = model.decoder.decode(latent[rows], kinds[rows], {"shapes": noise[rows]})
            torch.testing.assert_close(part.log_coordinates, whole[rows], rtol=0, atol=1e-9)


def test_the_error_trains_the_network_and_the_encoder(any_trunk):
    model = any_trunk.train()
    batch = model.batch(small_jets(60, seed=6))
    made, mean, _ = model(batch, JetNoise(batch.key))
    mean.retain_grad()
    (made.losses["shapes"].mean() + made.decoded.edges.square().mean()).backward()
    for name, parameter in model.decoder.particles.named_parameters():
        assert parameter.grad is not None, name
        # vectors have no scalar component, and none is read
        if not name.endswith(("linear_in.mvs2s.weight", "linear_out.s2mvs.weight", "s2mvs.bias")):
            assert parameter.grad.abs().max() > 0, name
    assert any(p.grad is not None and p.grad.any() for p in model.encoder.parameters())


def test_training_lowers_the_error_where_particles_prefer_a_side(normalization):
    torch.manual_seed(3)
    settings = {**MODEL, "decoder": "hierarchical", "hierarchical": OWN, "latent_dim": 0}
    model = HyperVAE(normalization, ["g"], settings)
    batch = model.batch(small_jets(600, seed=6))
    offsets = batch.particle_targets.offsets
    batch.particle_targets.offsets = torch.stack(
        [offsets.norm(dim=-1), torch.zeros_like(offsets[..., 0])], dim=-1
    )
    model.fit_decoder([batch])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    errors = []
    for step in range(40):
        torch.manual_seed(step)
        part = batch[torch.randperm(600)[:100]]
        made, _, _ = model(part, JetNoise(part.key), hypergraph=False)
        loss = made.losses["shapes"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(float(loss.detach()))
    assert np.mean(errors[-10:]) < 0.8 * np.mean(errors[:5])


def test_tables_are_saved_with_the_weights(model, chain, tmp_path):
    model.float().save(tmp_path / "model", chain.normalization)
    loaded = HyperVAE.load(tmp_path / "model")
    jets = small_jets(20, seed=7)
    one, other = (encode_jets(some, [some.batch(jets)]).mean for some in (model, loaded))
    torch.testing.assert_close(one, other)
    first, second = (some.generate(20, seed=2, jet_type="g") for some in (model, loaded))
    np.testing.assert_allclose(first.particle_features, second.particle_features, atol=1e-6)

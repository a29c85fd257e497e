import numpy as np
import pytest
import torch

from hypervae.model import ModelConfig, solvers
from hypervae.model.decoder import flow
from hypervae.model.decoder.coordinates import LN_PTREL_RANGE
from hypervae.model.decoder.flow import FlowParticles
from hypervae.model.decoder.interface import LatentJets
from hypervae.model.noise import JetNoise
from hypervae.model.references import jet_tetrad, momenta_of
from hypervae.model.sampling_config import SamplingConfig
from tests.unit.chain import MODEL, small_jets
from tests.unit.model.lorentz import GENERAL, boost

FLOW = {**MODEL, "decoder": "flow"}


@pytest.fixture(params=["slim", "full"])
def particles(normalization, request):
    return make(normalization, lgatr=request.param).double()


def make(normalization, **changes):
    torch.manual_seed(3)
    return FlowParticles(ModelConfig.of({**FLOW, **changes}), normalization, 1)


class Target:
    """What of a batch the decoder reads."""

    def __init__(self, coordinates, mask):
        self.coordinates, self.mask = coordinates * mask.unsqueeze(-1), mask

    def __len__(self):
        return len(self.mask)


@pytest.fixture
def batch():
    jets = small_jets(20, seed=2)
    features = torch.from_numpy(jets.particle_features).double()
    return Target(features[..., :3], torch.from_numpy(jets.mask))


def inputs(particles, n=20, seed=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    state = torch.randn(n, FLOW["hidden"], generator=generator, dtype=dtype)
    noise = torch.randn(n, particles.slots, 3, generator=generator, dtype=dtype)
    count = torch.randint(1, particles.slots + 1, (n, 1), generator=generator)
    presence = (torch.arange(particles.slots) < count).to(dtype)
    return state, presence, jet_tetrad(state), noise


def latent_jets(state, presence, tetrad):
    """What the decoder reads of these; it needs no latent vector."""
    kinds = torch.zeros(len(state), dtype=torch.int64)
    return LatentJets(state, state[:, :0], kinds, tetrad, presence)


def decode(particles, state, presence, tetrad, noise, **sampling):
    jets = latent_jets(state, presence, tetrad)
    return particles.decode(jets, {"particles": noise}, SamplingConfig(**sampling))


def reconstruct(particles, state, presence, tetrad, batch, noise):
    jets = latent_jets(state, presence, tetrad)
    return particles.reconstruct(jets, batch, {"particles": noise}, JetNoise())


def assert_same(one, other, mask, tolerance):
    difference = (one.log_coordinates - other.log_coordinates).abs().amax(-1)
    assert float((difference * mask).max()) < tolerance


@pytest.mark.parametrize("transformation", [GENERAL, boost(2.0, (0, 0, 1))])
def test_coordinates_stay_and_momenta_transform_along_with_the_references(
    particles, transformation
):
    state, presence, tetrad, noise = inputs(particles)
    moved = tetrad @ transformation.T
    with torch.no_grad():
        made = decode(particles, state, presence, tetrad, noise)
        other = decode(particles, state, presence, moved, noise)
    assert_same(made, other, presence, 1e-9)
    expected = momenta_of(made.log_coordinates, tetrad) @ transformation.T
    torch.testing.assert_close(
        momenta_of(other.log_coordinates, moved), expected, rtol=1e-8, atol=1e-8
    )


def test_the_matching_error_does_not_change_with_the_references(particles, batch):
    state, presence, tetrad, noise = inputs(particles)
    found = []
    for references in (tetrad, tetrad @ GENERAL.T):
        torch.manual_seed(1)
        with torch.no_grad():
            found.append(reconstruct(particles, state, presence, references, batch, noise))
    torch.testing.assert_close(
        found[0].losses["matching"], found[1].losses["matching"], rtol=1e-9, atol=1e-9
    )
    assert_same(*found, batch.mask, 1e-9)


def test_the_vectors_matter_and_both_signs_occur(particles):
    state, presence, tetrad, noise = inputs(particles, 40)
    with torch.no_grad():
        made = decode(particles, state, presence, tetrad, noise)
        handle = particles.network.register_forward_pre_hook(
            lambda _, given: (torch.zeros_like(given[0]), *given[1:])
        )
        other = decode(particles, state, presence, tetrad, noise)
        handle.remove()
    used = presence > 0.5
    assert (made.log_coordinates - other.log_coordinates)[used].abs().max() > 1e-3
    for angle in (0, 1):
        assert (
            made.log_coordinates[used][:, angle].min()
            < 0
            < made.log_coordinates[used][:, angle].max()
        )


def test_absent_slots_do_not_influence_the_others(particles, batch):
    state, presence, tetrad, noise = inputs(particles)
    absent = 1 - presence.unsqueeze(-1)
    with torch.no_grad():
        made = decode(particles, state, presence, tetrad, noise)
        other = decode(particles, state, presence, tetrad, noise + 50 * absent)
    assert_same(made, other, presence, 1e-12)
    found = []
    for shift in (0.0, 3.0):
        torch.manual_seed(1)
        batch.coordinates = batch.coordinates + shift * ~batch.mask.unsqueeze(-1)
        away = noise + shift * ~batch.mask.unsqueeze(-1)
        with torch.no_grad():
            found.append(
                reconstruct(particles, state, presence, tetrad, batch, away).losses["matching"]
            )
    torch.testing.assert_close(*found, rtol=0, atol=1e-12)


def test_the_slots_in_training_are_those_of_the_target(particles, batch):
    state, presence, tetrad, noise = inputs(particles)
    found = []
    for given in (presence, torch.ones_like(presence)):
        torch.manual_seed(1)
        found.append(reconstruct(particles, state, given, tetrad, batch, noise).losses["matching"])
    assert torch.equal(*found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_noise_makes_the_same_jets_in_any_batch(normalization, dtype):
    particles = make(normalization).to(dtype)
    state, presence, tetrad, noise = inputs(particles, 30, dtype=dtype)
    with torch.no_grad():
        made = decode(particles, state, presence, tetrad, noise)
        for size in (1, 7, 30):
            for start in range(0, 30, size):
                rows = slice(start, start + size)
                part = decode(particles, state[rows], presence[rows], tetrad, noise[rows])
                difference = (part.log_coordinates - made.log_coordinates[rows]).abs().amax(-1)
                assert float((difference * presence[rows]).max()) < 1e-5


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_particles_stay_within_the_radius_and_the_range(particles, scale):
    state, presence, tetrad, noise = inputs(particles, 100)
    with torch.no_grad():
        coordinates = decode(particles, state, presence, tetrad, scale * noise).log_coordinates
    assert torch.isfinite(coordinates).all()
    assert coordinates[..., :2].norm(dim=-1).max() <= particles.radius * (1 + 1e-12)
    low, high = LN_PTREL_RANGE
    assert coordinates[..., 2].min() >= low
    assert coordinates[..., 2].max() <= high


def in_units(values, normalization):
    """Coordinates in the units of the normalization, rounded as the decoder holds them."""
    particle = normalization.particle
    offset, scale = (np.float32(part).astype(float) for part in (particle.offset, particle.scale))
    return (values - torch.from_numpy(offset)) / torch.from_numpy(scale)


def test_samples_are_not_squeezed_near_the_axis(normalization):
    particles = make(normalization).double()
    distance = torch.linspace(0, 2, 201, dtype=torch.float64)
    angles = torch.stack([0.6 * distance, -0.8 * distance], dim=-1)
    values = torch.cat([angles, torch.full((201, 1), -3.0, dtype=torch.float64)], dim=-1)
    placed = particles.placed(in_units(values, normalization))
    near = distance <= 0.75 * particles.radius
    torch.testing.assert_close(placed[near], values[near])
    found = placed[:, :2].norm(dim=-1)
    assert (found.diff() > 0).all()
    assert found.diff().max() < 0.0101  # no jump where the squeezing sets in
    assert found[-1] < particles.radius


def test_the_coordinates_are_scaled_as_the_normalization_says(normalization, batch):
    particles = make(normalization).double()
    used = batch.mask
    scaled = particles.scaled(batch.coordinates, used)
    placed = particles.placed(scaled)
    torch.testing.assert_close(placed[used][:, :2], batch.coordinates[used][:, :2])
    torch.testing.assert_close(placed[used][:, 2].exp(), batch.coordinates[used][:, 2])
    assert (scaled[~used] == 0).all()


def test_the_matching_error_of_a_field_at_rest_by_hand(normalization, batch, monkeypatch):
    particles = make(normalization).double()
    particles.draws = 1
    monkeypatch.setattr(
        FlowParticles, "velocity", lambda self, points, *rest: torch.zeros_like(points)
    )
    state, presence, tetrad, noise = inputs(particles)
    made = reconstruct(particles, state, presence, tetrad, batch, noise)
    for jet in range(len(batch)):
        used = batch.mask[jet]
        eta_phi, ptrel = batch.coordinates[jet, used, :2], batch.coordinates[jet, used, 2:]
        data = torch.cat([eta_phi, ptrel.log()], dim=-1)
        data = in_units(data, normalization)
        squared = (data - noise[jet, used]).square().sum() / used.sum()
        assert float(made.losses["matching"][jet]) == pytest.approx(float(squared), rel=1e-6)


def test_the_right_field_has_no_error_and_the_estimate_is_the_jet(
    normalization, batch, monkeypatch
):
    particles = make(normalization).double()
    goal = particles.scaled(batch.coordinates, batch.mask)
    times = []

    def right(self, points, time, *rest):
        times.append(time)
        return (goal.repeat(len(points) // len(goal), 1, 1) - points) / (1 - time)[:, None, None]

    monkeypatch.setattr(FlowParticles, "velocity", right)
    state, presence, tetrad, noise = inputs(particles)
    made = reconstruct(particles, state, presence, tetrad, batch, noise)
    assert float(made.losses["matching"].max()) < 1e-20
    used = batch.mask
    torch.testing.assert_close(made.log_coordinates[used][:, :2], batch.coordinates[used][:, :2])
    torch.testing.assert_close(
        made.log_coordinates[used][:, 2].exp(), batch.coordinates[used][:, 2]
    )
    latest = times[0].reshape(-1, len(batch)).amax(0)
    torch.testing.assert_close(made.trust, latest.square())
    # times are spread evenly over [0, 1]
    assert float(times[0].min()) < 0.2
    assert float(times[0].max()) > 0.8


def test_the_error_trains_everything_and_the_state(particles, batch):
    state, presence, tetrad, noise = inputs(particles)
    state.requires_grad_(True)
    made = reconstruct(particles, state, presence, tetrad, batch, noise)
    (made.losses["matching"].mean() + made.scalars.square().mean()).backward()
    assert (state.grad.abs().sum(1) > 0).all()
    for name, parameter in particles.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            # multivectors come and go as vectors: these see or make their scalar part only
            unused = name.endswith(("linear_in.mvs2s.weight", "s2mvs.weight", "s2mvs.bias"))
            assert unused or parameter.grad.abs().max() > 0, name


def test_what_edges_are_made_of_knows_no_noise(particles, batch):
    state, presence, tetrad, noise = inputs(particles)
    with torch.no_grad():
        one = reconstruct(particles, state, presence, tetrad, batch, noise).scalars
        other = reconstruct(particles, state, presence, tetrad, batch, -noise).scalars
        made = decode(particles, state, batch.mask.double(), tetrad, noise).scalars
    assert torch.equal(one, other)
    torch.testing.assert_close(one, made)


def test_the_solver_is_the_one_that_was_chosen(normalization, monkeypatch):
    particles = make(normalization)
    asked = []

    def record(velocity, start, **options):
        asked.append((options["solver"], options["evaluations"]))
        return solvers.integrate(velocity, start, **options)

    monkeypatch.setattr(flow, "integrate", record)
    given = inputs(particles, 3, dtype=torch.float32)
    with torch.no_grad():
        made = decode(particles, *given)
        other = decode(particles, *given, solver="euler", evaluations=4)
    assert asked == [("midpoint", 10), ("euler", 4)]
    assert not torch.equal(made.log_coordinates, other.log_coordinates)


def two_sided(particles, n, seed):
    """Jets of 1 to 3 particles, all near etarel = +0.2 or all near -0.2."""
    generator = torch.Generator().manual_seed(seed)
    side = torch.randint(0, 2, (n, 1, 1), generator=generator) * 2.0 - 1.0
    count = torch.randint(1, 4, (n, 1), generator=generator)
    values = 0.02 * torch.randn(n, particles.slots, 3, generator=generator)
    values = values + torch.cat([0.2 * side, 0 * side, 0 * side - 2.0], dim=-1)
    coordinates = torch.cat([values[..., :2], values[..., 2:].exp()], dim=-1)
    return Target(coordinates, torch.arange(particles.slots) < count)


def test_training_lowers_the_error_and_samples_have_the_two_modes(normalization):
    particles = make(normalization)
    optimizer = torch.optim.AdamW(particles.parameters(), lr=1e-2)
    steps, errors = 150, []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        jets = two_sided(particles, 16, step)
        torch.manual_seed(step)
        state = torch.zeros(16, FLOW["hidden"])
        made = reconstruct(
            particles,
            state,
            jets.mask.float(),
            jet_tetrad(state),
            jets,
            torch.randn(16, particles.slots, 3),
        )
        loss = made.losses["matching"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(float(loss.detach()))
    assert sum(errors[-20:]) < 0.6 * sum(errors[:20])
    state, _, tetrad, noise = inputs(particles, 1000, dtype=torch.float32)
    mask = two_sided(particles, 1000, steps).mask
    with torch.no_grad():
        made = decode(particles, torch.zeros_like(state), mask.float(), tetrad, noise)
    eta, phi, ln_ptrel = made.log_coordinates.unbind(-1)
    right = eta[:, 0] > 0
    assert 0.4 < float(right.float().mean()) < 0.6
    # two narrow modes and nearly nothing between them
    assert float(((eta[mask].abs() - 0.2).abs() < 0.1).float().mean()) > 0.9
    # the particles of a jet are on one side
    pairs = mask[:, 1]
    assert float((right == (eta[:, 1] > 0))[pairs].float().mean()) > 0.95
    assert float(phi[mask].abs().mean()) < 0.05
    assert float(ln_ptrel[mask].mean()) == pytest.approx(-2.0, abs=0.1)

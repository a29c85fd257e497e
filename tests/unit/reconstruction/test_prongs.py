"""Reconstructions of jets that a model never saw: their prongs and their mass."""

import numpy as np
import pytest
import torch

from hypervae import HyperVAE
from hypervae.kinematics import relative_mass
from hypervae.scaffold.clustering import winner_takes_all_axes
from tests.unit.evaluation.jets import top_jets

JETS = 400
NEAR = 0.05


def subjets(jets):
    """Axes [n, 3, 2] of the exclusive kT subjets, and their shares [n, 3] of the pT."""
    particles = jets.particle_features.astype(float)
    weight = particles[..., 2] * jets.mask
    index, _ = winner_takes_all_axes(
        particles[..., 0], particles[..., 1], weight, jets.multiplicity.astype(np.int64), 3
    )
    axes = np.take_along_axis(particles[..., :2], np.maximum(index, 0)[..., None], axis=1)
    axes[index < 0] = np.inf
    far = np.linalg.norm(particles[:, :, None, :2] - axes[:, None], axis=-1)
    own = far.argmin(-1)
    share = np.stack([(weight * (own == subjet)).sum(1) for subjet in range(3)], axis=1)
    return axes, share / share.sum(1, keepdims=True)


def kept(jets, others):
    """Share of the pT in subjets whose axis is one of the other jet's, too, for each jet."""
    (axes, share), (there, _) = subjets(jets), subjets(others)
    with np.errstate(invalid="ignore"):
        far = np.linalg.norm(axes[:, :, None] - there[:, None], axis=-1)
    return (share * (np.nan_to_num(far, nan=np.inf).min(2) < NEAR)).sum(1)


@pytest.fixture(scope="module")
def reconstructed():
    model, jets = HyperVAE.pretrained("t"), top_jets()[:JETS]
    posterior = model.encode(jets)
    noise = torch.randn(posterior.mean.shape, generator=torch.manual_seed(2))
    latents = posterior.mean + posterior.width * noise  # a draw, not the mean
    return jets, latents, model.decode(latents, seed=1), model.decode(latents, seed=2)


def test_reconstructions_keep_the_prongs(reconstructed):
    jets, _, decoded, _ = reconstructed
    assert kept(jets, decoded).mean() > 0.9
    assert kept(jets, decoded[np.roll(np.arange(JETS), 1)]).mean() < 0.7


def test_reconstructions_keep_the_mass(reconstructed):
    jets, _, decoded, _ = reconstructed
    masses = [relative_mass(some.particle_features) for some in (jets, decoded)]
    assert np.corrcoef(masses)[0, 1] > 0.99
    assert np.polyfit(*masses, 1)[0] == pytest.approx(1, abs=0.02)


def test_a_latent_vector_has_its_subjets_and_another_one_has_others(reconstructed):
    _, _, one, again = reconstructed
    assert not np.array_equal(one.particle_features, again.particle_features)
    assert kept(one, again).mean() > 0.9
    assert kept(one, again[np.roll(np.arange(JETS), 1)]).mean() < 0.7

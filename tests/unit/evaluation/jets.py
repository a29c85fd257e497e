"""Jets of the evaluation's tests."""

from pathlib import Path

import numpy as np

from hypervae.data.jets import Jets, sort_particles

TOP_JETS = Path(__file__).resolve().parents[2] / "data/top_jets.npz"


def top_jets() -> Jets:
    """2,500 top jets, in half precision.

    By ``hypervae simulate --jet-type t --jets 2500 --seed 20``.
    """
    with np.load(TOP_JETS) as file:
        values = file["particles"].astype(np.float32)
        mask = (values[..., 2:] > 0).astype(np.float32)
        return Jets(np.concatenate([values, mask], axis=-1), file["jets"], jet_type="t")


def changed(jets: Jets, particles: np.ndarray) -> Jets:
    """The same jets with other particles, sorted again."""
    return sort_particles(
        Jets(particles.astype(np.float32), jets.jet_features, jet_type=jets.jet_type)
    )


def stretched(jets: Jets, factor: float) -> Jets:
    """The same jets with all angles times a factor."""
    particles = jets.particle_features.copy()
    particles[..., :2] *= np.float32(factor)
    return changed(jets, particles)


def rotated(jets: Jets, seed: int = 0) -> Jets:
    """Each jet turned by an angle of its own about its axis, in the (etarel, phirel) plane."""
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, (len(jets), 1))
    particles = jets.particle_features.astype(np.float64)
    eta, phi = particles[..., 0].copy(), particles[..., 1].copy()
    particles[..., 0] = np.cos(angle) * eta - np.sin(angle) * phi
    particles[..., 1] = np.sin(angle) * eta + np.cos(angle) * phi
    return changed(jets, particles)


def without(jets: Jets, which: str) -> Jets:
    """The same jets without their hardest or softest particle (where they have two)."""
    particles = jets.particle_features.copy()
    several = np.flatnonzero(jets.multiplicity > 1)
    place = 0 if which == "hardest" else jets.multiplicity[several] - 1
    particles[several, place] = 0.0
    return changed(jets, particles)


def pairs(angle: float, share: float, n: int = 20) -> Jets:
    """Jets of two particles, an angle apart, the softer with a share of the pT."""
    particles = np.zeros((n, 30, 4), dtype=np.float32)
    particles[:, 0] = (0.0, 0.0, 1 - share, 1.0)
    particles[:, 1] = (0.6 * angle, 0.8 * angle, share, 1.0)
    jets = np.tile(np.array([1000.0, 0.5, 100.0, 2.0], dtype=np.float32), (n, 1))
    return Jets(particles, jets, jet_type="g")

"""Fake jets for tests: quick to make and of plausible shape; they prove no physics."""

from __future__ import annotations

import numpy as np

from hypervae.data.jets import Jets

# Mean multiplicity, angular width and mean pT [GeV] of the toys: different enough to tell apart.
_SHAPES = {
    "g": (26.0, 0.10, 1130.0),
    "q": (20.0, 0.07, 1020.0),
    "t": (28.0, 0.14, 1000.0),
    "w": (23.0, 0.12, 1000.0),
    "z": (24.0, 0.13, 1010.0),
}


def toy_jets(n: int, seed: int = 0, jet_type: str = "g", max_particles: int = 30) -> Jets:
    """Sorted, masked jets whose ptrel sum to less than 1.

    Parameters
    ----------
    n : int
    seed : int
    jet_type : str
    max_particles : int
        Particle slots.
    """
    generator = np.random.default_rng([seed, ord(jet_type)])
    multiplicity, width, pt = _SHAPES[jet_type]
    count = np.clip(generator.normal(multiplicity, 4, n).round(), 1, max_particles).astype(int)
    mask = np.arange(max_particles) < count[:, None]
    ptrel = generator.gamma(0.5, size=mask.shape) * mask + 1e-4 * mask
    ptrel *= (generator.uniform(0.8, 0.99, n) / ptrel.sum(axis=1))[:, None]
    ptrel = -np.sort(-ptrel, axis=1)
    # Harder particles are closer to the axis.
    angles = generator.normal(0, width, (n, max_particles, 2)) * (1.2 - ptrel[..., None]) ** 2
    particles = np.concatenate(
        [angles * mask[..., None], ptrel[..., None], mask[..., None]], axis=-1
    ).astype(np.float32)
    momentum = generator.normal(pt, 90, n).clip(200, 3000)
    eta = generator.normal(0, 0.8, n)
    mass = momentum * width * generator.uniform(0.7, 1.4, n)
    jets = np.stack([momentum, eta, mass, count], axis=1).astype(np.float32)
    return Jets(particles, jets, jet_type=jet_type)

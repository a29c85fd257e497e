"""Fit jets into a number of particle slots."""

from __future__ import annotations

import numpy as np

from hypervae.data.extra import fit
from hypervae.data.jets import Jets, sort_particles


def fit_slots(jets: Jets, max_particles: int) -> Jets:
    """Keep the hardest `max_particles` of each jet, or add empty slots.

    Parameters
    ----------
    jets : Jets
        particle_features [n, P, 4].
    max_particles : int
        Slots afterwards.

    Returns
    -------
    Jets
        particle_features [n, max_particles, 4], sorted by falling ptrel. num_particles counts the
        kept ones; the other jet features stay those of the full jet.
    """
    jets = sort_particles(jets)
    particles = jets.particle_features[:, :max_particles]
    if particles.shape[1] < max_particles:
        missing = max_particles - particles.shape[1]
        particles = np.pad(particles, [(0, 0), (0, missing), (0, 0)])
    features = jets.jet_features.copy()
    features[:, 3] = particles[..., 3].sum(axis=1)
    extra = fit(jets.extra, max_particles)
    return Jets(particles, features, jets.event_id, jets.split, jets.jet_type, extra)

"""Kinematics of JetNet's coordinates: massless constituents relative to the axis of their jet.

Conventions (JetNet, arXiv:2106.11535): pt = ptrel * pt_jet, eta = etarel + eta_jet, phi = phirel
(the jet sits at phi = 0). Constituents are massless: E = pt cosh(eta), pz = pt sinh(eta).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def wrap_phi(phi: NDArray) -> NDArray:
    """Angle differences [rad] brought into [-pi, pi).

    Parameters
    ----------
    phi : [...]
        [rad]

    Returns
    -------
    [...]
        [rad]
    """
    return (np.asarray(phi) + np.pi) % (2 * np.pi) - np.pi


def four_momenta(particle_features: NDArray, jet_features: NDArray) -> NDArray[np.float64]:
    """Four-momenta of the constituents.

    Parameters
    ----------
    particle_features : [n, P, 4]
        (etarel, phirel [rad], ptrel, mask).
    jet_features : [n, 4]
        (pt [GeV], eta, mass [GeV], num_particles) of the jet.

    Returns
    -------
    [n, P, 4] float64
        (E, px, py, pz) in GeV; zero where the mask is.
    """
    particles = np.asarray(particle_features, dtype=np.float64)
    jets = np.asarray(jet_features, dtype=np.float64)
    eta = particles[..., 0] + jets[:, None, 1]
    phi = particles[..., 1]
    pt = particles[..., 2] * particles[..., 3] * jets[:, None, 0]
    return np.stack(
        [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1
    )


def relative_mass(particle_features: NDArray) -> NDArray[np.float64]:
    """Mass of the kept constituents in units of the full jet's pT (the M of W1M).

    Boosts along the beam leave it alone, so that the jet's own eta does not enter.

    Parameters
    ----------
    particle_features : [n, P, 4]
        (etarel, phirel [rad], ptrel, mask).

    Returns
    -------
    [n] float64
    """
    unit = np.zeros((len(particle_features), 4))
    unit[:, 0] = 1.0
    total = four_momenta(particle_features, unit).sum(axis=1)
    squared = total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0.0))

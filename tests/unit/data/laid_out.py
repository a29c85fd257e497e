"""Jets in layouts, units and angles other than JetNet's."""

from __future__ import annotations

import h5py
import numpy as np

from hypervae.data.jets import Jets
from tests.unit.toys import toy_jets


def jets_of(n=60, seed=3, jet_type="g"):
    """Toy jets whose mean angle to the axis is zero, with azimuths of their axes [n]."""
    jets = toy_jets(n, seed, jet_type)
    particles = jets.particle_features
    weight = particles[..., 2:3] / particles[..., 2].sum(axis=1)[:, None, None]
    mean = (weight * particles[..., :2]).sum(axis=1, keepdims=True)
    particles[..., :2] -= mean * particles[..., 3:]
    return jets, np.random.default_rng(seed).uniform(-np.pi, np.pi, n)


def write(path, particles, features, **attributes):
    """Write an HDF5 file with the names of JetNet's data sets."""
    with h5py.File(path, "w") as file:
        file["particle_features"], file["jet_features"] = particles, features
        file.attrs.update(attributes)
    return path


def particles_as(jets: Jets, phi, columns):
    """The particles of jets [n, P, columns], absent ones zero, in float64."""
    p = jets.particle_features.astype(np.float64)
    pt_jet, eta_jet = (jets.jet_features[:, i, None].astype(np.float64) for i in (0, 1))
    pt, eta = p[..., 2] * pt_jet, p[..., 0] + eta_jet
    azimuth = (p[..., 1] + phi[:, None] + np.pi) % (2 * np.pi) - np.pi
    values = {
        "etarel": p[..., 0],
        "phirel": p[..., 1],
        "ptrel": p[..., 2],
        "mask": p[..., 3],
        "pt": pt,
        "eta": eta,
        "phi": azimuth,
        "m": np.full_like(pt, 0.13957),
        "E": np.hypot(pt * np.cosh(eta), 0.13957),
        "px": pt * np.cos(azimuth),
        "py": pt * np.sin(azimuth),
        "pz": pt * np.sinh(eta),
        "_": np.full_like(pt, 7.0),
    }
    return np.stack([values[name] for name in columns], axis=-1) * p[..., 3:]

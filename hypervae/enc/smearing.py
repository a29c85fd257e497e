"""A smeared copy of jets whose particles know which ones they were: a detector for tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets, sort_particles
from hypervae.errors import ArgumentError
from hypervae.kinematics import wrap_phi

#: The further column that says which slot of the truth a particle comes from, plus 1; 0 of a fake.
MATCH = "match"


@dataclass(frozen=True)
class Detector:
    """What smearing does to each particle, on its own.

    Attributes
    ----------
    pt : float
        Relative resolution of pT (Gaussian).
    angle : float
        Resolution of eta and of phi [rad] (Gaussian).
    efficiency : float
        Share of particles that are seen; the hardest of a jet always is.
    fakes : float
        Mean number of particles that are added to a jet (Poisson), evenly within `radius`.
    fake_pt : float
        Mean pT of these, in that of the jet (exponential).
    radius : float
    """

    pt: float = 0.05
    angle: float = 0.005
    efficiency: float = 0.95
    fakes: float = 0.5
    fake_pt: float = 0.005
    radius: float = 0.4

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < np.inf or (name == "efficiency" and value > 1):
                expected = "between 0 and 1" if name == "efficiency" else "0 or more"
                raise ArgumentError(name, found=f"{value:g}", expected=expected)


def smear(jets: Jets, detector: Detector, seed: int) -> Jets:
    """A copy of jets as a detector might see them.

    Parameters
    ----------
    jets : Jets
    detector : Detector
    seed : int

    Returns
    -------
    Jets
        Row by row, with slots for the fakes; sorted by pT, with the further column `MATCH`. The
        jet's pT and mass are scaled by the change of the summed pT.
    """
    generator = np.random.default_rng(seed)
    n, slots = jets.mask.shape
    there = jets.mask & (generator.random((n, slots)) < detector.efficiency)
    hardest = (jets.particle_features[..., 2] * jets.mask).argmax(axis=1)
    there[np.arange(n), hardest] = True
    added = np.asarray(generator.poisson(detector.fakes, n))
    more = int(np.max(added, initial=0))
    fake = np.arange(more) < added[:, None]
    seen = jets.particle_features.astype(np.float64)
    seen[..., :2] += detector.angle * generator.normal(size=(n, slots, 2))
    factor = 1 + detector.pt * generator.normal(size=(n, slots))
    seen[..., 2] *= np.maximum(factor, 0.01)
    radius = detector.radius * np.sqrt(generator.random((n, more)))
    turn = 2 * np.pi * generator.random((n, more))
    # not below what a number of 32 bits tells from no particle
    pt = np.maximum(detector.fake_pt * generator.exponential(size=(n, more)), 1e-6)
    ones = np.ones_like(pt)
    noise = np.stack([radius * np.cos(turn), radius * np.sin(turn), pt, ones], axis=-1)
    particles = np.concatenate([seen, noise], axis=1)
    mask = np.concatenate([there, fake], axis=1)
    particles[..., 1] = wrap_phi(particles[..., 1])
    particles[..., 3] = mask
    particles = np.where(mask[..., None], particles, 0.0)
    match = np.concatenate([np.tile(np.arange(1, slots + 1), (n, 1)), np.zeros((n, more))], axis=1)
    scale = particles[..., 2].sum(axis=1) / jets.particle_features[..., 2].sum(axis=1)
    particles[..., 2] /= scale[:, None]
    features = jets.jet_features.astype(np.float64)
    features[:, [0, 2]] *= scale[:, None]
    features[:, 3] = mask.sum(axis=1)
    return sort_particles(
        Jets(
            particles.astype(np.float32),
            features.astype(np.float32),
            jets.event_id,
            jets.split,
            jets.jet_type,
            {MATCH: np.where(mask, match, 0).astype(np.float32)},
        )
    )


def matches(truth: Jets, seen: Jets) -> NDArray[np.int64]:
    """Of each slot of smeared jets, the slot of the truth.

    Parameters
    ----------
    truth, seen : Jets
        Row by row the same jets.

    Returns
    -------
    [n, P] int64
        -1 where there is none. Without the column `MATCH`, slots correspond as they are.

    Raises
    ------
    ArgumentError
        If there are more jets of one than of the other, a match is no slot of the truth with a
        particle, or two particles come from one.
    """
    if len(truth) != len(seen):
        raise ArgumentError(
            "smeared jets", found=f"{len(seen)} jets", expected=f"{len(truth)}, those of the truth"
        )
    slots = np.arange(seen.mask.shape[1])
    given = seen.extra[MATCH].astype(np.int64) - 1 if MATCH in seen.extra else slots
    found = np.where(seen.mask, given, -1)
    slot = np.clip(found, 0, truth.mask.shape[1] - 1)
    real = (slot == found) & np.take_along_axis(truth.mask, slot, axis=1)
    if MATCH not in seen.extra:
        return np.where(real, found, -1)
    wrong = ~real & (found != -1)
    ordered = np.sort(found, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    for bad, expected in (
        (wrong.any(axis=1), "slots of the truth that hold a particle, from 1 on, or 0 of fakes"),
        (twice.any(axis=1), "each particle of the truth once"),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            shown = (found[row][seen.mask[row]] + 1).tolist()
            raise ArgumentError(f"{MATCH} of jet {row}", found=str(shown)[:80], expected=expected)
    return found

"""Physical ranges of jets: one place for all that reads or writes them.

`beyond` judges each value by itself: whatever made a jet, a generator too, its values lie within.
`misread` judges many jets of a file from elsewhere together, for what single values do not show:
other units, angles that are not relative to the axis. `likely_cause` says what a file that was
refused looks like instead. What real jets reach, and how far off the bounds are: docs/data.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import RELATIVE
from hypervae.data.layouts import Layout, guess

#: Of single values: |eta| of a jet and |etarel| of a particle; |phirel| [rad]; ptrel; pT and mass
#: of a jet [GeV], half of the energy of the largest collider that is planned.
HIGHEST_ETA = 10.0
HIGHEST_PHIREL = math.pi + 1e-4
HIGHEST_PTREL = 10.0
HIGHEST_PT = 5e4
#: Of a full jet: far beyond any, and still a number that exports write as an integer.
HIGHEST_COUNT = 1e5
# A massless jet's m^2 rounds to a small negative number, which clustering codes report as a mass of
# -sqrt(-m^2): up to about 0.1 GeV at float32 and 1 TeV.
LOWEST_MASS = -1.0

#: Of many jets together: the median of the sum of ptrel; that of the hardest ptrel; that of |mean
#: angle to the axis|, weighted with pT; how much of a jet's eta is in the etarel of its particles;
#: medians of the jets' pT [GeV] and of mass / pT; and of the particles' mass over the jet's.
HIGHEST_SUM = 1.5
LOWEST_HARDEST = 0.01
FARTHEST_MEAN = 0.5
HIGHEST_SLOPE = 0.5
LOWEST_MEDIAN_PT, HIGHEST_MEDIAN_PT = 2.0, 1e4
HIGHEST_MASS_RATIO = 2.0
HIGHEST_PARTICLE_MASS = 30.0
#: Particle slots of a file: beyond any jet's length, it could ask for all memory.
MOST_PARTICLES = 2_000
#: Fewer jets are judged by the sum of ptrel alone; from so many, the first ones are judged.
FEWEST, JUDGED = 20, 1000


class Breach(NamedTuple):
    """Values out of their range.

    Attributes
    ----------
    field : str
        Dataset and column.
    wrong : [n] or [n, P] bool
        Where.
    values : of the same shape
        What stands there.
    expected : str
        The range.
    """

    field: str
    wrong: NDArray[np.bool_]
    values: NDArray
    expected: str


class Misread(NamedTuple):
    """What is wrong with the jets of a file as a whole.

    Attributes
    ----------
    field, found, expected : str
        As for `hypervae.errors.InputError`.
    """

    field: str
    found: str
    expected: str


def blank_absent(particles: NDArray) -> NDArray:
    """Zeros in slots without a particle, which some fill with -999, NaN or infinity.

    A slot whose mask is 0 but whose ptrel could be a particle's stays, since one of them is wrong;
    `hypervae.data.jet_checks.check_jets` refuses it.

    Parameters
    ----------
    particles : [n, P, 4]
        (etarel, phirel, ptrel, mask).

    Returns
    -------
    [n, P, 4]
        The same array where there is nothing to do.
    """
    ptrel, mask = particles[..., 2], particles[..., 3]
    filler = (mask == 0) & ~((ptrel > 0) & (ptrel <= HIGHEST_PTREL))
    filler &= (particles != 0).any(axis=-1)  # NaN is not 0
    if not filler.any():
        return particles
    return np.where(filler[..., None], np.zeros((), particles.dtype), particles)


def beyond(particles: NDArray, features: NDArray) -> Iterator[Breach]:
    """Values that are out of their range; NaN is, too.

    Parameters
    ----------
    particles : [n, P, 4]
        (etarel, phirel, ptrel, mask); absent ones are not looked at.
    features : [n, 4]
        (pt, eta, mass, num_particles) of the jets.

    Yields
    ------
    Breach
        For each column, whether anything is wrong with it or not.
    """
    kept = particles[..., 3] == 1
    for column, name, most, limit in (
        (0, "etarel", HIGHEST_ETA, f"{HIGHEST_ETA:g}"),
        (1, "phirel", HIGHEST_PHIREL, "pi"),
        (2, "ptrel", HIGHEST_PTREL, f"{HIGHEST_PTREL:g}"),
    ):
        values = particles[..., column]
        size = f"|{name}|" if name != "ptrel" else name
        wrong = kept & ~(np.abs(values) <= most)
        yield Breach(f"particle_features {name}", wrong, values, f"{size} <= {limit}")
    pt, eta, mass, count = features.T
    yield Breach("jet_features pt", ~(pt <= HIGHEST_PT), pt, f"pt <= {HIGHEST_PT:g} GeV")
    yield Breach(
        "jet_features eta", ~(np.abs(eta) <= HIGHEST_ETA), eta, f"|eta| <= {HIGHEST_ETA:g}"
    )
    yield Breach("jet_features mass", ~(mass <= HIGHEST_PT), mass, f"mass <= {HIGHEST_PT:g} GeV")
    wrong = ~((count >= 0) & (count <= HIGHEST_COUNT))
    expected = f"a number from 0 to {HIGHEST_COUNT:g}"
    yield Breach("jet_features num_particles", wrong, count, expected)


def misread(particles: NDArray, features: NDArray) -> Misread | None:
    """What shows that a file from elsewhere has other units or another layout than expected.

    Parameters
    ----------
    particles : [n, P, 4]
        (etarel, phirel, ptrel, mask), absent ones zero.
    features : [n, 4]
        (pt, eta, mass, num_particles) of the jets.

    Returns
    -------
    Misread, optional
        The first thing that is found; None for jets as they should be.
    """
    particles, features = particles.astype(np.float64), features.astype(np.float64)
    ptrel = particles[..., 2]
    total = ptrel.sum(axis=1)
    if np.median(total) > HIGHEST_SUM:
        return Misread(
            "particle_features ptrel",
            f"a median sum of {np.median(total):.3g} in a jet",
            "at most 1, or little more: ptrel is relative to the jet's pT in jet_features, in the "
            "same unit",
        )
    if len(particles) < FEWEST:
        return None
    return (
        _wrong_columns(features)
        or _wrong_pt(features)
        or _wrong_share(ptrel)
        or _wrong_axis(particles, total, features[:, 1])
        or _wrong_mass(particles, features)
    )


def _wrong_columns(features: NDArray[np.float64]) -> Misread | None:
    if not is_with_phi(features):
        return None
    return Misread(
        "jet_features",
        "columns that look like (pt, eta, phi, mass)",
        "(pt, eta, mass, num_particles)",
    )


def _wrong_pt(features: NDArray[np.float64]) -> Misread | None:
    median = np.median(features[:, 0])
    if LOWEST_MEDIAN_PT <= median <= HIGHEST_MEDIAN_PT:
        return None
    unit = "MeV" if median > HIGHEST_MEDIAN_PT else "TeV"
    return Misread(
        "jet_features pt",
        f"a median of {median:.3g}",
        f"{LOWEST_MEDIAN_PT:g} to {HIGHEST_MEDIAN_PT:g} GeV; it may be in {unit} (hypervae import "
        f"takes it with --units {unit})",
    )


def _wrong_share(ptrel: NDArray[np.float64]) -> Misread | None:
    median = np.median(ptrel.max(axis=1))
    if median >= LOWEST_HARDEST:
        return None
    return Misread(
        "particle_features ptrel",
        f"a median of {median:.3g} for the hardest particle of a jet",
        f"at least {LOWEST_HARDEST:g}: ptrel is relative to the jet's pT in jet_features, in the "
        "same unit",
    )


def _wrong_axis(
    particles: NDArray[np.float64], total: NDArray[np.float64], eta: NDArray[np.float64]
) -> Misread | None:
    """Whether angles are not relative to the axis of the jet."""
    mean = (particles[..., 2:3] * particles[..., :2]).sum(axis=1) / total[:, None]
    far = np.median(np.abs(mean), axis=0)
    spread = eta - eta.mean()
    slope = (spread * mean[:, 0]).sum() / (spread**2).sum() if eta.std() > 0.1 else 0.0
    absolute = slope > HIGHEST_SLOPE, far[1] > FARTHEST_MEAN
    if not (any(absolute) or far[0] > FARTHEST_MEAN):
        return None
    column = 0 if absolute[0] or far[0] > FARTHEST_MEAN else 1
    name = RELATIVE[column]
    layout = f"{'eta' if absolute[0] else 'etarel'},{'phi' if absolute[1] else 'phirel'},ptrel,mask"
    hint = (
        f"; hypervae import takes absolute angles with --layout {layout}" if any(absolute) else ""
    )
    followed = f", {slope:.2g} times the jet's eta" if column == 0 and absolute[0] else ""
    return Misread(
        f"particle_features {name}",
        f"means weighted with pT of {far[column]:.3g} in size (median over jets){followed}",
        f"means near 0: {name} is relative to the axis of the jet{hint}",
    )


def _wrong_mass(particles: NDArray[np.float64], features: NDArray[np.float64]) -> Misread | None:
    pt, mass = features[:, 0], features[:, 2]
    ratio = np.median(mass / pt)
    if ratio > HIGHEST_MASS_RATIO:
        return Misread(
            "jet_features mass",
            f"a median of {ratio:.3g} times the pT",
            f"at most {HIGHEST_MASS_RATIO:g}, in GeV as the pT",
        )
    # `kinematics.relative_mass`, written out: with that import its changes would redo downloads
    eta, phi = particles[..., 0], particles[..., 1]
    momenta = particles[..., 2, None] * np.stack(
        [np.cosh(eta), np.cos(phi), np.sin(phi), np.sinh(eta)], axis=-1
    )
    energy, px, py, pz = momenta.sum(axis=1).T
    squared = np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0)
    ratio = np.median(np.sqrt(squared) * pt / np.maximum(mass, 1.0))
    if ratio > HIGHEST_PARTICLE_MASS:
        return Misread(
            "jet_features mass",
            f"particles with a mass {ratio:.3g} times as large (median)",
            "the mass of all of the jet's particles, in GeV as the pT",
        )
    return None


def likely_cause(particles: NDArray, features: NDArray) -> str:
    """What a file that was refused looks like.

    Parameters
    ----------
    particles : [n, P, 4]
        As in the file.
    features : [n, 4]
        Of the jets, as in the file.

    Returns
    -------
    str
        A clause with a proposal; empty where nothing is likely.
    """
    layout = guess(particles[:JUDGED])
    if layout is not None and layout != Layout():
        options = f"--layout {','.join(layout.columns)}" if layout.columns != RELATIVE else ""
        options += " --angles degrees" if layout.angles == "degrees" else ""
        return (
            f"the particles look like {layout}{' in degrees' * (layout.angles == 'degrees')}, "
            f"which hypervae import takes with {options.strip()}"
        )
    with np.errstate(all="ignore"):
        pt = features[:, 0][np.isfinite(features[:, 0])]
        if pt.size and np.median(pt) > HIGHEST_MEDIAN_PT:
            return "momenta may be in MeV, which hypervae import takes with --units MeV"
        if is_with_phi(features):
            return "jet_features look like (pt, eta, phi, mass)"
        if is_standardized(particles) or is_standardized(features[:, None, :3]):
            return "the values look normalized (mean 0, width 1): undo that first"
    return ""


def is_with_phi(features: NDArray) -> bool:
    """Whether jets have an azimuth where their mass should be, and a mass after it.

    Parameters
    ----------
    features : [n, 4]

    Returns
    -------
    bool
    """
    third, last = features[:, 2], features[:, 3]
    angles = np.abs(third) <= 2 * math.pi + 1e-3
    return bool(len(features) >= FEWEST and angles.all() and np.mean(last != np.round(last)) > 0.5)


def is_standardized(values: NDArray) -> bool:
    """Whether the first three columns have means near 0 and widths near 1.

    Parameters
    ----------
    values : [n, P, columns]

    Returns
    -------
    bool
    """
    columns = values[..., :3].reshape(-1, 3).astype(np.float64)
    columns = columns[np.isfinite(columns).all(axis=1) & (columns != 0).any(axis=1)]
    if len(columns) < FEWEST:
        return False
    mean, width = columns.mean(axis=0), columns.std(axis=0)
    return bool((np.abs(mean) < 0.5).all() and (width > 0.5).all() and (width < 2).all())

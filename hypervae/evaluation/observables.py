"""Observables of a sample of jets, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.evaluation.substructure import n_subjettiness, three_point_ratio
from hypervae.kinematics import four_momenta, relative_mass


@dataclass(frozen=True)
class Observable:
    """What an observable is.

    Parameters
    ----------
    description : str
    unit : str
        ``"1"`` if it has none.
    per_particle : bool
        One value a particle, not one a jet.
    log : bool
        Binned in its logarithm.
    integer : bool
        Binned at whole numbers.
    """

    description: str
    unit: str
    per_particle: bool = False
    log: bool = False
    integer: bool = False


#: Kinematics. "Kept" particles are those in the file, at most as many as it has slots; "full jet"
#: is what stands in ``jet_features``: of generated jets, the jet head's.
KINEMATIC: Mapping[str, Observable] = {
    "mass": Observable("mass of the kept particles over the pT of the full jet", "1"),
    "multiplicity": Observable("number of kept particles", "1", integer=True),
    "ptrel": Observable("particle pT over the pT of the full jet", "1", True, log=True),
    "etarel": Observable("particle eta minus jet eta", "1", True),
    "phirel": Observable("particle phi minus jet phi; absolute too, as jets sit at 0", "rad", True),
    "jet_pt": Observable("pT of the full jet (generated: of the jet head)", "GeV"),
    "jet_eta": Observable("eta of the full jet (generated: of the jet head)", "1"),
    "jet_mass": Observable("mass of the full jet (generated: of the jet head)", "GeV"),
    "mass_kept": Observable("mass of the summed four-momenta of the kept particles", "GeV"),
    "pt": Observable("particle pT", "GeV", True, log=True),
    "eta": Observable("particle eta", "1", True),
    "width": Observable("girth: sum of z dR to the jet axis, z = pT over that of all kept", "1"),
}
#: Substructure of the kept particles.
SUBSTRUCTURE: Mapping[str, Observable] = {
    **{
        f"tau{n}": Observable(f"N-subjettiness tau{n}, beta 1, winner-takes-all kT axes", "1")
        for n in (1, 2, 3)
    },
    "tau21": Observable("tau2 over tau1; 0 where tau1 is", "1"),
    "tau32": Observable("tau3 over tau2; 0 where tau2 is", "1"),
    "c2": Observable("C2, beta 1: e3 over e2^2; 0 where e2 is", "1"),
}
OBSERVABLES: Mapping[str, Observable] = {**KINEMATIC, **SUBSTRUCTURE}


@dataclass
class ObservableSample:
    """The observables of a sample.

    Parameters
    ----------
    values : dict of str to [n] or [particles] float64
        By the names of `OBSERVABLES`; values per particle stand in the order of the jets.
    multiplicity : [n] int64
        Particles of each jet: which values belong to which jet.
    """

    values: dict[str, NDArray[np.float64]]
    multiplicity: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.multiplicity)

    def jet_of(self, name: str) -> NDArray[np.int64]:
        """Index of the jet that each value of an observable belongs to."""
        jets = np.arange(len(self))
        return np.repeat(jets, self.multiplicity) if OBSERVABLES[name].per_particle else jets

    def first(self, n: int) -> ObservableSample:
        """The first `n` jets."""
        particles = int(self.multiplicity[:n].sum())
        cut = {
            name: values[: particles if OBSERVABLES[name].per_particle else n]
            for name, values in self.values.items()
        }
        return ObservableSample(cut, self.multiplicity[:n])


def observables(jets: Jets, efps: NDArray[np.float64] | None = None) -> ObservableSample:
    """Compute the observables `KINEMATIC` and, where EFPs are given, `SUBSTRUCTURE`.

    Parameters
    ----------
    jets : Jets
    efps : [n, 36], optional
        As `hypervae.evaluation.efp.efps`.
    """
    mask, multiplicity = jets.mask, jets.multiplicity
    features = jets.jet_features.astype(np.float64)
    particles = jets.particle_features[mask].astype(np.float64)
    jet_pt, jet_eta = (np.repeat(features[:, column], multiplicity) for column in (0, 1))
    values = {
        "mass": relative_mass(jets.particle_features),
        "multiplicity": multiplicity.astype(np.float64),
        "ptrel": particles[:, 2],
        "etarel": particles[:, 0],
        "phirel": particles[:, 1],
        "jet_pt": features[:, 0],
        "jet_eta": features[:, 1],
        "jet_mass": features[:, 2],
        "mass_kept": _mass(jets),
        "pt": particles[:, 2] * jet_pt,
        "eta": particles[:, 0] + jet_eta,
        "width": _width(jets),
    }
    if efps is not None:
        values |= n_subjettiness(jets)
        values["c2"] = three_point_ratio(efps)
    return ObservableSample(values, multiplicity)


def _mass(jets: Jets) -> NDArray[np.float64]:
    """[n] mass [GeV] of the kept particles, in the jets' own frame along the beam.

    Boosts along the beam leave masses alone, and there E^2 - p^2 loses fewest digits.
    """
    features = jets.jet_features.copy()
    features[:, 1] = 0.0
    total = four_momenta(jets.particle_features, features).sum(axis=1)
    squared: NDArray[np.float64] = total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0.0))


def _width(jets: Jets) -> NDArray[np.float64]:
    particles = jets.particle_features.astype(np.float64)
    pt = particles[..., 2] * jets.mask
    angles = np.hypot(particles[..., 0], particles[..., 1])
    width: NDArray[np.float64] = (pt * angles).sum(axis=1) / pt.sum(axis=1)
    return width

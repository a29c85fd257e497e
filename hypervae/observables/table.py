"""The observables: what each is called, how it is computed, where it is drawn, where it counts.

To add one, write its function and its line in `OBSERVABLES`: metrics, figures and tables follow.
"Kept" particles are those in the file, at most as many as it has slots; the "full jet" is what
stands in ``jet_features``: of generated jets, the jet head's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.kinematics import four_momenta, relative_mass
from hypervae.observables.sample import JetSample

#: The figures of an evaluation that show observables, each with as many panels as it needs.
PAGES = ("jets", "particles", "substructure")
#: The figure that TensorBoard shows during the training, and that of reconstructed jets.
TRAINING, RECONSTRUCTION = "training", "reconstruction"


@dataclass(frozen=True)
class Observable:
    """What an observable is.

    Parameters
    ----------
    compute : callable
        From a sample to [n] float64 or, per particle, [particles] float64.
    label : str
        In figures and tables, in matplotlib's mathematics.
    description : str
    figures : tuple of str
        Where it is drawn: of `PAGES`, ``training``, ``reconstruction``.
    group : str
        The group of metrics in which its W1 and its overlap are.
    unit : str
        ``"1"`` if it has none.
    per_particle : bool
        One value a particle, not one a jet.
    log_x : bool
        Binned and drawn in its logarithm.
    log_y : bool
        Drawn with a logarithmic vertical axis, where the tail matters.
    integer : bool
        Whole numbers, with a bin each.
    low : float or None
        No value lies below; None where there is no such bound.
    """

    compute: Callable[[JetSample], NDArray[np.float64]]
    label: str
    description: str
    figures: tuple[str, ...]
    group: str = "observables"
    unit: str = "1"
    per_particle: bool = False
    log_x: bool = False
    log_y: bool = False
    integer: bool = False
    low: float | None = 0.0

    @property
    def axis_label(self) -> str:
        """The label with its unit."""
        return self.label + (f" [{self.unit}]" if self.unit != "1" else "")


def _mass_over_pt(sample: JetSample) -> NDArray[np.float64]:
    return relative_mass(sample.jets.particle_features)


def _multiplicity(sample: JetSample) -> NDArray[np.float64]:
    return sample.jets.multiplicity.astype(np.float64)


def _coordinate(column: int) -> Callable[[JetSample], NDArray[np.float64]]:
    """Of `JetSample.particles`."""
    return lambda sample: sample.particles[:, column]


def _feature(column: int) -> Callable[[JetSample], NDArray[np.float64]]:
    """Of `JetSample.features`."""
    return lambda sample: sample.features[:, column]


def _pt(sample: JetSample) -> NDArray[np.float64]:
    return sample.particles[:, 2] * sample.of_each_particle(sample.features[:, 0])


def _eta(sample: JetSample) -> NDArray[np.float64]:
    return sample.particles[:, 0] + sample.of_each_particle(sample.features[:, 1])


def _mass(sample: JetSample) -> NDArray[np.float64]:
    """In the jets' own frame along the beam.

    Boosts along the beam leave masses alone, and there E^2 - p^2 loses fewest digits.
    """
    features = sample.jets.jet_features.copy()
    features[:, 1] = 0.0
    total = four_momenta(sample.jets.particle_features, features).sum(axis=1)
    squared: NDArray[np.float64] = total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0.0))


def _girth(sample: JetSample) -> NDArray[np.float64]:
    particles = sample.jets.particle_features.astype(np.float64)
    pt = particles[..., 2] * sample.jets.mask
    angles = np.hypot(particles[..., 0], particles[..., 1])
    girth: NDArray[np.float64] = (pt * angles).sum(axis=1) / pt.sum(axis=1)
    return girth


def _c2(sample: JetSample) -> NDArray[np.float64]:
    from hypervae.observables.substructure import three_point_ratio

    return three_point_ratio(sample.efps)


def _subjettiness(name: str, label: str, description: str) -> Observable:
    return Observable(
        lambda sample: sample.subjettiness[name],
        label,
        description,
        ("substructure",),
        group="substructure",
    )


#: By name, in the order of figures and tables.
OBSERVABLES: Mapping[str, Observable] = {
    "mass": Observable(
        _mass_over_pt,
        r"$m^{\mathrm{kept}} / p_T^{\mathrm{jet}}$",
        "mass of the kept particles over the pT of the full jet",
        ("jets", TRAINING, RECONSTRUCTION),
    ),
    "multiplicity": Observable(
        _multiplicity,
        "multiplicity",
        "number of kept particles",
        ("jets", TRAINING, RECONSTRUCTION),
        log_y=True,
        integer=True,
    ),
    "ptrel": Observable(
        _coordinate(2),
        r"$p_T^{\mathrm{rel}}$",
        "particle pT over the pT of the full jet",
        ("particles", TRAINING),
        per_particle=True,
        log_x=True,
        log_y=True,
    ),
    "etarel": Observable(
        _coordinate(0),
        r"$\eta^{\mathrm{rel}}$",
        "particle eta minus jet eta",
        ("particles", TRAINING),
        per_particle=True,
        log_y=True,
        low=None,
    ),
    "phirel": Observable(
        _coordinate(1),
        r"$\phi^{\mathrm{rel}}$",
        "particle phi minus jet phi; absolute too, as jets sit at 0",
        ("particles", TRAINING),
        unit="rad",
        per_particle=True,
        log_y=True,
        low=None,
    ),
    "jet_pt": Observable(
        _feature(0),
        r"$p_T^{\mathrm{jet}}$",
        "pT of the full jet (generated: of the jet head)",
        ("jets", TRAINING, RECONSTRUCTION),
        unit="GeV",
        log_y=True,
    ),
    "jet_eta": Observable(
        _feature(1),
        r"$\eta^{\mathrm{jet}}$",
        "eta of the full jet (generated: of the jet head)",
        ("jets",),
        low=None,
    ),
    "jet_mass": Observable(
        _feature(2),
        r"$m^{\mathrm{jet}}$",
        "mass of the full jet (generated: of the jet head)",
        ("jets",),
        unit="GeV",
    ),
    "mass_kept": Observable(
        _mass,
        r"$m^{\mathrm{kept}}$",
        "mass of the summed four-momenta of the kept particles",
        ("jets",),
        unit="GeV",
    ),
    "pt": Observable(
        _pt,
        r"particle $p_T$",
        "particle pT",
        ("particles",),
        unit="GeV",
        per_particle=True,
        log_x=True,
        log_y=True,
    ),
    "eta": Observable(
        _eta,
        r"particle $\eta$",
        "particle eta",
        ("particles",),
        per_particle=True,
        low=None,
    ),
    "width": Observable(
        _girth,
        r"girth $\sum z\,\Delta R$",
        "girth: sum of z dR to the jet axis, z = pT over that of all kept",
        ("particles",),
    ),
    **{
        f"tau{n}": _subjettiness(
            f"tau{n}",
            rf"$\tau_{n}$",
            f"N-subjettiness tau{n}, beta 1, winner-takes-all kT axes",
        )
        for n in (1, 2, 3)
    },
    "tau21": _subjettiness("tau21", r"$\tau_{21}$", "tau2 over tau1; 0 where tau1 is"),
    "tau32": _subjettiness("tau32", r"$\tau_{32}$", "tau3 over tau2; 0 where tau2 is"),
    "c2": Observable(
        _c2,
        "$C_2$",
        "C2, beta 1: e3 over e2^2; 0 where e2 is",
        ("substructure",),
        group="substructure",
    ),
}


def in_group(group: str) -> dict[str, Observable]:
    """The observables of a group of metrics.

    Parameters
    ----------
    group : str

    Returns
    -------
    dict of str to Observable
    """
    return {name: about for name, about in OBSERVABLES.items() if about.group == group}


def drawn_in(figure: str) -> dict[str, Observable]:
    """The observables that a figure shows.

    Parameters
    ----------
    figure : str

    Returns
    -------
    dict of str to Observable
    """
    return {name: about for name, about in OBSERVABLES.items() if figure in about.figures}

"""Layouts of particles in files from elsewhere: named columns, units, and what they look like.

A layout is a list of column names, e.g. (pt, eta, phi, E). Momenta come from ``px``, ``py``, ``pz``
or from one each of ``pt | ptrel``, ``eta | etarel`` and ``phi | phirel``; ``mask`` says which slots
hold particles (without it, those with pT > 0 do), ``E`` is held against the momenta, and what is
called ``m`` or ``_`` is not used: particles are massless here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import (
    ANGLES,
    CARTESIAN,
    RELATIVE,
    UNITS,
    split_columns,
    wrong_columns,
    wrong_names,
)
from hypervae.errors import ConfigError
from hypervae.kinematics import wrap_phi

DECIDES_RESULTS_OF = ("import",)  # see `hypervae.digest`; of others, the words of a refusal

# What particles are compared with when a layout is guessed; the more telling ones first.
_KNOWN = (
    CARTESIAN,
    ("px", "py", "pz", "E"),
    ("pt", "eta", "phi", "E"),
    ("E", "pt", "eta", "phi"),
    ("eta", "phi", "pt", "E"),
    RELATIVE,
    ("ptrel", "etarel", "phirel", "mask"),
    ("eta", "phi", "ptrel", "mask"),
    ("eta", "phi", "pt", "mask"),
    ("pt", "eta", "phi", "mask"),
    ("pt", "eta", "phi", "m"),
)
# E and |p| agree to this share, or differ by the mass [GeV] of a hadron at most.
_SAME_ENERGY, _HADRON_MASS = 0.05, 2.0
#: Azimuths lie within, wherever a file begins to count and in either unit: which one it is, many
#: jets together tell (`hypervae.data.ranges.misread`).
HIGHEST_AZIMUTH = 720.0
AZIMUTHS = "azimuths within 720"
# What fills absent slots lies below.
_FILLER = -900.0


@dataclass(frozen=True)
class Layout:
    """Columns of particles, and their units.

    Parameters
    ----------
    columns : tuple of str
        Names out of `hypervae.data.columns.COLUMNS`.
    units : str
        Of pT, E, mass and momenta: a key of `hypervae.data.columns.UNITS`.
    angles : str
        Of phi and phirel: `hypervae.data.columns.ANGLES`.
    extra : tuple of str
        Names of further columns that are kept (`hypervae.data.extra`), among `columns` or not.
    """

    columns: tuple[str, ...] = RELATIVE
    units: str = "GeV"
    angles: str = "radians"
    extra: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, text: str, units: str = "GeV", angles: str = "radians", extra: str = ""
    ) -> Layout | None:
        """The layout that options name; None where they leave the format's own.

        Parameters
        ----------
        text : str
            Column names with commas between; empty for the format's own ones.
        units, angles : str
        extra : str
            Names of further columns of particles with commas between.

        Returns
        -------
        Layout, optional

        Raises
        ------
        ConfigError
            If a name is unknown or given twice, or the columns make no momentum.
        """
        names = split_columns(extra)
        if wrong := wrong_names(names):
            raise ConfigError(f"extra: found {wrong[0]}, expected {wrong[1]}")
        for name, value, choices in (("units", units, UNITS), ("angles", angles, ANGLES)):
            if value not in choices:
                raise ConfigError(f"{name}: found {value!r}, expected one of {', '.join(choices)}")
        columns = split_columns(text)
        if wrong := wrong_columns(columns, names):
            raise ConfigError(f"layout: found {wrong[0]}, expected {wrong[1]}")
        if not columns and not names and (units, angles) == ("GeV", "radians"):
            return None
        return cls(columns, units, angles, names)

    def with_columns(self, columns: tuple[str, ...]) -> Layout:
        """The same, with a format's own columns where none were named.

        Parameters
        ----------
        columns : tuple of str

        Returns
        -------
        Layout
        """
        return self if self.columns else replace(self, columns=columns)

    @property
    def converts(self) -> bool:
        """Whether columns, units or angles are other than a format's own."""
        return bool(self.columns) or (self.units, self.angles) != ("GeV", "radians")

    @property
    def is_relative(self) -> bool:
        """Whether the momenta need a jet."""
        return bool({"etarel", "phirel", "ptrel"} & set(self.columns))

    def __str__(self) -> str:
        return f"({', '.join(self.columns)})"


def by_name(values: NDArray, layout: Layout) -> dict[str, NDArray[np.float64]]:
    """Columns of particles by name, in GeV and radians.

    Parameters
    ----------
    values : [..., columns]
        As in the file.
    layout : Layout

    Returns
    -------
    dict of str to [...] float64
    """
    found = {
        name: np.asarray(values[..., index], dtype=np.float64)
        for index, name in enumerate(layout.columns)
        if name != "_"
    }
    for name in ("E", "px", "py", "pz", "pt", "m"):
        if name in found:
            found[name] = found[name] * UNITS[layout.units]
    if layout.angles == "degrees":
        for name in ("phi", "phirel"):
            if name in found:
                found[name] = np.deg2rad(found[name])
    return found


def present(columns: Mapping[str, NDArray]) -> NDArray[np.bool_]:
    """Which slots hold particles.

    Parameters
    ----------
    columns : mapping of str to [...]
        As `by_name` gives them.

    Returns
    -------
    [...] bool
    """
    if "mask" in columns:
        return columns["mask"] == 1
    size = columns.get("pt", columns.get("ptrel"))
    if size is None:
        px, py, pz = (columns[name] for name in ("px", "py", "pz"))
        # a filler in all columns would make a pT, too
        size = np.where((px == py) & (py == pz) & (px <= _FILLER), 0.0, np.hypot(px, py))
    return size > 0  # NaN is not


def spherical(
    columns: Mapping[str, NDArray], jet_pt: NDArray | float, jet_eta: NDArray | float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give pT [GeV], eta and phi [rad] of particles.

    Parameters
    ----------
    columns : mapping of str to [...]
        As `by_name` gives them; of particles that are there.
    jet_pt, jet_eta : [...] or float
        Of their jets, for columns that are relative to them (phi is then relative to the axis).

    Returns
    -------
    pt, eta, phi : [...] float64
    """
    if "px" in columns:
        pt = np.hypot(columns["px"], columns["py"])
        eta = np.arcsinh(columns["pz"] / np.where(pt > 0, pt, 1.0))
        return pt, eta, np.arctan2(columns["py"], columns["px"])
    pt = columns["pt"] if "pt" in columns else columns["ptrel"] * jet_pt
    eta = columns["eta"] if "eta" in columns else columns["etarel"] + jet_eta
    return pt, eta, wrap_phi(columns["phi"] if "phi" in columns else columns["phirel"])


def odd_azimuth(
    columns: Mapping[str, NDArray], there: NDArray[np.bool_]
) -> tuple[str, NDArray[np.bool_]] | None:
    """Which azimuths are none.

    Parameters
    ----------
    columns : mapping of str to [...]
        As `by_name` gives them.
    there : [...] bool
        Where particles are.

    Returns
    -------
    name : str
        Of the column.
    odd : [...] bool
        None where there are none.
    """
    for name in ("phi", "phirel"):
        if name in columns:
            odd = there & ~(np.abs(columns[name]) <= HIGHEST_AZIMUTH)
            if odd.any():
                return name, odd
    return None


def odd_energies(columns: Mapping[str, NDArray]) -> NDArray[np.bool_] | None:
    """Which particles have an energy that no mass of a hadron brings together with |p|.

    Parameters
    ----------
    columns : mapping of str to [...]
        As `by_name` gives them.

    Returns
    -------
    [...] bool, optional
        None where there is no energy, or no momentum in GeV.
    """
    if "E" not in columns:
        return None
    p = momentum(columns)
    if p is None:
        return None
    energy = columns["E"]
    same = np.abs(energy - p) <= _SAME_ENERGY * p
    heavier = (energy >= p) & (energy**2 - p**2 <= _HADRON_MASS**2)
    return ~(same | heavier)


def momentum(columns: Mapping[str, NDArray]) -> NDArray[np.float64] | None:
    """|p| of particles, as long as it takes no jet to know.

    Parameters
    ----------
    columns : mapping of str to [...]
        As `by_name` gives them.

    Returns
    -------
    [...] float64, optional
        [GeV]
    """
    if "px" in columns:
        return np.sqrt(columns["px"] ** 2 + columns["py"] ** 2 + columns["pz"] ** 2)
    if "pt" in columns and "eta" in columns:
        return columns["pt"] * np.cosh(np.clip(columns["eta"], -50, 50))
    return None


def guess(values: NDArray) -> Layout | None:
    """The layout that particles look like, out of those that are common.

    Parameters
    ----------
    values : [n, P, 4]
        As in the file, absent slots and all.

    Returns
    -------
    Layout, optional
        In GeV; None where none fits.
    """
    if values.ndim != 3 or values.shape[-1] != 4:
        return None
    with np.errstate(all="ignore"):
        whole = np.where(np.isfinite(values) & (values > _FILLER), values, 0.0).astype(np.float64)
        for columns in _KNOWN:
            for angles in ANGLES:
                layout = Layout(columns, angles=angles)
                if _fits(whole, layout):
                    return layout
    return None


def _fits(values: NDArray[np.float64], layout: Layout) -> bool:
    """Whether nearly all particles have the ranges that their columns' names promise."""
    columns = by_name(values, layout)
    there = (values != 0).any(axis=-1)
    if "mask" in columns:
        mask = columns["mask"]
        if not np.isin(mask, (0, 1)).all() or not (mask == 1).any():
            return False
        there = mask == 1
    if not there.any():
        return False
    rows = {name: column[there] for name, column in columns.items()}

    def nearly_all(good: NDArray[np.bool_]) -> bool:
        return bool(good.mean() > 0.98)

    if "E" in rows and not _are_energies(rows):
        return False
    if "px" in rows:
        return True
    eta = rows["eta"] if "eta" in rows else rows["etarel"]
    phi = rows["phi"] if "phi" in rows else rows["phirel"]
    size = rows["pt"] if "pt" in rows else rows["ptrel"]
    if not (nearly_all(size > 0) and nearly_all(np.abs(eta) <= 10) and _is_phi(phi, layout)):
        return False
    share = columns["ptrel"] if "ptrel" in columns else columns["pt"]
    sums = np.median(np.where(there, share, 0.0).sum(axis=1))
    if ("ptrel" in rows) != bool(sums <= 1.5):
        return False
    if "etarel" in rows or "phirel" in rows:
        weight = np.where(there, columns["ptrel"], 0.0)
        centre = (weight * columns["etarel"]).sum(axis=1) / weight.sum(axis=1).clip(1e-12)
        return bool(np.median(np.abs(centre)) < 0.3 and np.abs(phi).max() <= np.pi + 1e-4)
    return "m" not in rows or nearly_all((rows["m"] >= -0.1) & (rows["m"] <= 10))


def _are_energies(rows: Mapping[str, NDArray]) -> bool:
    """Whether energies are |p| for most, and not by chance of small numbers."""
    odd = odd_energies(rows)
    if odd is None or odd.mean() > 0.02:
        return False
    deviation = np.abs(rows["E"] - momentum(rows)) / np.maximum(rows["E"], 1e-12)
    return bool(np.median(deviation) < _SAME_ENERGY and np.ptp(rows["E"]) > 0)


def _is_phi(phi: NDArray[np.float64], layout: Layout) -> bool:
    """Whether angles are azimuths; degrees come after radians, so that theirs are above 2 pi."""
    most = np.abs(phi).max()
    if layout.angles == "degrees":
        return bool(np.rad2deg(most) <= 360.0)
    return bool(most <= 2 * np.pi + 1e-3)

"""Particles of many jets, padded, as `Jets`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.data.layouts import AZIMUTHS, odd_azimuth, odd_energies, present, spherical
from hypervae.data.readers.interface import JetFile
from hypervae.kinematics import wrap_phi

Columns = Mapping[str, NDArray[np.float64]]


def jets_from(
    file: JetFile,
    first_row: int,
    columns: Columns,
    fields: Mapping[str, str],
    jet: NDArray[np.float64] | None = None,
    axis_phi: NDArray[np.float64] | None = None,
    extra: Columns | None = None,
) -> Jets:
    """Lay particles out relative to their jets.

    Parameters
    ----------
    file : JetFile
        For messages.
    first_row : int
        Of these jets.
    columns : mapping of str to [n, P]
        As `hypervae.data.layouts.by_name` gives them; zero, or mask 0, where no particle is.
    fields : mapping of str to str
        What the file calls a column, where it is not its name.
    jet : [n, 3], optional
        (pt [GeV], eta, mass [GeV]) of the full jets; by default those of the summed particles,
        which are massless.
    axis_phi : [n], optional
        Azimuths of the jets [rad]; by default those of the summed particles. Not used where
        azimuths are relative.
    extra : mapping of str to [n, P], optional
        Further columns.

    Returns
    -------
    Jets
        Particles in the order given.

    Raises
    ------
    InputError
        On numbers that are not finite, a jet without particles, and energies that are not |p|.
    """
    there = present(columns)
    if "mask" in columns:
        mask = columns["mask"]
        file.refuse("mask", first_row, ~np.isin(mask, (0, 1)), mask, "0 or 1")
    else:
        # refused, and no padding
        there |= ~np.isfinite(np.stack(list(columns.values()))).all(axis=0)
        size = columns.get("pt", columns.get("ptrel"))
        if size is not None:
            there |= size < 0
    for name, column in columns.items():
        wrong = there & ~np.isfinite(column)
        file.refuse(fields.get(name, name), first_row, wrong, column, "finite numbers")
    if found := odd_azimuth(columns, there):
        name, wrong = found
        file.refuse(fields.get(name, name), first_row, wrong, columns[name], AZIMUTHS)
    if not there.any(axis=1).all():
        row = int(np.flatnonzero(~there.any(axis=1))[0])
        raise file.error(
            "particles", f"none with pT > 0 at row {first_row + row}", "at least one in each jet"
        )
    columns = {name: np.where(there, column, 0.0) for name, column in columns.items()}
    _check_energies(file, first_row, columns, there)
    # what overflows is refused with the other values
    with np.errstate(all="ignore"):
        pt, eta, phi = (
            spherical(columns, jet[:, :1], jet[:, 1:2])
            if jet is not None
            else spherical(columns, 1.0, 0.0)
        )
        px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
        total_x, total_y, total_z = (np.where(there, p, 0.0).sum(axis=1) for p in (px, py, pz))
        if jet is None:
            energy = np.where(there, pt * np.cosh(eta), 0.0).sum(axis=1)
            total = np.hypot(total_x, total_y)
            mass = np.sqrt(np.maximum(energy**2 - total**2 - total_z**2, 0.0))
            jet = np.stack([total, np.arcsinh(total_z / total), mass], axis=-1)
        if "phirel" in columns:
            axis_phi = np.zeros(len(jet))
        elif axis_phi is None:
            axis_phi = np.arctan2(total_y, total_x)
        particles = np.stack(
            [eta - jet[:, 1:2], wrap_phi(phi - axis_phi[:, None]), pt / jet[:, :1], there], axis=-1
        )
        particles = np.where(there[..., None], particles, 0.0).astype(np.float32)
        features = np.column_stack([jet, there.sum(axis=1)]).astype(np.float32)
    further = {}
    for name, column in (extra or {}).items():
        wrong = there & ~(np.abs(column) <= np.finfo(np.float32).max)
        expected = "finite numbers that fit into float32"
        file.refuse(fields.get(name, name), first_row, wrong, column, expected)
        further[name] = np.where(there, column, 0.0).astype(np.float32)
    return Jets(particles, features, extra=further)


def _check_energies(
    file: JetFile, first_row: int, columns: Columns, there: NDArray[np.bool_]
) -> None:
    """Refuse jets most of whose energies are not those of their momenta."""
    with np.errstate(all="ignore"):
        odd = odd_energies(columns)
    if odd is None:
        return
    odd &= there
    wrong = odd.sum(axis=1) > 0.5 * there.sum(axis=1)
    if not wrong.any():
        return
    row = int(np.flatnonzero(wrong)[0])
    slot = int(np.flatnonzero(odd[row])[0])
    values = ", ".join(f"{column[row, slot]:.4g}" for column in columns.values())
    raise file.error(
        "particles",
        f"energies that are not |p|, such as ({', '.join(columns)}) = ({values}) at row "
        f"{first_row + row}",
        "E about |p|",
    )

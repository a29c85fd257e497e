"""Shards whose particles have other columns, units or angles than JetNet's, converted when read."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import UNITS
from hypervae.data.layouts import (
    AZIMUTHS,
    Layout,
    by_name,
    odd_azimuth,
    odd_energies,
    present,
    spherical,
)
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader, as_float32
from hypervae.kinematics import wrap_phi


class ConvertedReader(ShardReader):
    """Read jets whose ``particle_features`` are laid out as is said.

    ``jet_features`` are (pt, eta, mass, num_particles) in the layout's unit. Where azimuths are not
    relative, those of the summed particles are the jets' axes.

    Parameters
    ----------
    path, jet_type
        As for `ShardReader`.
    layout : Layout
        Of ``particle_features``.

    Raises
    ------
    InputError
        As `ShardReader`, of what the conversion gives; and if energies are not those of the
        momenta.
    """

    def __init__(self, path: str | os.PathLike[str], jet_type: str | None, layout: Layout):
        self.layout = layout
        self.columns = len(layout.columns)
        super().__init__(path, jet_type)

    def _arrays(self, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        particles, features = (values.astype(np.float64) for values in self._stored(rows))
        features[:, [0, 2]] *= UNITS[self.layout.units]
        columns = by_name(particles, self.layout)
        there = present(columns)
        if "mask" not in columns:
            there |= ~np.isfinite(particles).all(axis=-1)  # which is refused, and no padding
        if found := odd_azimuth(columns, there & np.isfinite(particles).all(axis=-1)):
            name, odd = found
            jet, slot = map(int, np.argwhere(odd)[0])
            raise InputError(
                self.path,
                f"particle_features {name}",
                found=f"{columns[name][jet, slot]} at row {rows.start + jet}, particle {slot}",
                expected=AZIMUTHS,
            )
        self._check_energies(rows.start, columns, there)
        mask = columns.get("mask", there)
        columns = {name: np.where(there, column, 0.0) for name, column in columns.items()}
        # what overflows is refused with the other values
        with np.errstate(all="ignore"):
            pt, eta, phi = spherical(columns, features[:, :1], features[:, 1:2])
            axis = np.zeros((len(features), 1))
            if "phirel" not in columns:
                px, py = (pt * np.cos(phi)).sum(axis=1), (pt * np.sin(phi)).sum(axis=1)
                axis = np.arctan2(py, px)[:, None]
            converted = np.stack(
                [eta - features[:, 1:2], wrap_phi(phi - axis), pt / features[:, :1], mask], axis=-1
            )
        converted[..., :3] = np.where(there[..., None], converted[..., :3], 0.0)
        return as_float32(converted), as_float32(features)

    def _extra_names(self) -> tuple[str, ...]:
        beside = super()._extra_names()
        own = tuple(name for name in self.layout.extra if name in self.layout.columns)
        if both := set(own) & set(beside):
            field = f"particle_extra {min(both)}"
            raise InputError(self.path, field, found="also in the layout", expected="one of them")
        self._beside = beside
        return (*beside, *own)

    def _extra(self, rows: slice, there: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
        found = super()._extra(rows, there) if self._beside else {}
        for name in self.extra_names[len(self._beside) :]:
            stored, _ = self._stored(rows)
            column = stored[..., self.layout.columns.index(name)]
            found[name] = np.where(there, as_float32(column), np.float32(0.0))
        return found

    def _check_energies(
        self, start: int, columns: dict[str, NDArray[np.float64]], there: NDArray[np.bool_]
    ) -> None:
        """Refuse jets most of whose energies are not those of their momenta."""
        with np.errstate(all="ignore"):
            odd = odd_energies(columns)
        if odd is None:
            return
        wrong = (odd & there).sum(axis=1) > 0.5 * there.sum(axis=1)
        if not wrong.any():
            return
        jet = int(np.flatnonzero(wrong)[0])
        slot = int(np.flatnonzero((odd & there)[jet])[0])
        values = ", ".join(f"{column[jet, slot]:.4g}" for column in columns.values())
        raise InputError(
            self.path,
            "particle_features",
            found=f"energies that are not |p|, such as ({', '.join(columns)}) = ({values}) at row "
            f"{start + jet}",
            expected=f"{self.layout} in {self.layout.units}, E about |p|",
        )

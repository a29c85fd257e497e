"""The shard layout: one HDF5 file of jets of one type. The writer: `hypervae.formats.shard_writer`.

The layout is JetNet's, so that a JetNet file is a valid shard: ``particle_features`` [n, P, 4] and
``jet_features`` [n, 4]; optional ``split`` [n], ``event_id`` [n], further columns of the particles
``particle_extra`` [n, P, columns] with their names in its attribute ``names`` (a list in JSON), and
the attributes ``jet_type``, ``schema_version``, ``source``, ``seed``, ``settings`` (JSON) and
``versions`` (JSON).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import wrong_names
from hypervae.data.extra import described
from hypervae.data.jet_checks import check_jets
from hypervae.data.jet_types import check_jet_type
from hypervae.data.jets import Jets, sort_particles
from hypervae.data.ranges import JUDGED, MOST_PARTICLES, blank_absent, misread
from hypervae.errors import InputError
from hypervae.io.hdf5 import H5Reader

#: The attribute ``source`` of what HyperVAE generates.
GENERATED = "hypervae"
#: Slots that are read at once: 10,000 jets of more particles than a run takes.
MOST_SLOTS = 3_000_000
# Of the optional columns: what they are read as, and what they hold.
COLUMNS: dict[str, tuple[type[np.integer], str]] = {
    "event_id": (np.int64, "whole numbers of 64 bits"),
    "split": (np.uint8, "0 (train), 1 (validation) or 2 (test)"),
}


class ShardReader(H5Reader):
    """Read a shard, whole or in chunks; every jet that comes out has been checked.

    Use it as a context manager. Jets whose particles are not sorted by falling pT are sorted when
    read, here and so for every stage alike.

    Parameters
    ----------
    path : path-like
    jet_type : str, optional
        The type to take where the file names none (JetNet's own files do not).

    Raises
    ------
    InputError
        On a file that is unreadable, lacks a dataset, has one of the wrong shape, holds no jets or
        names another jet type; when jets are read, as `check_jets`; and if the first ones show
        other units or another layout (`hypervae.data.ranges.misread`).
    """

    columns = 4  # of a particle

    def __init__(self, path: str | os.PathLike[str], jet_type: str | None = None):
        self._given_type = jet_type
        super().__init__(path)

    def _check(self) -> None:
        entries, columns = self._entries, self.columns
        meaning = f"[jets, particles, {columns}]"
        self._particles = entries.dataset("particle_features", (None, None, columns), meaning)
        self.n_jets, self.max_particles = self._particles.shape[:2]
        if self.n_jets == 0 or not 0 < self.max_particles <= MOST_PARTICLES:
            raise InputError(
                self.path,
                "particle_features",
                found=f"shape {self._particles.shape}",
                expected=f"at least one jet and one particle, at most {MOST_PARTICLES} particles",
            )
        self._jets = entries.dataset("jet_features", (self.n_jets, 4), f"[{self.n_jets}, 4]")
        self._optional = {
            name: entries.dataset(name, (self.n_jets,), f"[{self.n_jets}]")
            for name in COLUMNS
            if name in entries
        }
        self.extra_names = self._extra_names()
        self.attributes: dict[str, str | int | float] = entries.scalars()
        self.jet_type = self._jet_type(self._given_type)

    def _extra_names(self) -> tuple[str, ...]:
        """Names of the further columns of particles."""
        if "particle_extra" not in self._entries:
            return ()
        shape = (self.n_jets, self.max_particles, None)
        meaning = f"[{self.n_jets}, {self.max_particles}, columns]"
        self._stored_extra = self._entries.dataset("particle_extra", shape, meaning)
        names = tuple(self._entries.json("names", list, of="particle_extra"))
        columns = self._stored_extra.shape[2]
        wrong = wrong_names(names)
        if len(names) != columns:
            wrong = f"{len(names)} names", f"{columns}, one a column"
        if wrong is not None:
            self._entries.refuse("attribute names of particle_extra", *wrong)
        return names

    def _extra(self, rows: slice, there: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
        """Further columns of the particles of some rows, 0 where none is."""
        if not self.extra_names:
            return {}
        values = as_float32(self._stored_extra.rows(rows.start, rows.stop))
        values = np.where(there[..., None], values, np.float32(0.0))
        names = self.extra_names[: values.shape[-1]]
        return {name: values[..., index] for index, name in enumerate(names)}

    def require(self, names: Iterable[str]) -> None:
        """See that there are further columns of particles.

        Parameters
        ----------
        names : iterable of str

        Raises
        ------
        InputError
            Naming the first that is missing, and those that there are.
        """
        for name in names:
            if name not in self.extra_names:
                raise InputError(
                    self.path,
                    f"particle_extra {name}",
                    found=f"no such column ({described(self.extra_names)})",
                    expected="it among the further columns of particles: hypervae simulate writes "
                    "charge, hypervae import --extra keeps others",
                )

    def _jet_type(self, given: str | None) -> str | None:
        stored = None
        if self._entries.has_attribute("jet_type"):
            stored = check_jet_type(self._entries.text("jet_type"), self.path)
        if given is not None:
            check_jet_type(given)
            if stored not in (None, given):
                raise InputError(self.path, "jet_type", found=repr(stored), expected=repr(given))
        return stored or given

    def read(self, start: int = 0, stop: int | None = None) -> Jets:
        """Read and check the jets of rows [start, stop).

        Parameters
        ----------
        start, stop : int
            Rows; by default to the last one.

        Returns
        -------
        Jets
        """
        rows = slice(start, self.n_jets if stop is None else min(stop, self.n_jets))
        particles, features = self._arrays(rows)
        jets = Jets(
            blank_absent(particles),
            features,
            self._column("event_id", rows),
            self._column("split", rows),
            self.jet_type,
            self._extra(rows, particles[..., 3] == 1),
        )
        check_jets(jets, self.path, start)
        if start == 0:
            self._judge(jets)
        return sort_particles(jets)

    def _arrays(self, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Particles and jets of some rows, in the layout of `Jets`."""
        particles, features = self._stored(rows)
        return as_float32(particles), as_float32(features)

    def _stored(self, rows: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        """Particles and jets of some rows, as the file has them."""
        return (
            self._particles.rows(rows.start, rows.stop),
            self._jets.rows(rows.start, rows.stop),
        )

    def unchecked(self, stop: int) -> Jets:
        """The first jets as they are, for who counts those that are none.

        Parameters
        ----------
        stop : int
            Rows at most.

        Returns
        -------
        Jets
            With particles and features alone.
        """
        return Jets(*self._arrays(slice(0, min(stop, self.n_jets))), jet_type=self.jet_type)

    def _judge(self, jets: Jets) -> None:
        """See from the first jets of a file from elsewhere that its units are those here."""
        if str(self.attributes.get("source")) == GENERATED:
            return  # what a model makes of them is for its evaluation to say
        found = misread(jets.particle_features[:JUDGED], jets.jet_features[:JUDGED])
        if found is not None:
            raise InputError(self.path, found.field, found=found.found, expected=found.expected)

    def split_columns(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.int64] | None, NDArray[np.uint8] | None]:
        """Read ``event_id`` and ``split`` of rows [start, stop), and nothing else of the jets.

        Parameters
        ----------
        start, stop : int
            To the end when `stop` is left out.

        Returns
        -------
        event_id : [n] int64 or None
            None also beside a ``split``, which decides by itself.
        split : [n] uint8 or None
        """
        rows = slice(start, self.n_jets if stop is None else min(stop, self.n_jets))
        split = self._column("split", rows)
        if split is None:
            return self._column("event_id", rows), None
        return None, split

    def _column(self, name: str, rows: slice) -> NDArray | None:
        """An optional column, checked before it becomes integers."""
        if name not in self._optional:
            return None
        dtype, expected = COLUMNS[name]
        values = self._optional[name].rows(rows.start, rows.stop)
        if values.dtype.kind == "f":
            values = values.astype(np.float64, copy=False)  # float16 has no such large integers
        most = 2 if name == "split" else np.iinfo(dtype).max
        # NaN fails each comparison; the largest integer itself is none of float64
        wrong = ~((values >= np.iinfo(dtype).min) & (values < most + 1))
        if values.dtype.kind == "f":
            wrong |= values != np.floor(values)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                self.path, name, found=f"{values[row]} at row {rows.start + row}", expected=expected
            )
        return values.astype(dtype, copy=False)

    def chunks(self, size: int = 10_000) -> Iterator[Jets]:
        """Read the shard in batches of `size` jets.

        Parameters
        ----------
        size : int
            Jets of a batch; fewer where there are more slots than jets have.

        Yields
        ------
        Jets
        """
        size = max(1, min(size, MOST_SLOTS // self.max_particles))
        for start in range(0, self.n_jets, size):
            yield self.read(start, start + size)


def as_float32(values: NDArray) -> NDArray[np.float32]:
    """Numbers as float32; what does not fit becomes infinite, which every check refuses.

    Parameters
    ----------
    values : [...]

    Returns
    -------
    [...] float32
    """
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)

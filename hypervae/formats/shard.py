"""The shard layout: one HDF5 file of jets of one type.

The layout is JetNet's, so that a JetNet file is a valid shard: ``particle_features`` [n, P, 4] and
``jet_features`` [n, 4]; optional ``split`` [n], ``event_id`` [n] and the attributes ``jet_type``,
``schema_version``, ``source``, ``seed``, ``settings`` (JSON), ``versions`` (JSON).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets, check_jet_type, check_jets, sort_particles
from hypervae.data.ranges import JUDGED, blank_absent, misread
from hypervae.errors import InputError
from hypervae.io import atomic_h5, software_versions
from hypervae.io.hdf5 import H5Reader, naming_damage

SCHEMA_VERSION = 1
# Rows of a chunk on disk: 1,000 jets of 30 particles are 480 kB, a fair unit of sequential reading.
CHUNK_ROWS = 1000
#: The attribute ``source`` of what HyperVAE generates.
GENERATED = "hypervae"
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
        with naming_damage(self.path):
            self._check_layout()
            self.attributes: dict[str, Any] = dict(self._file.attrs)
        self.jet_type = self._jet_type(self._given_type)

    def _dataset(self, name: str, shape: tuple[int | None, ...], meaning: str) -> h5py.Dataset:
        expected = f"a dataset of shape {meaning}"
        if name not in self._file or not isinstance(self._file[name], h5py.Dataset):
            present = ", ".join(sorted(map(str, self._file))) or "nothing"
            raise InputError(
                self.path, name, found=f"no such dataset ({present})", expected=expected
            )
        dataset = self._file[name]
        fits = len(dataset.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, dataset.shape, strict=True)
        )
        if not fits:
            raise InputError(self.path, name, found=f"shape {dataset.shape}", expected=expected)
        if dataset.dtype.kind not in "fiu":
            raise InputError(self.path, name, found=f"type {dataset.dtype}", expected="numbers")
        return dataset

    def _check_layout(self) -> None:
        self._particles = self._dataset(
            "particle_features",
            (None, None, self.columns),
            f"[jets, particles, {self.columns}]",
        )
        self.n_jets, self.max_particles = self._particles.shape[:2]
        self._jets = self._dataset("jet_features", (self.n_jets, 4), f"[{self.n_jets}, 4]")
        if self.n_jets == 0 or self.max_particles == 0:
            raise InputError(
                self.path,
                "particle_features",
                found=f"shape {self._particles.shape}",
                expected="at least one jet and one particle",
            )
        self._optional = {
            name: self._dataset(name, (self.n_jets,), f"[{self.n_jets}]")
            for name in ("event_id", "split")
            if name in self._file
        }

    def _jet_type(self, given: str | None) -> str | None:
        stored = self.attributes.get("jet_type")
        if stored is not None:
            stored = stored.decode() if isinstance(stored, bytes) else str(stored)
            check_jet_type(stored, self.path)
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
        )
        check_jets(jets, self.path, start)
        if start == 0:
            self._judge(jets)
        return sort_particles(jets)

    def _arrays(self, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Particles and jets of some rows, in the layout of `Jets`."""
        with self._readable(rows):
            particles, features = self._particles[rows], self._jets[rows]
        return as_float32(particles), as_float32(features)

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
        with self._readable(rows):
            values = self._optional[name][rows]
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

    def _readable(self, rows: slice) -> AbstractContextManager[None]:
        """Turn a failure to read these rows into an `InputError`."""
        return naming_damage(self.path, f"rows {rows.start} to {rows.stop}")

    def chunks(self, size: int = 10_000) -> Iterator[Jets]:
        """Read the shard in batches of `size` jets.

        Parameters
        ----------
        size : int
            Jets of a batch.

        Yields
        ------
        Jets
        """
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


class ShardWriter:
    """Write a shard batch by batch; it appears under its name only when complete.

    Parameters
    ----------
    path : path-like
    max_particles : int
        Particle slots of a jet.
    jet_type : str
    source : str
        What made the jets, e.g. ``"pythia"``.
    seed : int, optional
    settings : mapping, optional
        Stored as JSON, to say how the jets came about.
    packages : sequence of str
        Packages whose versions are recorded.

    Raises
    ------
    InputError
        From `append`, as `check_jets`; on closing, if no jet was written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        max_particles: int,
        *,
        jet_type: str,
        source: str,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        packages: tuple[str, ...] = (),
    ):
        self.path, self.max_particles = Path(path), max_particles
        self.n_jets = 0
        self._attributes: dict[str, Any] = {
            "jet_type": check_jet_type(jet_type),
            "schema_version": SCHEMA_VERSION,
            "source": source,
            "settings": json.dumps(dict(settings or {}), sort_keys=True),
            "versions": json.dumps(software_versions(packages), sort_keys=True),
        }
        if seed is not None:
            self._attributes["seed"] = seed

    def __enter__(self) -> ShardWriter:
        self._stack = ExitStack()
        self._file = self._stack.enter_context(atomic_h5(self.path))
        self._file.attrs.update(self._attributes)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if error_type is None and self.n_jets == 0:
            empty = InputError(self.path, "jets", found="no jets to write", expected="at least one")
            self._stack.__exit__(InputError, empty, None)
            raise empty
        return self._stack.__exit__(error_type, value, traceback)

    def append(self, jets: Jets) -> None:
        """Append jets; all batches must have the same optional columns.

        Parameters
        ----------
        jets : Jets
            In physical units.
        """
        if len(jets) == 0:
            return
        check_jets(jets, self.path, self.n_jets)
        columns = {
            "particle_features": jets.particle_features.astype(np.float32, copy=False),
            "jet_features": jets.jet_features.astype(np.float32, copy=False),
        }
        if jets.event_id is not None:
            columns["event_id"] = jets.event_id.astype(np.int64, copy=False)
        if jets.split is not None:
            columns["split"] = jets.split.astype(np.uint8, copy=False)
        first = self.n_jets == 0
        if not first and set(columns) != set(self._file):
            raise ValueError("every batch of a shard needs the same columns")
        for name, values in columns.items():
            if first:
                self._file.create_dataset(
                    name,
                    data=values,
                    maxshape=(None, *values.shape[1:]),
                    chunks=(CHUNK_ROWS, *values.shape[1:]),
                )
            else:
                self._file[name].resize(self.n_jets + len(jets), axis=0)
                self._file[name][self.n_jets :] = values
        self.n_jets += len(jets)


def write_shard(path: str | os.PathLike[str], jets: Jets, **attributes: Any) -> None:
    """Write jets as one shard; `attributes` as for `ShardWriter`.

    Parameters
    ----------
    path : path-like
    jets : Jets
        In physical units.
    **attributes : object
    """
    if jets.jet_type is not None:
        attributes.setdefault("jet_type", jets.jet_type)
    with ShardWriter(path, jets.particle_features.shape[1], **attributes) as writer:
        writer.append(jets)

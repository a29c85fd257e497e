"""Writing shards, in the layout of `hypervae.formats.shard`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from hypervae.data.jet_checks import check_jets
from hypervae.data.jet_types import check_jet_type
from hypervae.data.jets import Jets
from hypervae.errors import InputError
from hypervae.io import atomic_h5, software_versions

SCHEMA_VERSION = 1
# Rows of a chunk on disk: 1,000 jets of 30 particles are 480 kB, a fair unit of sequential reading.
CHUNK_ROWS = 1000
COMPRESSED: Mapping[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


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
        self._extra: tuple[str, ...] = ()
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
        names = tuple(jets.extra)
        if names:
            extra = [column.astype(np.float32, copy=False) for column in jets.extra.values()]
            columns["particle_extra"] = np.stack(extra, axis=-1)
        first = self.n_jets == 0
        if not first and (set(columns) != set(self._file) or names != self._extra):
            raise ValueError("every batch of a shard needs the same columns")
        self._extra = names
        for name, values in columns.items():
            if first:
                self._file.create_dataset(
                    name,
                    data=values,
                    maxshape=(None, *values.shape[1:]),
                    chunks=(CHUNK_ROWS, *values.shape[1:]),
                    # few values of their own, such as charges
                    **(COMPRESSED if name == "particle_extra" else {}),
                )
                if name == "particle_extra":
                    self._file[name].attrs["names"] = json.dumps(names)
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

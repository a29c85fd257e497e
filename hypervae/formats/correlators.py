"""The correlator file of a shard.

Layout (HDF5), n jets of P slots in the order of the shard: ``pair_bins`` [n, P (P - 1) / 2] uint8
or uint16, the R_L bin of every pair (that of a set is the largest of its pairs'); ``edges``
[bins + 1] of R_L; and the groups ``train`` (absent without training jets) and ``all``, sums over
the jets of the split and over all, with underflow (contact terms) in the first bin and overflow in
the last: ``enc``, ``enc_squares``, ``enc_cross`` (ENC E2C) [orders, bins + 2], ``pairs``
[bins + 2], ``sets`` [hyperedge orders, bins + 2], ``multiplicity`` [P + 1], ``moments``
[features, 6] with their names as JSON in its attribute ``names``, attribute ``n_jets``. Attributes:
``kind`` ("correlators"), ``schema_version``, ``jet_type`` ("" if unknown), ``n_jets``,
``max_particles``, ``content`` (SHA-256 of the jets), ``settings`` and ``versions`` (JSON).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.config import CorrelatorsStageConfig
from hypervae.correlators.binning import Binning
from hypervae.correlators.means import CorrelatorMeans
from hypervae.correlators.moments import Moments
from hypervae.correlators.sums import SUMMED_ARRAYS, JetSums
from hypervae.errors import ConfigError, InputError
from hypervae.io import atomic_h5, software_versions
from hypervae.io.hdf5 import H5Reader, naming_damage

KIND = "correlators"
SCHEMA_VERSION = 1
REAL_SUMS = "finite sums over jets within their ranges"


class CorrelatorWriter:
    """Write a correlator file; it appears under its name only when complete.

    Parameters
    ----------
    path : path-like
    n_jets, max_particles : int
        Jets and particle slots of the shard.
    jet_type : str or None
    config : CorrelatorsStageConfig
        The config that it is computed with.

    Attributes
    ----------
    content : str
        SHA-256 of the jets; to be set before the file is closed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        n_jets: int,
        max_particles: int,
        jet_type: str | None,
        config: CorrelatorsStageConfig,
    ):
        self.path, self.n_jets, self.content = path, n_jets, ""
        self._pairs = max_particles * (max_particles - 1) // 2
        self._binning, self._row = Binning.of(config), 0
        self._attributes = {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "jet_type": jet_type or "",
            "n_jets": n_jets,
            "max_particles": max_particles,
            "settings": str(config),
            "versions": json.dumps(software_versions(("numpy", "numba")), sort_keys=True),
        }

    def __enter__(self) -> CorrelatorWriter:
        self._stack = ExitStack()
        self._file = self._stack.enter_context(atomic_h5(self.path))
        pairs = self._pairs
        self._pair_bins = self._file.create_dataset(
            "pair_bins",
            shape=(self.n_jets, pairs),
            dtype=self._binning.dtype,
            # (a shard with a single particle slot has no pairs, and so nothing to cut into chunks)
            chunks=(min(self.n_jets, max(1, 500_000 // pairs)), pairs) if pairs else None,
        )
        self._file["edges"] = self._binning.edges
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if error_type is None:
            self._file.attrs.update(self._attributes | {"content": self.content})
        return self._stack.__exit__(error_type, value, traceback)

    def append(self, pair_bins: NDArray[np.unsignedinteger]) -> None:
        """Write the pair bins [n, pairs] of the next jets.

        Parameters
        ----------
        pair_bins : [n, pairs] unsigned integers
        """
        last = self._row + len(pair_bins)
        self._pair_bins[self._row : last] = pair_bins
        self._row = last

    def write_sums(self, split: str, sums: JetSums) -> None:
        """Write the sums over the jets of a split, ``train`` or ``all``.

        Parameters
        ----------
        split : {"train", "all"}
        sums : JetSums
            Over its jets.
        """
        if offence := sums.offence():
            raise InputError(self.path, split, found=offence, expected=REAL_SUMS)
        write_sums(self._file.create_group(split), sums)


class CorrelatorReader(H5Reader):
    """Read a correlator file.

    Attributes
    ----------
    n_jets, max_particles : int
    jet_type : str
    settings : CorrelatorsStageConfig
        The config that it was computed with.
    content : str
        SHA-256 of the jets that it was computed from.

    Raises
    ------
    InputError
        If the file is unreadable or is no correlator file, or its settings are not a whole config.
    """

    def _check(self) -> None:
        attributes = dict(self._file.attrs)
        kind = attributes.get("kind")
        if kind != KIND:
            raise InputError(
                self.path, "attribute kind", found=repr(kind), expected="'correlators'"
            )
        for name in ("pair_bins", "edges", "all"):
            if name not in self._file:
                present = ", ".join(sorted(map(str, self._file))) or "nothing"
                raise InputError(self.path, name, found=present, expected=f"an entry {name!r}")
        for name in ("n_jets", "max_particles", "settings", "content", "jet_type"):
            if name not in attributes:
                raise InputError(
                    self.path, f"attribute {name}", found="no such attribute", expected="one"
                )
        self.n_jets, self.max_particles = (
            int(attributes["n_jets"]),
            int(attributes["max_particles"]),
        )
        self.jet_type, self.content = str(attributes["jet_type"]), str(attributes["content"])
        self.settings = read_settings(self.path, attributes["settings"])
        shape = self._file["pair_bins"].shape
        pairs = self.max_particles * (self.max_particles - 1) // 2
        if shape != (self.n_jets, pairs):
            raise InputError(
                self.path, "pair_bins", found=f"shape {shape}", expected=f"{(self.n_jets, pairs)}"
            )
        shape, bins = self._file["edges"].shape, self.settings.bins
        if shape != (bins + 1,):
            raise InputError(
                self.path,
                "edges",
                found=f"shape {shape}",
                expected=f"{(bins + 1,)}, by its settings",
            )

    @property
    def edges(self) -> NDArray[np.float64]:
        """[bins + 1] edges of the R_L bins."""
        with naming_damage(self.path, "edges"):
            return self._file["edges"][()]

    def sums(self, split: str = "train") -> JetSums | None:
        """Sums over the jets of a split, ``train`` or ``all``; None without jets.

        Parameters
        ----------
        split : {"train", "all"}

        Returns
        -------
        JetSums, optional
        """
        if split not in self._file:
            return None
        with naming_damage(self.path, split):
            sums = read_sums(self._file[split])
        if offence := sums.offence():
            raise InputError(self.path, split, found=offence, expected=REAL_SUMS)
        return sums

    def pair_bins(self, start: int = 0, stop: int | None = None) -> NDArray[np.unsignedinteger]:
        """[stop - start, P (P - 1) / 2] pair bins of the jets of rows [start, stop).

        Parameters
        ----------
        start, stop : int
            Rows; by default to the last one.

        Returns
        -------
        [stop - start, P (P - 1) / 2] unsigned integers
        """
        rows = slice(start, self.n_jets if stop is None else stop)
        with naming_damage(self.path, "pair_bins"):
            return self._file["pair_bins"][rows]


def read_settings(path: str | os.PathLike[str], text: str) -> CorrelatorsStageConfig:
    """The config that a file was computed with.

    Parameters
    ----------
    path : path-like
        For error messages.
    text : str
        The attribute ``settings``.

    Returns
    -------
    CorrelatorsStageConfig

    Raises
    ------
    InputError
        If a key is missing, unknown or out of range: what a file was computed with is not guessed.
    """
    try:
        content = json.loads(text)
        settings = CorrelatorsStageConfig.of(content)
    except (ConfigError, ValueError, TypeError) as error:
        raise InputError(
            path, "attribute settings", found=str(error), expected="the config of the correlators"
        ) from error
    if settings.to_dict() != content:
        raise InputError(
            path, "attribute settings", found=str(text), expected=f"all keys of {settings}"
        )
    return settings


def write_sums(group: h5py.Group, sums: JetSums) -> None:
    """Store sums in a group; the inverse of `read_sums`.

    Parameters
    ----------
    group : h5py.Group
        An empty one.
    sums : JetSums
        What to store.
    """
    group.attrs["n_jets"] = sums.n_jets
    for name in SUMMED_ARRAYS:
        group[name] = getattr(sums, name)
    # one table: thousands of files are merged, and opening a dataset costs more than reading it
    group["moments"] = np.array([moments.to_array() for moments in sums.moments.values()])
    group["moments"].attrs["names"] = json.dumps(list(sums.moments))


def read_sums(group: h5py.Group) -> JetSums:
    """Read sums from a group.

    Parameters
    ----------
    group : h5py.Group
        As `write_sums` leaves it.

    Returns
    -------
    JetSums
    """
    names = json.loads(group["moments"].attrs["names"])
    moments = dict(zip(names, map(Moments.from_array, group["moments"][()]), strict=True))
    arrays = {name: group[name][()] for name in SUMMED_ARRAYS}
    return JetSums(int(group.attrs["n_jets"]), **arrays, moments=moments)


def summed_correlators(
    path: str | os.PathLike[str], file: h5py.File
) -> tuple[NDArray[np.float64], CorrelatorMeans, int]:
    """Mean correlators of all jets of an open correlator file.

    Parameters
    ----------
    path : path-like
        For error messages.
    file : h5py.File

    Returns
    -------
    edges : [bins + 1]
    means : CorrelatorMeans
        Within the range.
    n_jets : int

    Raises
    ------
    InputError
        If an entry is missing or of the wrong size.
    """
    orders = read_settings(path, file.attrs["settings"]).orders
    names = {
        order: [("enc", row), ("enc_squares", row), ("enc_cross", row)]
        for row, order in enumerate(orders)
    }
    return means_of(path, file, file.get("all", file), names)


def means_of(
    path: str | os.PathLike[str],
    file: h5py.File,
    group: h5py.Group,
    names: Mapping[int, list[tuple[str, Any]]],
) -> tuple[NDArray[np.float64], CorrelatorMeans, int]:
    """Mean correlators from the sums in a group; as `summed_correlators`.

    Parameters
    ----------
    path : path-like
        For error messages.
    file : h5py.File
        With ``edges``.
    group : h5py.Group
        With the sums and the attribute ``n_jets``.
    names : mapping of int to list of (str, index)
        Of each order: datasets of ENC, ENC^2 and ENC E2C, and where in them.

    Returns
    -------
    edges : [bins + 1]
    means : CorrelatorMeans
    n_jets : int
    """
    if "edges" not in file:
        raise InputError(
            path, "edges", found="no such dataset", expected="a normalization or correlator file"
        )
    n_jets = int(group.attrs.get("n_jets", 0))
    if n_jets < 1:
        raise InputError(path, "attribute n_jets", found=str(n_jets), expected="at least 1")
    edges = file["edges"][()].astype(np.float64)
    sums = np.empty((3, len(names), len(edges) - 1))
    for place, columns in enumerate(names.values()):
        for sum_index, (name, row) in enumerate(columns):
            values = group[name][row] if name in group else None
            if values is None or values.shape != (len(edges) + 1,):
                found = "no such dataset" if values is None else str(values.shape)
                raise InputError(path, name, found=found, expected=f"shape ({len(edges) + 1},)")
            sums[sum_index, place] = values[1:-1]  # without underflow (contact terms) and overflow
    total, squares, cross = sums
    means = CorrelatorMeans.of_sums(tuple(names), total, squares, cross, n_jets)
    return edges, means, n_jets

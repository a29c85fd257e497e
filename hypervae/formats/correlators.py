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
from contextlib import ExitStack
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from hypervae.config import CorrelatorsStageConfig
from hypervae.correlators.binning import Binning
from hypervae.correlators.sums import JetSums
from hypervae.data.jet_types import check_jet_type
from hypervae.errors import InputError
from hypervae.formats.correlator_sums import read_settings, read_sums, write_sums
from hypervae.formats.edges import read_edges
from hypervae.io import atomic_h5, software_versions
from hypervae.io.entries import WHOLE_NUMBERS
from hypervae.io.hdf5 import H5Reader

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
        entries = self._entries
        kind = entries.text("kind", "none")
        if kind != KIND:
            raise InputError(self.path, "attribute kind", found=repr(kind), expected=f"'{KIND}'")
        self.n_jets = entries.whole_number("n_jets", low=1)
        self.max_particles = entries.whole_number("max_particles", low=1)
        self.jet_type, self.content = entries.text("jet_type"), entries.text("content")
        if self.jet_type:
            check_jet_type(self.jet_type, self.path)
        self.settings = read_settings(entries)
        pairs = self.max_particles * (self.max_particles - 1) // 2
        shape = (self.n_jets, pairs)
        self._pair_bins = entries.dataset("pair_bins", shape, f"{shape}", WHOLE_NUMBERS)
        if self._pair_bins.dtype.kind != "u" or self._pair_bins.dtype.itemsize > 2:
            entries.refuse("pair_bins", f"type {self._pair_bins.dtype}", "uint8 or uint16")
        read_edges(entries, self.settings.bins)
        entries.group("all")

    @property
    def edges(self) -> NDArray[np.float64]:
        """[bins + 1] edges of the R_L bins."""
        return read_edges(self._entries, self.settings.bins)

    def sums(self, split: str = "train") -> JetSums | None:
        """Sums over the jets of a split, ``train`` or ``all``; None without jets.

        Parameters
        ----------
        split : {"train", "all"}

        Returns
        -------
        JetSums, optional
        """
        if split not in self._entries:
            return None
        sums = read_sums(self._entries.group(split), self.settings, self.max_particles)
        if offence := sums.offence():
            raise InputError(self.path, split, found=offence, expected=REAL_SUMS)
        if sums.n_jets > self.n_jets or (split == "all" and sums.n_jets < self.n_jets):
            raise InputError(
                self.path, f"{split}/n_jets", found=str(sums.n_jets), expected=f"{self.n_jets}"
            )
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
        return self._pair_bins.rows(start, stop)

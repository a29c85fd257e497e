"""Files of generated jets: shards, of one jet type or of several.

A file of several types is a shard but for two things: its attribute ``jet_type`` is ``"mixed"``, so
that whatever expects one type refuses it by that word, and a dataset ``jet_type`` [n] uint8 holds
the type of each jet, as JetNet numbers them. JetNet's tools read it like any other.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import CHUNK_ROWS, ShardWriter

#: The attribute ``jet_type`` of a file of several types, and its dataset.
MIXED, TYPES = "mixed", "jet_type"


class GeneratedWriter(ShardWriter):
    """Write generated jets; memory does not grow with their number.

    Parameters
    ----------
    path : path-like
    max_particles : int
    jet_types : sequence of str
        The types that the jets may be of; several make a mixed file.
    **attributes
        As for `ShardWriter`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        max_particles: int,
        *,
        jet_types: Sequence[str],
        **attributes: Any,
    ):
        super().__init__(path, max_particles, jet_type=jet_types[0], **attributes)
        self.mixed = len(jet_types) > 1
        if self.mixed:
            self._attributes["jet_type"] = MIXED
        self.redrawn = 0

    def __enter__(self) -> GeneratedWriter:
        super().__enter__()
        if self.mixed:
            # Without a name until the end: `append` of the base compares the columns of jets.
            self._types = self._file.create_dataset(
                None, shape=(0,), maxshape=(None,), dtype=np.uint8, chunks=(CHUNK_ROWS,)
            )
        return self

    def append(self, jets: Jets, types: NDArray[np.uint8] | None = None, redrawn: int = 0) -> None:
        """Append jets.

        Parameters
        ----------
        jets : Jets
        types : [n] uint8
            Type of each jet; only read for a mixed file.
        redrawn : int
            How many of them were drawn again.
        """
        super().append(jets)
        self.redrawn += redrawn
        if self.mixed:
            self._types.resize(self.n_jets, axis=0)
            self._types[self.n_jets - len(jets) :] = types

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if error_type is None:
            self._file.attrs["redrawn"] = self.redrawn
            if self.mixed:
                self._file[TYPES] = self._types
        return super().__exit__(error_type, value, traceback)


class TypedReader(ShardReader):
    """Read a shard of one jet type or of several.

    Parameters
    ----------
    path, jet_type
        As for `ShardReader`.

    Raises
    ------
    InputError
        As `ShardReader`; if a jet type is given for a mixed file, a mixed file does not say the
        type of each jet, or another file names no type and none is given.
    """

    def _jet_type(self, given: str | None) -> str | None:
        self.mixed = self.attributes.get("jet_type") == MIXED
        if not self.mixed:
            jet_type = super()._jet_type(given)
            if jet_type is None:
                raise InputError(
                    self.path, "jet_type", found="no jet type", expected="one, in the file or given"
                )
            return jet_type
        if given is not None:
            raise InputError(self.path, "jet_type", found=repr(MIXED), expected=repr(given))
        self._types = self._entries.dataset(TYPES, (self.n_jets,), f"[{self.n_jets}]")
        return None

    def types(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Types of the jets of rows [start, stop), as `JET_TYPES` numbers them.

        Parameters
        ----------
        start, stop : int
            Rows.

        Returns
        -------
        [stop - start] uint8
        """
        if self.jet_type is not None:
            rows = len(range(start, min(stop, self.n_jets)))
            return np.full(rows, JET_TYPES[self.jet_type], dtype=np.uint8)
        types = self._types.rows(start, stop)
        known = np.isin(types, list(JET_TYPES.values()))
        if not known.all():
            row = int(np.flatnonzero(~known)[0])
            raise InputError(
                self.path,
                f"{TYPES} of row {start + row}",
                found=str(types[row]),
                expected=", ".join(f"{number} ({name})" for name, number in JET_TYPES.items()),
            )
        return types.astype(np.uint8)

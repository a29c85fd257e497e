"""Reading correlator files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.stage import Sums
from hypervae.data.shard import naming_damage, open_h5
from hypervae.errors import InputError


class CorrelatorReader:
    """Read a correlator file; a context manager.

    Attributes
    ----------
    n_jets, max_particles : int
    jet_type : str
    settings : dict
        The config that it was computed with.
    content : str
        SHA-256 of the jets that it was computed from.

    Raises
    ------
    InputError
        If the file is unreadable or is no correlator file.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._file = open_h5(self.path)
        try:
            with naming_damage(self.path):
                self._check()
        except BaseException:
            self._file.close()
            raise

    def _check(self) -> None:
        attributes = dict(self._file.attrs)
        kind = attributes.get("kind")
        if kind != "correlators":
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
        self.settings: dict[str, Any] = json.loads(attributes["settings"])
        shape = self._file["pair_bins"].shape
        pairs = self.max_particles * (self.max_particles - 1) // 2
        if shape != (self.n_jets, pairs):
            raise InputError(
                self.path, "pair_bins", found=f"shape {shape}", expected=f"{(self.n_jets, pairs)}"
            )

    def __enter__(self) -> CorrelatorReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def edges(self) -> NDArray[np.float64]:
        """[bins + 1] edges of the R_L bins."""
        with naming_damage(self.path, "edges"):
            return self._file["edges"][()]

    def sums(self, split: str = "train") -> Sums | None:
        """Sums over the jets of a split, ``train`` or ``all``; None without jets."""
        if split not in self._file:
            return None
        with naming_damage(self.path, split):
            return Sums.read(self._file[split])

    def pair_bins(self, start: int = 0, stop: int | None = None) -> NDArray[np.unsignedinteger]:
        """[stop - start, P (P - 1) / 2] pair bins of the jets of rows [start, stop)."""
        rows = slice(start, self.n_jets if stop is None else stop)
        with naming_damage(self.path, "pair_bins"):
            return self._file["pair_bins"][rows]

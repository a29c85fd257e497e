"""Reading PyG graphs as the reference implementation, fijicist/hyperVAE, writes them.

A file is ``torch.save`` of ``{"graphs": [Data, ...], "metadata": {...}}`` or of a plain list of
``Data``. Read are, of a graph:

``x`` [particles, 4]
    (E, px, py, pz) in GeV, or another layout that is named. E is only held against the momenta:
    particles are massless here.
``y`` [4], optional
    (type, ln pt [GeV], eta, ln mass [GeV]) of the full jet; type is JetNet's index (g 0, q 1, t 2,
    w 3, z 4). Without ``y`` the jet features are those of the summed particles, hence not of the
    full jet.
``particle_norm_stats``, ``jet_norm_stats``, optional (in ``metadata``, else on the graph)
    Per column ("E", "px", "py", "pz"; "pt", "eta", "mass") either method "zscore" with mean and std
    or "minmax" with min and max; ``x`` and ``y`` are taken back with them.

All else (edges, hyperedges, line graphs) is computed anew from the particles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import UNITS
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.layouts import (
    AZIMUTHS,
    Layout,
    by_name,
    guess,
    odd_azimuth,
    odd_energies,
    present,
    spherical,
)
from hypervae.data.ranges import HIGHEST_PT, MOST_PARTICLES, is_standardized
from hypervae.errors import InputError

#: Of a tensor of a graph: particles of a jet, and columns.
MOST_NUMBERS = 16 * MOST_PARTICLES
OTHER_UNITS = "; hypervae import takes other units with --units"


@dataclass(frozen=True)
class GraphFile:
    """Graphs of a file and what undoes their normalization.

    Parameters
    ----------
    source : Path
        For error messages.
    graphs : sequence
        As `hypervae.data.graph_loading.load_graphs` gives them.
    metadata : mapping
    layout : Layout
        Of ``x``.
    """

    source: Path
    graphs: Sequence[Any]
    metadata: Mapping[str, Any]
    layout: Layout

    def label(self, row: int) -> NDArray[np.float64] | None:
        """``y`` of a graph, as stored; None without one.

        Parameters
        ----------
        row : int

        Returns
        -------
        [4] float64, optional
        """
        y = self._column(row, "y")
        if y is None or y.size == 0:
            return None
        y = y.reshape(-1)
        if y.size != 4:
            raise self._error(row, "y", f"{y.size} numbers", "type, ln pt, eta, ln mass")
        if not np.isfinite(y).all():
            raise self._error(row, "y", str(y), "finite numbers")
        return y

    def read(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Read a graph.

        Parameters
        ----------
        row : int

        Returns
        -------
        momenta : [particles, 3] float64
            (px, py, pz) [GeV].
        jet : [3] float64, optional
            (pt [GeV], eta, mass [GeV]); None without ``y``.

        Raises
        ------
        InputError
            If something is missing, no number, or not what the layout says.
        """
        jet = self._jet(row)
        x = self._particles(row)
        columns = by_name(x, self.layout)
        there = present(columns)
        if "mask" not in columns:
            there |= ~np.isfinite(x).all(axis=1)  # which is refused, and no padding
        if not there.any():
            raise self._error(row, "x", "no particle with pT > 0", "at least one")
        columns = {name: column[there] for name, column in columns.items()}
        finite = np.isfinite(np.stack(list(columns.values())))
        if not finite.all():
            raise self._error(row, "x", "NaN or infinity", "finite numbers")
        if wrong := odd_azimuth(columns, np.ones(there.sum(), dtype=bool)):
            name, odd = wrong
            found = f"{name} of {columns[name][odd][0]:.4g}"
            raise self._error(row, "x", found, f"{AZIMUTHS}{self._cause(row)}")
        self._check_energies(row, columns)
        if self.layout.is_relative and jet is None:
            raise self._error(row, "y", "none", "the jet that x is relative to")
        pt, eta, phi = spherical(columns, *(jet[:2] if jet is not None else (1.0, 0.0)))
        good = (pt > 0) & (pt <= HIGHEST_PT) & (np.abs(eta) <= 50)
        if not good.all():
            worst = int(np.flatnonzero(~good)[0])
            raise self._error(
                row,
                "x",
                f"a particle with pT {pt[worst]:.4g} GeV and eta {eta[worst]:.4g}",
                f"{self.layout} in {self.layout.units}{self._cause(row) or OTHER_UNITS}",
            )
        if "px" in columns:
            return np.stack([columns["px"], columns["py"], columns["pz"]], axis=-1), jet
        return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1), jet

    def _particles(self, row: int) -> NDArray[np.float64]:
        """``x`` of a graph, its normalization undone."""
        width = len(self.layout.columns)
        x = self._column(row, "x")
        if x is None or x.ndim != 2 or x.shape[1] != width or len(x) == 0:
            found = "none" if x is None else f"shape {x.shape}"
            names = " ".join(self.layout.columns)
            raise self._error(row, "x", found, f"[particles, {width}], {names}")
        key = "particle_norm_stats"
        stats = self._stats(row, key)
        if stats and not np.isfinite(x).all():
            raise self._error(row, "x", "NaN or infinity", "finite numbers")
        return self._restored(row, x, stats, self.layout.columns, key)

    def _jet(self, row: int) -> NDArray[np.float64] | None:
        label = self.label(row)
        if label is None:
            return None
        key = "jet_norm_stats"
        names = ("pt", "eta", "mass")
        ln_pt, eta, ln_mass = self._restored(row, label[1:], self._stats(row, key), names, key)
        if max(ln_pt, ln_mass) > 50:
            raise self._error(
                row, "y", f"ln pt {ln_pt:.4g}, ln mass {ln_mass:.4g}", "logarithms of GeV"
            )
        unit = UNITS[self.layout.units]
        return np.array([np.exp(ln_pt) * unit, eta, np.exp(ln_mass) * unit])

    def _check_energies(self, row: int, columns: Mapping[str, NDArray]) -> None:
        """Refuse a graph most of whose energies are not those of its momenta."""
        odd = odd_energies(columns)
        if odd is None or odd.mean() <= 0.5:
            return
        worst = int(np.flatnonzero(odd)[0])
        values = ", ".join(f"{column[worst]:.4g}" for column in columns.values())
        raise self._error(
            row,
            "x",
            f"{int(odd.sum())} of {odd.size} energies that are not |p|, such as "
            f"({', '.join(columns)}) = ({values})",
            f"{self.layout} in GeV, E about |p|{self._cause(row)}",
        )

    def _cause(self, row: int) -> str:
        """What the file looks like, as the end of a sentence."""
        values = [self._column(place, "x") for place in range(min(len(self.graphs), 100))]
        same = [x for x in values if x is not None and x.ndim == 2 and x.shape[1] == 4 and len(x)]
        if not same:
            return ""
        padded = np.zeros((len(same), max(map(len, same)), 4))
        for place, x in enumerate(same):
            padded[place, : len(x)] = x
        if is_standardized(padded) or is_standardized(padded[..., 1:]):
            key = "particle_norm_stats"
            return f"; x looks normalized, and there are no {key} that undo it"
        found = guess(padded)
        if found is None or found == self.layout:
            return ""
        options = f"--layout {','.join(found.columns)}"
        if found.angles == "degrees":
            options += " --angles degrees"
        return f"; x looks like {found}, which hypervae import takes with {options}"

    def _column(self, row: int, name: str) -> NDArray[np.float64] | None:
        """An array of a graph, whatever kind of tensor holds it."""
        import torch

        graph = self.graphs[row]
        value = graph.get(name) if name in graph else None
        if value is None:
            return None
        try:
            if isinstance(value, torch.Tensor):
                if value.is_complex() or value.layout != torch.strided:
                    raise TypeError
                # a tensor may stand for more numbers than the file has
                if value.numel() > MOST_NUMBERS:
                    shape, most = list(value.shape), f"at most {MOST_NUMBERS} numbers"
                    raise self._error(row, name, f"shape {shape}", most)
                # of a leaf that asks for gradients, and of types that NumPy does not have
                value = value.detach().to("cpu", torch.float64).numpy()
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise TypeError
            return array.astype(np.float64)
        except (TypeError, ValueError, RuntimeError) as error:
            kind = str(getattr(value, "dtype", type(value).__name__))
            if isinstance(value, torch.Tensor) and value.layout != torch.strided:
                kind = f"{value.layout} {kind}"
            raise self._error(row, name, kind, "numbers") from error

    def _stats(self, row: int, key: str) -> Mapping[str, Any]:
        """Statistics of a normalization, of the file or of the graph; empty without."""
        graph = self.graphs[row]
        for stats in (self.metadata.get(key), graph.get(key) if key in graph else None):
            if stats is None:
                continue
            if not isinstance(stats, Mapping):
                raise self._error(row, key, _shown(stats), "a mapping of columns")
            if stats:
                return stats
        return {}

    def _restored(
        self,
        row: int,
        values: NDArray[np.float64],
        stats: Mapping[str, Any],
        columns: Sequence[str],
        key: str,
    ) -> NDArray[np.float64]:
        """Undo a normalization, column by column."""
        if not stats:
            return values
        restored = values.copy()
        for index, column in enumerate(columns):
            try:
                stat = stats[column]
                method = stat["method"]
                if method == "zscore":
                    offset, scale = _number(stat["mean"]), _number(stat["std"])
                elif method == "minmax":
                    offset = _number(stat["min"])
                    scale = _number(stat["max"]) - offset
                else:
                    raise KeyError("method")
            except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
                raise self._error(
                    row,
                    key,
                    _shown(stats),
                    f"'{column}' with method zscore (mean, std) or minmax (min, max), finite "
                    "numbers",
                ) from error
            restored[..., index] = values[..., index] * scale + offset
        return restored

    def _error(self, row: int, name: str, found: str, expected: str) -> InputError:
        return InputError(self.source, f"graph {row}: {name}", found=found, expected=expected)

    def rows_of(self, jet_type: str) -> tuple[list[int], int]:
        """Rows of the graphs of one jet type, and how many others there are.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        rows : list of int
        others : int
        """
        rows, seen = [], set()
        names: dict[float, str] = {index: name for name, index in JET_TYPES.items()}
        for row in range(len(self.graphs)):
            label = self.label(row)
            found = None if label is None else names.get(float(label[0]), f"index {label[0]:g}")
            if found in (None, jet_type):
                rows.append(row)
            else:
                seen.add(found)
        if not rows:
            raise InputError(
                self.source,
                "y (jet type)",
                found=f"only {', '.join(sorted(seen))}",
                expected=f"{jet_type} ({JET_TYPES[jet_type]})",
            )
        return rows, len(self.graphs) - len(rows)


def _shown(value: Any) -> str:
    """A value of any kind in one short line."""
    return f"{type(value).__name__} {' '.join(repr(value).split()):.200}"


def _number(value: Any) -> float:
    """A finite number, also out of a tensor; text is none."""
    if isinstance(value, str | bytes | bool):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number

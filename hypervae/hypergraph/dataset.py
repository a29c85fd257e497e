"""A dataset of jets as PyG hypergraphs, read from shards and their correlator files."""

from __future__ import annotations

import bisect
import os
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from torch_geometric.data import Data

from hypervae.correlators.features import jet_targets, pair_features
from hypervae.correlators.geometry import pair_count, weights
from hypervae.correlators.set_features import set_features
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets
from hypervae.data.split import SPLITS, split_of
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard import ShardReader
from hypervae.hypergraph.incidence import edge_index, hyperedge_index
from hypervae.kinematics import four_momenta
from hypervae.normalization import Normalization, Scaler
from hypervae.normalization.sources import find_sources

_BLOCK = 1000  # jets read at once: a chunk of the files


class HypergraphDataset(Dataset):
    """One PyG ``Data`` a jet, in the keys that users of the reference implementation know.

    ``x`` [n, 4]
        (E, px, py, pz) over one stored scale.
    ``edge_index`` [2, n (n - 1)], ``edge_attr`` [n (n - 1), 5]
        Both directions of each pair; (ln E2C, ln Delta, ln kT, ln z, ln m^2), normalized.
    ``hyperedge_index`` [2, incidences], ``hyperedge_attr`` [K, F]
        All sets of the configured sizes among the hardest particles; (ln(ENC/E2C) per order, ln w),
        normalized.
    ``y`` [4]
        (type, ln pt, eta, ln mass), the latter three normalized.
    ``particle_norm_stats``, ``jet_norm_stats``, ``edge_norm_stats``, ``hyperedge_norm_stats``
        Per feature the method with its numbers, which undo it all (see `undo`).

    Nothing but pair bins is stored for edges and hyperedges: features are looked up and computed
    when read, the incidence follows from the number of particles.

    Parameters
    ----------
    shards, correlators : sequences of paths
        One correlator file for each shard, in the same order.
    normalization : path-like
    split : {"train", "validation", "test"}, optional
        Which jets; all when left out.

    Raises
    ------
    InputError
        If files do not belong together.
    """

    def __init__(
        self,
        shards: Sequence[str | os.PathLike[str]],
        correlators: Sequence[str | os.PathLike[str]],
        normalization: str | os.PathLike[str],
        split: str | None = None,
    ):
        self.normalization = read_normalization(normalization)
        self.sources = find_sources(shards, correlators, self.normalization, normalization)
        self.stats = norm_stats(self.normalization)
        self._rows = [self._rows_of(place, split) for place in range(len(self.sources))]
        self._ends = list(accumulate(len(rows) for rows in self._rows))
        self._block: tuple[int, int] | None = None

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Data:
        if not -len(self) <= index < len(self):
            raise IndexError(f"jet {index} of {len(self)}")
        index %= len(self)
        place = bisect.bisect_right(self._ends, index)
        row = int(self._rows[place][index - (self._ends[place - 1] if place else 0)])
        self._load(place, row // _BLOCK * _BLOCK)
        return self._graph(row % _BLOCK)

    def _rows_of(self, place: int, split: str | None) -> np.ndarray:
        source = self.sources[place]
        if split is None:
            return np.arange(source.n_jets)
        config = self.normalization.settings.split
        with ShardReader(source.shard, source.jet_type) as reader:
            parts = []
            for start in range(0, reader.n_jets, 10 * _BLOCK):
                jets = reader.read(start, start + 10 * _BLOCK)
                chosen = split_of(jets, config, start) == SPLITS[split]
                parts.append(start + np.flatnonzero(chosen))
        return np.concatenate(parts)

    def _load(self, place: int, start: int) -> None:
        """Read the block of jets that begins at a row, unless it is at hand."""
        if self._block == (place, start):
            return
        source = self.sources[place]
        with ShardReader(source.shard, source.jet_type) as reader:
            jets = reader.read(start, start + _BLOCK)
        with CorrelatorReader(source.correlators) as reader:
            self._pair_bins = reader.pair_bins(start, start + len(jets))
        self._prepare(jets, JET_TYPES[source.jet_type])
        self._block = (place, start)

    def _prepare(self, jets: Jets, type_index: int) -> None:
        merged = self.normalization
        self._counts = jets.multiplicity
        self._hardest = np.minimum(self._counts, merged.hyperedge_particles)
        momenta = four_momenta(jets.particle_features, jets.jet_features)
        self._x = torch.from_numpy((momenta / merged.momentum_scale).astype(np.float32))
        targets = merged.jet.forward(jet_targets(jets))
        types = np.full((len(jets), 1), type_index)
        self._y = torch.from_numpy(np.concatenate([types, targets], axis=1).astype(np.float32))
        self._pairs = pair_features(jets)
        weight = weights(jets, merged.settings.weight, merged.settings.exponent)
        self._logs = np.log(np.where(jets.mask, weight, 1.0))

    def _graph(self, row: int) -> Data:
        merged, n = self.normalization, int(self._counts[row])
        pairs = pair_count(n)
        pair_bins = self._pair_bins[row]
        features = np.concatenate(
            [merged.ln_e2c[pair_bins[:pairs], None], self._pairs[row, :pairs]], axis=1
        )
        edges = torch.from_numpy(merged.edge.forward(features).astype(np.float32))
        orders = merged.hyperedge_orders
        values, _ = set_features(
            pair_bins[None],
            self._hardest[row : row + 1],
            self._logs[row : row + 1].astype(np.float32),
            orders,
            merged.ln_ratio.T,
        )
        hyperedges = merged.hyperedge.forward(values[0].astype(np.float64)).astype(np.float32)
        return Data(
            x=self._x[row, :n].clone(),
            edge_index=edge_index(n),
            edge_attr=torch.cat([edges, edges]),
            hyperedge_index=hyperedge_index(int(self._hardest[row]), tuple(orders)),
            hyperedge_attr=torch.from_numpy(hyperedges),
            y=self._y[row].clone(),
            **self.stats,
        )


def norm_stats(normalization: Normalization) -> dict[str, dict[str, dict[str, Any]]]:
    """What undoes the normalization, by the names that `Data` carries it under.

    Parameters
    ----------
    normalization : Normalization

    Returns
    -------
    dict
        Of ``particle_norm_stats``, ``jet_norm_stats``, ``edge_norm_stats`` and
        ``hyperedge_norm_stats``: per feature ``{"method": "zscore", "mean", "std"}`` or
        ``{"method": "minmax", "min", "max"}``. Particles have one scale for all components.
    """

    def stats(scaler: Scaler, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        out = {}
        for name, offset, scale in zip(names, scaler.offset, scaler.scale, strict=True):
            offset, scale = float(offset), float(scale)
            if normalization.method == "zscore":
                out[name] = {"method": "zscore", "mean": offset, "std": scale}
            else:
                out[name] = {"method": "minmax", "min": offset, "max": offset + scale}
        return out

    scale = {"method": "zscore", "mean": 0.0, "std": normalization.momentum_scale}
    return {
        "particle_norm_stats": {name: dict(scale) for name in ("E", "px", "py", "pz")},
        "jet_norm_stats": stats(normalization.jet, ("pt", "eta", "mass")),
        "edge_norm_stats": stats(normalization.edge, normalization.edge.names),
        "hyperedge_norm_stats": stats(normalization.hyperedge, normalization.hyperedge.names),
    }


def undo(values: torch.Tensor, stats: Mapping[str, Mapping[str, Any]]) -> torch.Tensor:
    """Take normalized features [..., F] back to what they were.

    Parameters
    ----------
    values : Tensor
        E.g. ``data.edge_attr``, or ``data.y[1:]``.
    stats : mapping
        E.g. ``data.edge_norm_stats``; in the order of the features.

    Returns
    -------
    [..., F] float64
    """
    offsets, scales = [], []
    for stat in stats.values():
        zscore = stat["method"] == "zscore"
        offsets.append(stat["mean"] if zscore else stat["min"])
        scales.append(stat["std"] if zscore else stat["max"] - stat["min"])
    return values.double() * torch.tensor(scales).double() + torch.tensor(offsets).double()

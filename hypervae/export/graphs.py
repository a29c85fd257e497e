"""Turn shards into PyG graphs, for users of other codes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import Data

from hypervae.correlators.features import PAIR_FEATURES, jet_targets, pair_features
from hypervae.correlators.geometry import pair_count
from hypervae.data.jets import Jets
from hypervae.generation.files import MIXED, TypedReader
from hypervae.hypergraph.incidence import edge_index
from hypervae.io import atomic_path
from hypervae.io.guarded import guarded
from hypervae.kinematics import four_momenta
from hypervae.model.files import paths_of
from hypervae.progress import Progress

if TYPE_CHECKING:
    from hypervae.export.decoded import DecodedHypergraphs

_CHUNK = 2000


@guarded(reads=("shard", ("decoded.model_dir", paths_of)), writes=("output",))
def export_graphs(
    shard: str | os.PathLike[str],
    output: str | os.PathLike[str],
    jet_type: str | None = None,
    decoded: DecodedHypergraphs | None = None,
) -> int:
    """Write a shard as a list of PyG graphs, one a jet, in the keys that `import` reads.

    Nothing is normalized. Of a jet with n particles: ``x`` [n, 4] = (E, px, py, pz) in GeV, sorted
    by falling pT; ``edge_index`` [2, n (n - 1)], each pair in both directions; ``edge_attr``
    [n (n - 1), 4] = (ln Delta, ln kT, ln z, ln m^2), computed from the particles; ``y`` [4] =
    (type, ln pt, eta, ln mass), the mass floored at 1 GeV. With `decoded`, ``edge_attr`` and
    further keys are what the model itself decoded; see `DecodedHypergraphs`.

    The file is ``torch.save`` of ``{"graphs": [Data, ...], "metadata": {...}}``, the list in memory
    all at once.

    Parameters
    ----------
    shard, output : path-like
        HDF5 in the shard layout, of one jet type or mixed, and the file to write (``.pt``).
    jet_type : str, optional
        For shards that do not name theirs.
    decoded : DecodedHypergraphs, optional
        For a generated shard.

    Returns
    -------
    int
        Number of graphs.

    Raises
    ------
    InputError
        As `TypedReader` and `DecodedHypergraphs`.
    """
    graphs: list[Data] = []
    with TypedReader(shard, jet_type) as reader:
        batches = _chunks(reader) if decoded is None else decoded.batches(reader)
        with Progress(reader.n_jets, f"export {reader.path.name}", "jets") as progress:
            for jets, extras in batches:
                types = reader.types(len(graphs), len(graphs) + len(jets))
                graphs += _graphs(jets, types, extras)
                progress.update(len(jets))
    metadata: dict[str, Any] = {
        "jet_type": reader.jet_type or MIXED,
        "edge_attr": list(PAIR_FEATURES),
        "units": "GeV",
    }
    if decoded is not None:
        metadata |= decoded.metadata
    # An open file: of a path torch would write the name into the archive, and a full disk would be
    # a RuntimeError.
    with atomic_path(output) as temporary, open(temporary, "wb") as file:
        torch.save({"graphs": graphs, "metadata": metadata}, file)
    return len(graphs)


def _chunks(reader: TypedReader) -> Iterator[tuple[Jets, list[dict[str, Any]]]]:
    """Jets, and beside each the features that its particles give to its pairs."""
    for jets in reader.chunks(_CHUNK):
        edges = pair_features(jets, np.float32)
        counts = [pair_count(int(particles)) for particles in jets.multiplicity]
        yield (
            jets,
            [
                {"edge_attr": torch.from_numpy(edges[row, :count].copy())}
                for row, count in enumerate(counts)
            ],
        )


def _graphs(jets: Jets, types: NDArray[np.uint8], extras: list[dict[str, Any]]) -> list[Data]:
    momenta = four_momenta(jets.particle_features, jets.jet_features).astype(np.float32)
    labels = np.concatenate([types[:, None], jet_targets(jets)], axis=1).astype(np.float32)
    graphs = []
    for row, particles in enumerate(jets.multiplicity):
        extra = dict(extras[row])
        edges = extra.pop("edge_attr")
        graphs.append(
            Data(
                x=torch.from_numpy(momenta[row, :particles].copy()),
                edge_index=edge_index(int(particles)).clone(),
                edge_attr=torch.cat([edges, edges]),
                y=torch.from_numpy(labels[row].copy()),
                **extra,
            )
        )
    return graphs

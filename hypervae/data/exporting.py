"""Turn shards into PyG graphs, for users of other codes."""

from __future__ import annotations

import os

import numpy as np

from hypervae.correlators.features import PAIR_FEATURES, jet_targets, pair_features
from hypervae.correlators.geometry import pair_count, pair_indices
from hypervae.data.jets import JET_TYPES
from hypervae.data.shard import ShardReader
from hypervae.errors import InputError
from hypervae.io import atomic_path
from hypervae.kinematics import four_momenta
from hypervae.progress import Progress


def export_graphs(
    shard: str | os.PathLike[str], output: str | os.PathLike[str], jet_type: str | None = None
) -> int:
    """Write a shard as a list of PyG graphs, one a jet, in the keys that `import` reads.

    Of a jet with n particles: ``x`` [n, 4] = (E, px, py, pz) in GeV; ``edge_index`` [2, n (n - 1)],
    each pair in both directions; ``edge_attr`` [n (n - 1), 4] = (ln Delta, ln kT, ln z, ln m^2),
    un-normalized; ``y`` [4] = (type, ln pt, eta, ln mass). With metadata ``{"graphs": [...],
    "metadata": {...}}``, loaded with ``torch.load(weights_only=True)``.

    Parameters
    ----------
    shard, output : path-like
        HDF5 in the shard layout, and the file to write (``.pt``).
    jet_type : str, optional
        For shards that do not name theirs.

    Returns
    -------
    int
        Number of graphs.

    Raises
    ------
    InputError
        As `ShardReader`, or if no jet type is known.
    """
    import torch
    from torch_geometric.data import Data

    graphs = []
    with ShardReader(shard, jet_type) as reader:
        if reader.jet_type is None:
            raise InputError(
                reader.path, "jet_type", found="no jet type", expected="one, in the file or given"
            )
        kind = JET_TYPES[reader.jet_type]
        with Progress(reader.n_jets, f"export {reader.path.name}", "jets") as progress:
            for jets in reader.chunks(2000):
                momenta = four_momenta(jets.particle_features, jets.jet_features)
                edges = pair_features(jets, np.float32)
                targets = jet_targets(jets)
                for row, particles in enumerate(jets.multiplicity):
                    first, second = pair_indices(int(particles))
                    attributes = torch.from_numpy(edges[row, : pair_count(int(particles))].copy())
                    there = torch.from_numpy(np.stack([first, second]))
                    graphs.append(
                        Data(
                            x=torch.from_numpy(momenta[row, :particles].astype(np.float32)),
                            edge_index=torch.cat([there, there.flip(0)], dim=1),
                            edge_attr=torch.cat([attributes, attributes]),
                            y=torch.tensor([kind, *targets[row]], dtype=torch.float32),
                        )
                    )
                progress.update(len(jets))
    metadata = {"jet_type": reader.jet_type, "edge_attr": list(PAIR_FEATURES), "units": "GeV"}
    with atomic_path(output) as temporary:
        torch.save({"graphs": graphs, "metadata": metadata}, temporary)
    return len(graphs)

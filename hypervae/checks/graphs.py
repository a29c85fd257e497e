"""Check PyG graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hypervae.data.importing import GraphJets
from hypervae.errors import InputError


def check_graphs(path: Path) -> list[str]:
    """Describe a list of PyG graphs, or raise `InputError`; see `check_file`.

    Particles and jets are read as `hypervae import` reads them, so that both agree.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        Lines to show.
    """
    jets = GraphJets(path)
    graphs = jets.file.graphs
    for _ in jets.batches(range(len(graphs))):
        pass
    edges = sum(_check_edges(path, number, graph) for number, graph in enumerate(graphs))
    nodes = sum(len(graph.x) for graph in graphs)
    count = len(graphs)
    return [
        f"{count} PyG graphs, {nodes / count:.2f} particles and {edges / count:.1f} edges a jet"
    ]


def _check_edges(path: Path, number: int, graph: Any) -> int:
    """Check the edges of a graph, which import does not read; returns how many there are."""

    def refuse(name: str, found: str, expected: str) -> None:
        raise InputError(path, f"graph {number}: {name}", found=found, expected=expected)

    features = graph.get("edge_attr")
    if features is not None:
        if not isinstance(features, torch.Tensor):
            refuse("edge_attr", type(features).__name__, "a tensor")
        if not torch.isfinite(features).all():
            refuse("edge_attr", "NaN or infinity", "numbers")
    index = graph.get("edge_index")
    if index is None:
        return 0
    if not isinstance(index, torch.Tensor) or index.ndim != 2 or len(index) != 2:
        refuse("edge_index", f"{getattr(index, 'shape', type(index).__name__)}", "[2, edges]")
    nodes = len(graph.x)
    if index.numel() and (index.min() < 0 or index.max() >= nodes):
        refuse("edge_index", f"node {int(index.max())}", f"0 to {nodes - 1}")
    return index.shape[1]

"""Check PyG graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hypervae.data.importing import GraphJets
from hypervae.errors import InputError

# Bytes below which a tensor is looked at whatever it shares.
_UNJUDGED = 2**24


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

    for name in ("edge_attr", "edge_index"):
        tensor = graph.get(name)
        if tensor is None:
            continue
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            found = getattr(tensor, "layout", type(tensor).__name__)
            refuse(name, str(found), "a tensor of numbers")
        # what an expanded tensor stands for may be more than fits into memory
        stored = tensor.untyped_storage().nbytes()
        if tensor.numel() * tensor.element_size() > max(stored, _UNJUDGED):
            refuse(name, f"shape {list(tensor.shape)} of {stored} bytes", "as many as it needs")
    features = graph.get("edge_attr")
    if features is not None and (features.is_complex() or not torch.isfinite(features).all()):
        refuse("edge_attr", "NaN or infinity", "numbers")
    index = graph.get("edge_index")
    if index is None:
        return 0
    if index.ndim != 2 or len(index) != 2:
        refuse("edge_index", f"shape {list(index.shape)}", "[2, edges]")
    if index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
        refuse("edge_index", str(index.dtype), "whole numbers")
    nodes = len(graph.x)
    if index.numel() and (index.min() < 0 or index.max() >= nodes):
        refuse("edge_index", f"node {int(index.max())}", f"0 to {nodes - 1}")
    return index.shape[1]

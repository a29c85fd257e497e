"""Check exported PyG graphs."""

from __future__ import annotations

from pathlib import Path

import torch

from hypervae.data.importing import load_graphs
from hypervae.errors import InputError


def check_graphs(path: Path) -> list[str]:
    """Describe a list of PyG graphs, or raise `InputError`; see `check_file`.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        Lines to show.
    """
    graphs, _ = load_graphs(path)
    nodes = edges = 0
    for number, graph in enumerate(graphs):
        for name, width in (("x", 4), ("edge_attr", None), ("y", 4)):
            value = getattr(graph, name, None)
            if value is None:
                if name == "x":
                    raise InputError(path, f"graph {number}: x", found="none", expected="[n, 4]")
                continue
            if not torch.isfinite(value).all():
                raise InputError(
                    path, f"graph {number}: {name}", found="NaN or infinity", expected="numbers"
                )
            if width is not None and value.shape[-1] != width:
                raise InputError(
                    path,
                    f"graph {number}: {name}",
                    found=f"shape {tuple(value.shape)}",
                    expected=f"[..., {width}]",
                )
        nodes += len(graph.x)
        index = getattr(graph, "edge_index", None)
        if index is not None:
            edges += index.shape[1]
            if index.numel() and (index.min() < 0 or index.max() >= len(graph.x)):
                raise InputError(
                    path,
                    f"graph {number}: edge_index",
                    found=f"node {int(index.max())}",
                    expected=f"0 to {len(graph.x) - 1}",
                )
    count = len(graphs)
    return [
        f"{count} PyG graphs, {nodes / count:.2f} particles and {edges / count:.1f} edges a jet"
    ]

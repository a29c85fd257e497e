"""FPND: the Fréchet distance of a ParticleNet's activations (Kansal et al., arXiv:2106.11535).

Generated jets are compared with real JetNet, whose statistics and trained network ship with the
jetnet package: also where the model learned from simulated jets.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.evaluation.distance import MetricValue
from hypervae.evaluation.jetnet import coordinates, seeded_jetnet
from hypervae.seeds import rng

JETS = 50_000
#: What the statistics were made of.
JET_TYPES = ("g", "q", "t")
PARTICLES = 30
#: A replica takes a square root of a 256 x 256 matrix.
REPLICAS = 20
_BATCH = 16


def fpnd(jets: Jets, jet_type: str, *, seed: int) -> MetricValue:
    """FPND of a sample against the real jets of JetNet.

    The value is jetnet's, of the first 50,000 jets; the error a bootstrap's over jets. ptrel must
    be relative to the full jet's pT, as it is in JetNet: of jets whose ptrel sum to 1 FPND is
    above 10.

    Parameters
    ----------
    jets : Jets
        At most 30 particles each.
    jet_type : {"g", "q", "t"}
    seed : int
        Of the bootstrap.
    """
    with seeded_jetnet(seed) as gen_metrics, knn_stand_in():
        gen_metrics._init_fpnd_dict("jetnet", jet_type, PARTICLES, 3)
        real = gen_metrics.fpnd_dict["jetnet"][PARTICLES][jet_type]
        found = activations(jets[:JETS], real["pnet"])

        def distance(rows: NDArray[Any]) -> float:
            mu, sigma = found[rows].mean(axis=0), np.cov(found[rows], rowvar=False)
            statistics = (real["mu"], real["sigma"], mu, sigma)
            return float(gen_metrics._calculate_frechet_distance(*statistics))

        value = distance(np.arange(len(found)))
        generator = rng(seed, "fpnd")
        drawn = [distance(generator.integers(len(found), size=len(found))) for _ in range(REPLICAS)]
    return MetricValue(float(value), float(np.std(drawn, ddof=1)))


def activations(jets: Jets, network: Any) -> NDArray[np.float32]:
    """[n, 256] activations of jetnet's ParticleNet, without the gradients that jetnet would keep.

    Parameters
    ----------
    jets : Jets
    network : torch.nn.Module
        jetnet's ``_ParticleNet``.
    """
    import torch
    from jetnet.datasets import JetNet

    # Jets of 30 particles in more slots are cut to 30; those in fewer are padded.
    particles = coordinates(jets)[:, :PARTICLES]
    missing = PARTICLES - particles.shape[1]
    inputs = torch.tensor(np.pad(particles, ((0, 0), (0, missing), (0, 0))), dtype=torch.float32)
    JetNet.fpnd_norm(inputs, inplace=True)
    network.eval()
    with torch.no_grad():
        batches = [network(batch, ret_activations=True) for batch in inputs.split(_BATCH)]
    return torch.cat(batches).numpy()


@contextmanager
def knn_stand_in() -> Iterator[None]:
    """Have a ``torch_cluster`` with a ``knn_graph`` while jetnet's ParticleNet is imported.

    The package is compiled for each version of torch and seldom installed. Where it is, it is used.
    """
    # First: it asks which of its companions are installed, and the stand-in would confuse it.
    import torch_geometric.nn  # noqa: F401

    try:
        import torch_cluster  # noqa: F401

        installed = True
    except ImportError:
        installed = False
        stand_in = types.ModuleType("torch_cluster")
        vars(stand_in)["knn_graph"] = knn_graph
        sys.modules["torch_cluster"] = stand_in
    try:
        import jetnet.evaluation.particlenet  # noqa: F401

        yield
    finally:
        if not installed:
            sys.modules.pop("torch_cluster", None)


def knn_graph(x: Any, k: int, batch: Any) -> Any:
    """Edges from the `k` nearest neighbours to each node, as ``torch_cluster.knn_graph``.

    Parameters
    ----------
    x : Tensor [nodes, F]
    k : int
    batch : Tensor [nodes]
        Graph of each node; all graphs have the same number of nodes, one after another.

    Returns
    -------
    Tensor [2, nodes k] int64
        Neighbour and node; no node is its own neighbour.
    """
    import torch

    size = int((batch == batch[0]).sum())
    graphs = len(x) // size
    points = x.view(graphs, size, -1)
    distances = torch.cdist(points, points)
    distances.diagonal(dim1=1, dim2=2).fill_(float("inf"))
    nearest = distances.topk(k, dim=2, largest=False).indices
    first = torch.arange(graphs, device=x.device) * size
    neighbours = (nearest + first[:, None, None]).flatten()
    nodes = torch.arange(len(x), device=x.device).repeat_interleave(k)
    return torch.stack([neighbours, nodes])

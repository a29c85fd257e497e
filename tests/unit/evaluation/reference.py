"""The jetnet package, with which our metrics are compared: how to import it, seeds, column order.

jetnet imports EnergyFlow, which imports Wasserstein, of which no release is built for NumPy 2; and
its ParticleNet imports torch_cluster, which is compiled for each version of torch. Of neither is
anything needed here but the import, so that an empty module stands in.
"""

import sys
import types
import warnings
from contextlib import contextmanager

import numpy as np
import torch


def energyflow():
    """EnergyFlow, without its EMDs."""
    with stand_in("wasserstein"):
        import energyflow

        return energyflow


def gen_metrics():
    """``jetnet.evaluation.gen_metrics``, without its EMDs."""
    with stand_in("wasserstein"):
        from jetnet.evaluation import gen_metrics

        return gen_metrics


def particlenet():
    """The ParticleNet of jetnet."""
    gen_metrics()
    # First: it asks which of its companions are installed, and the stand-in would confuse it.
    import torch_geometric.nn  # noqa: F401

    with stand_in("torch_cluster", knn_graph=knn_graph):
        from jetnet.evaluation.particlenet import _ParticleNet

        return _ParticleNet


@contextmanager
def stand_in(name, **content):
    """Have a module of this name while something is imported."""
    already = sys.modules.get(name)
    module = types.ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]
        if already is not None:
            sys.modules[name] = already


@contextmanager
def seeded_jetnet(seed):
    """`gen_metrics` with its module-level generator, which is unseeded, replaced."""
    metrics = gen_metrics()
    unseeded, metrics.rng = metrics.rng, np.random.default_rng(seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Recommended number of", RuntimeWarning)
            yield metrics
    finally:
        metrics.rng = unseeded


def coordinates(jets):
    """[n, P, 3] (etarel, phirel, ptrel), as jetnet's functions take jets.

    In float64: jetnet takes masses from sums of four-momenta in the precision of its input, and in
    float32 E^2 - p^2 of a light jet is rounding.
    """
    return jets.particle_features[..., :3].astype(np.float64)


def knn_graph(x, k, batch):
    """Edges from the `k` nearest neighbours to each node, as ``torch_cluster.knn_graph``."""
    size = int((batch == batch[0]).sum())
    graphs = len(x) // size
    points = x.view(graphs, size, -1)
    distances = torch.cdist(points, points)
    distances.diagonal(dim1=1, dim2=2).fill_(float("inf"))
    nearest = distances.topk(k, dim=2, largest=False).indices
    first = torch.arange(graphs) * size
    neighbours = (nearest + first[:, None, None]).flatten()
    return torch.stack([neighbours, torch.arange(len(x)).repeat_interleave(k)])

"""FPND: the Fréchet distance of a ParticleNet's activations (Kansal et al., arXiv:2106.11535).

Generated jets are compared with real JetNet, whose statistics and trained network ship with the
jetnet package: also where the model learned from simulated jets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import Jets
from hypervae.evaluation.distance import MetricValue
from hypervae.evaluation.frechet import frechet_distance
from hypervae.seeds import rng

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

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

    Returns
    -------
    MetricValue
    """
    from hypervae.evaluation.particlenet import real_statistics, trained_particlenet

    real = real_statistics(jet_type)
    found = activations(jets[:JETS], trained_particlenet())

    def distance(rows: NDArray[Any]) -> float:
        mean, covariance = rows.mean(axis=0), np.cov(rows, rowvar=False)
        return frechet_distance(*real, mean, covariance)

    generator = rng(seed, "fpnd")
    drawn = [
        distance(found[generator.integers(len(found), size=len(found))]) for _ in range(REPLICAS)
    ]
    return MetricValue(distance(found), float(np.std(drawn, ddof=1)))


def activations(jets: Jets, network: Module) -> NDArray[np.float32]:
    """[n, 256] activations of a network.

    Parameters
    ----------
    jets : Jets
    network : torch.nn.Module
        From [n, 30, 3], e.g. `hypervae.evaluation.particlenet.trained`.

    Returns
    -------
    [n, 256]
    """
    import torch

    # Jets of 30 particles in more slots are cut to 30; those in fewer are padded.
    particles = jets.particle_features[:, :PARTICLES, :3]
    missing = PARTICLES - particles.shape[1]
    inputs = torch.from_numpy(np.pad(particles, ((0, 0), (0, missing), (0, 0))))
    with torch.no_grad():
        batches: list[Tensor] = [network(batch) for batch in inputs.split(_BATCH)]
    return torch.cat(batches).numpy()

"""The ParticleNet of FPND (Qu and Gouskos, arXiv:1902.08570), as trained for jetnet.

Its weights, and the statistics of the real jets' activations, are files of the jetnet package. They
are read without importing it: it imports EnergyFlow, which imports Wasserstein, of which no release
is built for NumPy 2. Batches here are dense, [jets, particles, features], so that neither
torch_geometric nor the compiled torch_cluster is needed for them.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: Particles of the jets on which it was trained, and their features (etarel, phirel, ptrel).
PARTICLES, FEATURES = 30, 3
ACTIVATIONS = 256
#: By which the features are divided, and what is then added: the largest values in JetNet.
LARGEST = (1.6211985349655151, 0.520724892616272, 0.8934717178344727)
SHIFTS = (0.0, 0.0, -0.5)
_NEIGHBOURS = 16
_WIDTHS = (64, 128, 256)


class ParticleNet(nn.Module):
    """Three edge convolutions over the 16 nearest neighbours, the mean, and one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        features = FEATURES
        self.edge_nets = nn.ModuleList()
        for width in _WIDTHS:
            layers: list[nn.Module] = []
            for inputs in (2 * features, width, width):
                layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
            self.edge_nets.append(nn.Sequential(*layers))
            features += width
        self.fc1 = nn.Sequential(nn.Linear(features, ACTIVATIONS))

    def forward(self, x: Tensor) -> Tensor:
        """The activations that FPND compares.

        Parameters
        ----------
        x : Tensor [n, 30, 3]
            Particles, (etarel, phirel, ptrel); empty slots are zero, and count as they did in the
            training.

        Returns
        -------
        Tensor [n, 256]
        """
        x = x / x.new_tensor(LARGEST) + x.new_tensor(SHIFTS)
        for edge_net in self.edge_nets:
            # The first neighbours are those in the (eta, phi) plane.
            points = x[..., :2] if x.shape[-1] == FEATURES else x
            nearest = neighbours(points, _NEIGHBOURS)
            jet = torch.arange(len(x), device=x.device)[:, None, None]
            around = x[jet, nearest]
            centre = x[:, :, None].expand_as(around)
            edges = torch.cat([centre, around - centre], dim=-1)
            messages = edge_net(edges.flatten(0, 2)).unflatten(0, edges.shape[:3])
            x = torch.cat([messages.mean(dim=2), x], dim=-1)
        activations: Tensor = self.fc1(x.mean(dim=1))
        return activations


def neighbours(points: Tensor, k: int) -> Tensor:
    """The `k` nearest neighbours of each point; none is its own neighbour.

    Parameters
    ----------
    points : Tensor [n, P, F]
    k : int

    Returns
    -------
    Tensor [n, P, k] int64
    """
    distances = torch.cdist(points, points)
    distances.diagonal(dim1=1, dim2=2).fill_(float("inf"))
    return distances.topk(k, dim=2, largest=False).indices


def trained_particlenet() -> ParticleNet:
    """The network with jetnet's weights, for evaluation.

    Returns
    -------
    ParticleNet

    Raises
    ------
    ModuleNotFoundError
        If the jetnet package is not installed.
    """
    file = _resources() / "pnet_state_dict.pt"
    weights = torch.load(file, map_location="cpu", weights_only=True)
    network = ParticleNet()
    # jetnet has them twice, and those of a classifier besides.
    weights = {name.replace(".model.", "."): value for name, value in weights.items()}
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    return network.eval()


def real_statistics(jet_type: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of the activations of the real jets of JetNet.

    Parameters
    ----------
    jet_type : {"g", "q", "t"}

    Returns
    -------
    [256] and [256, 256] float64

    Raises
    ------
    ModuleNotFoundError
        If the jetnet package is not installed.
    """
    folder = _resources()
    mean, covariance = (np.loadtxt(folder / f"{jet_type}_{part}.txt") for part in ("mu", "sigma"))
    return mean, covariance


def _resources() -> Path:
    package = find_spec("jetnet")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'jetnet'", name="jetnet")
    folder = Path(package.origin).parent / "evaluation" / "fpnd_resources"
    return folder / "jetnet" / f"{PARTICLES}_particles"

"""From jets to the tensors that the network reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.correlators import features, geometry
from hypervae.correlators.sampled_sets import content_keys
from hypervae.data.jets import Jets
from hypervae.kinematics import four_momenta
from hypervae.model.hyperedges.registry import DEFAULT_MODE, HYPEREDGE_MODES
from hypervae.model.hyperedges.sets import HyperedgeTargets
from hypervae.model.hyperedges.source import HyperedgeSource
from hypervae.normalization import Normalization
from hypervae.records import TensorRecord


@dataclass
class JetBatch(TensorRecord):
    """A batch of jets as tensors; B jets, P slots, E = P (P - 1) / 2 pairs, T tokens.

    E and T are 0 where no encoder and no term of the loss reads edges or hyperedges.

    Attributes
    ----------
    momenta : [B, P, 4]
        (E, px, py, pz) over the one stored scale.
    coordinates : [B, P, 3]
        (etarel, phirel, ptrel).
    mask : [B, P] bool
    jet : [B, 3]
        Scaled (ln pt, eta, ln mass).
    jet_type : [B] int64
        Index among the model's types.
    edges : [B, E, 5]
        Scaled edge features, in the order of `geometry.pair_indices`.
    edge_mask : [B, E] bool
    hyperedges : [B, T, F + 1]
        Scaled features of a token, which is one set or stands for many (`HyperedgeMode.tokens`):
        ln(ENC/E2C) per order, mean ln w, and the logarithm of the sum of w (on the scale of ln w).
    hyperedge_order : [B, T] int64
        Index of the order.
    hyperedge_count : [B, T]
        How many sets the token stands for; 0 for padding.
    hyperedge_targets : BinnedTargets or ListedTargets, optional
        What a hyperedge decoder is to predict; None without hyperedges.
    key : [B] int64
        Decides all that is drawn for a jet; see `hypervae.model.noise`.
    particle_targets : TensorRecord, optional
        What the particle decoder learns from beside the particles; see `ParticleDecoder.targets`.
    """

    momenta: Tensor
    coordinates: Tensor
    mask: Tensor
    jet: Tensor
    jet_type: Tensor
    edges: Tensor
    edge_mask: Tensor
    hyperedges: Tensor
    hyperedge_order: Tensor
    hyperedge_count: Tensor
    hyperedge_targets: HyperedgeTargets | None
    key: Tensor
    particle_targets: TensorRecord | None = None


#: The parts of a hypergraph beside its particles.
HYPERGRAPH = ("edges", "hyperedges")


def make_batch(
    jets: Jets,
    normalization: Normalization,
    *,
    pair_bins: NDArray[np.unsignedinteger] | None = None,
    type_index: int = 0,
    encoder: str = DEFAULT_MODE,
    decoder: str = DEFAULT_MODE,
    hyperedge_samples: int = 1024,
    keys: NDArray[np.uint64] | None = None,
    dtype: torch.dtype = torch.float32,
    hypergraph: Collection[str] = HYPERGRAPH,
) -> JetBatch:
    """Look up, compute and scale the features of jets.

    Parameters
    ----------
    jets : Jets
    normalization : Normalization
    pair_bins : [n, E], optional
        R_L bins of the pairs, as they are stored; computed when left out.
    type_index : int
        Index of the jets' type among the model's.
    encoder, decoder : str
        Modes of the hyperedges (`HYPEREDGE_MODES`).
    hyperedge_samples : int
        Sets per jet of modes that take a random sample of them.
    keys : [n] uint64, optional
        What is drawn of a jet depends on its key; made from its particles when left out.
    dtype : torch.dtype
        float64 computes in double precision all along.
    hypergraph : collection of str
        Which of `HYPERGRAPH` to compute.

    Returns
    -------
    JetBatch
    """
    if keys is None:
        keys = content_keys(jets.particle_features[..., :3], jets.mask)
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    coordinates = jets.particle_features[..., :3] * jets.mask[..., None]
    n = len(jets)
    batch = JetBatch(
        momenta=torch.from_numpy(momenta / normalization.momentum_scale).to(dtype),
        coordinates=torch.from_numpy(np.ascontiguousarray(coordinates)).to(dtype),
        mask=torch.from_numpy(jets.mask),
        jet=torch.from_numpy(normalization.jet.forward(features.jet_targets(jets))).to(dtype),
        jet_type=torch.full((n,), type_index, dtype=torch.int64),
        edges=torch.zeros(n, 0, len(features.EDGE_FEATURES), dtype=dtype),
        edge_mask=torch.zeros(n, 0, dtype=torch.bool),
        hyperedges=torch.zeros(n, 0, len(normalization.hyperedge.scale) + 1, dtype=dtype),
        hyperedge_order=torch.zeros(n, 0, dtype=torch.int64),
        hyperedge_count=torch.zeros(n, 0, dtype=dtype),
        hyperedge_targets=None,
        key=torch.from_numpy(keys.astype(np.uint64).view(np.int64)),
    )
    if not hypergraph:
        return batch
    if pair_bins is None:
        pair_bins = geometry.pair_bins(jets, normalization.binning)
    if "edges" in hypergraph:
        edges, edge_mask = _edges(jets, pair_bins, normalization, dtype)
        batch = replace(batch, edges=edges, edge_mask=edge_mask)
    if "hyperedges" not in hypergraph:
        return batch
    settings = normalization.settings
    weight = geometry.weights(jets, settings.weight, settings.exponent)
    log_weight = np.log(np.where(jets.mask, weight, 1.0))
    source = HyperedgeSource(
        *hardest_first(jets, pair_bins, log_weight),
        multiplicity=np.minimum(jets.multiplicity, normalization.hyperedge_particles),
        normalization=normalization,
        hyperedge_samples=hyperedge_samples,
        keys=keys,
        dtype=dtype,
    )
    tokens = HYPEREDGE_MODES[encoder].tokens(source)
    return replace(
        batch,
        hyperedges=source.tensor(tokens.values),
        hyperedge_order=source.of_each_jet(tokens.order),
        hyperedge_count=source.tensor(tokens.count),
        hyperedge_targets=HYPEREDGE_MODES[decoder].targets(source),
    )


def _edges(
    jets: Jets,
    pair_bins: NDArray[np.unsignedinteger],
    normalization: Normalization,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Scaled edge features [n, E, 5], and which pairs there are [n, E]."""
    real = np.float64 if dtype == torch.float64 else np.float32
    _, second = geometry.pair_indices(jets.particle_features.shape[1])
    mask = second < jets.multiplicity[:, None]
    edges = np.empty((*pair_bins.shape, len(features.EDGE_FEATURES)), dtype=real)
    edges[..., 0] = normalization.ln_e2c.astype(real)[pair_bins]
    edges[..., 1:] = features.pair_features(jets, real)
    edges -= normalization.edge.offset.astype(real)
    edges /= normalization.edge.scale.astype(real)
    edges *= mask[..., None]
    return torch.from_numpy(edges).to(dtype), torch.from_numpy(mask)


def hardest_first(
    jets: Jets, pair_bins: NDArray[np.unsignedinteger], log_weight: NDArray[np.float64]
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float64]]:
    """Pair bins and ln w of particles that are sorted by falling pT, as they are in shards.

    Parameters
    ----------
    jets : Jets
    pair_bins : [n, P (P - 1) / 2]
    log_weight : [n, P]

    Returns
    -------
    pair_bins, log_weight
        Those given where the particles of all jets are sorted.
    """
    pt = np.where(jets.mask, jets.particle_features[..., 2], -np.inf)
    if np.all(pt[:, 1:] <= pt[:, :-1]):
        return pair_bins, log_weight
    place = np.argsort(-pt, axis=1, kind="stable")
    first, second = (place[:, members] for members in geometry.pair_indices(pt.shape[1]))
    low, high = np.minimum(first, second), np.maximum(first, second)
    pair_bins = np.take_along_axis(pair_bins, high * (high - 1) // 2 + low, axis=1)
    return pair_bins, np.take_along_axis(log_weight, place, axis=1)

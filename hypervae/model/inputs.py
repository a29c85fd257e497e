"""From jets to the tensors that the network reads."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from hypervae.correlators import features, geometry
from hypervae.correlators.sampling import content_keys
from hypervae.data.jets import Jets
from hypervae.kinematics import four_momenta
from hypervae.model.tokens import HyperedgeSource, decoder_targets, encoder_tokens
from hypervae.normalization import Normalization


@dataclass
class JetBatch:
    """A batch of jets as tensors; B jets, P slots, E = P (P - 1) / 2 pairs, T tokens, K sets.

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
        Scaled features of a token, which is one set or stands for many (`hypervae.model.tokens`):
        ln(ENC/E2C) per order, mean ln w, and the logarithm of the sum of w (on the scale of ln w).
    hyperedge_order : [B, T] int64
        Index of the order.
    hyperedge_count : [B, T]
        How many sets the token stands for; 0 for padding.
    set_fraction : [B, orders, bins + 2]
        Fraction of the sets of an order in each R_L bin.
    set_log_weight : [B, orders, bins + 2]
        Their mean ln w, scaled.
    sets : [B, K, F]
        Scaled features of the sets (or clusters of sets) that a set-level hyperedge decoder is to
        predict; K = 0 for the binned one.
    set_index : [B, K] int64
        Their numbers; see `hypervae.model.tokens`.
    set_mask : [B, K] bool
    key : [B] int64
        Decides all that is drawn for a jet; see `hypervae.model.noise`.
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
    set_fraction: Tensor
    set_log_weight: Tensor
    sets: Tensor
    set_index: Tensor
    set_mask: Tensor
    key: Tensor

    def __len__(self) -> int:
        return len(self.momenta)

    def to(self, device: torch.device | str) -> JetBatch:
        """On a device."""
        return JetBatch(
            *(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self))
        )

    def split(self, size: int) -> list[JetBatch]:
        """Parts of at most `size` jets, in their order; they share the memory."""
        parts = (getattr(self, f.name).split(size) for f in fields(self))
        return [JetBatch(*tensors) for tensors in zip(*parts, strict=True)]

    def pin_memory(self) -> JetBatch:
        """In page-locked memory, from which copies to a GPU run beside its work."""
        return JetBatch(*(getattr(self, f.name).pin_memory() for f in fields(self)))


def make_batch(
    jets: Jets,
    normalization: Normalization,
    *,
    codes: np.ndarray | None = None,
    type_index: int = 0,
    encoder: str = "binned",
    decoder: str = "binned",
    samples: int = 1024,
    keys: np.ndarray | None = None,
    dtype: torch.dtype = torch.float32,
) -> JetBatch:
    """Look up, compute and scale the features of jets.

    Parameters
    ----------
    jets : Jets
    normalization : Normalization
    codes : [n, E], optional
        Stored pair bins; computed when left out.
    type_index : int
        Index of the jets' type among the model's.
    encoder, decoder : str
        Modes of the hyperedges, without ``auto``; see `hypervae.model.tokens`.
    samples : int
        Sets that ``sampled`` draws per jet.
    keys : [n] uint64, optional
        What is drawn of a jet depends on its key; made from its particles when left out.
    dtype : torch.dtype
        float64 computes in double precision all along.

    Returns
    -------
    JetBatch
    """
    settings = normalization.settings
    real_type = np.float64 if dtype == torch.float64 else np.float32
    if codes is None:
        codes = geometry.pair_bins(jets, normalization.binning)
    slots = jets.particle_features.shape[1]
    counts = jets.multiplicity

    _, second = geometry.pair_indices(slots)
    edge_mask = second < counts[:, None]
    edges = np.empty((*codes.shape, len(features.EDGE_FEATURES)), dtype=real_type)
    edges[..., 0] = normalization.ln_e2c.astype(real_type)[codes]
    edges[..., 1:] = features.pair_features(jets, real_type)
    edges -= normalization.edge.offset.astype(real_type)
    edges /= normalization.edge.scale.astype(real_type)
    edges *= edge_mask[..., None]

    weight = geometry.weights(jets, settings["weight"], settings["exponent"])
    log_weight = np.log(np.where(jets.mask, weight, 1.0))
    if keys is None:
        keys = content_keys(jets.particle_features[..., :3], jets.mask)
    source = HyperedgeSource(
        *hardest_first(jets, codes, log_weight),
        counts=np.minimum(counts, settings["hyperedges"]["max_particles"]),
        normalization=normalization,
        samples=samples,
        keys=keys,
        dtype=real_type,
    )
    tokens, targets = encoder_tokens(source, encoder), decoder_targets(source, decoder)
    count, log_sum = source.histograms
    fraction = count / np.maximum(count.sum(axis=-1, keepdims=True), 1.0)
    scaled_log = np.where(count > 0, source.scale_log(log_sum / np.maximum(count, 1.0)), 0.0)

    momenta = four_momenta(jets.particle_features, jets.jet_features)
    jet = normalization.jet.forward(features.jet_targets(jets))

    def real(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(dtype)

    def whole(values: np.ndarray) -> Tensor:
        """[n, T]; one row, where all jets share it, is viewed as many."""
        return torch.from_numpy(values).expand(len(jets), -1)

    return JetBatch(
        momenta=real(momenta / normalization.momentum_scale),
        coordinates=real(jets.particle_features[..., :3] * jets.mask[..., None]),
        mask=torch.from_numpy(jets.mask),
        jet=real(jet),
        jet_type=torch.full((len(jets),), type_index, dtype=torch.int64),
        edges=real(edges),
        edge_mask=torch.from_numpy(edge_mask),
        hyperedges=real(tokens.values),
        hyperedge_order=whole(tokens.order),
        hyperedge_count=real(tokens.count),
        set_fraction=real(fraction),
        set_log_weight=real(scaled_log),
        sets=real(targets.values),
        set_index=whole(targets.index),
        set_mask=torch.from_numpy(targets.mask),
        key=torch.from_numpy(keys.astype(np.uint64).view(np.int64)),
    )


def hardest_first(
    jets: Jets, codes: np.ndarray, log_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pair bins and ln w of particles that are sorted by falling pT, as they are in shards."""
    pt = np.where(jets.mask, jets.particle_features[..., 2], -np.inf)
    if np.all(pt[:, 1:] <= pt[:, :-1]):
        return codes, log_weight
    place = np.argsort(-pt, axis=1, kind="stable")
    first, second = (place[:, members] for members in geometry.pair_indices(pt.shape[1]))
    low, high = np.minimum(first, second), np.maximum(first, second)
    codes = np.take_along_axis(codes, high * (high - 1) // 2 + low, axis=1)
    return codes, np.take_along_axis(log_weight, place, axis=1)

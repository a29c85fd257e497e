"""From jets to the tensors that the network reads."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from hypervae.correlators import features, geometry, sets
from hypervae.correlators.set_features import set_features
from hypervae.data.jets import Jets
from hypervae.kinematics import four_momenta
from hypervae.normalization import Normalization


@dataclass
class JetBatch:
    """A batch of jets as tensors; B jets, P slots, E = P (P - 1) / 2 pairs, T tokens.

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
    hyperedges : [B, T, F]
        Scaled features of a token: a set, or all sets of one order in one R_L bin (with their mean
        ln w).
    hyperedge_order : [B, T] int64
        Index of the order.
    hyperedge_count : [B, T]
        How many sets the token stands for; 0 for padding.
    set_fraction : [B, orders, bins + 2]
        Fraction of the sets of an order in each R_L bin.
    set_log_weight : [B, orders, bins + 2]
        Their mean ln w, scaled.
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

    def __len__(self) -> int:
        return len(self.momenta)

    def to(self, device: torch.device | str) -> JetBatch:
        """On a device."""
        return JetBatch(
            *(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self))
        )


def make_batch(
    jets: Jets,
    normalization: Normalization,
    *,
    codes: np.ndarray | None = None,
    type_index: int = 0,
    tokens: str = "binned",
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
    tokens : {"binned", "mlp"}
        One token for all sets of equal order and R_L bin, or one for each set.
    dtype : torch.dtype

    Returns
    -------
    JetBatch
    """
    settings = normalization.settings
    if codes is None:
        codes = geometry.pair_bins(jets, normalization.binning)
    slots = jets.particle_features.shape[1]
    counts = jets.multiplicity

    _, second = geometry.pair_indices(slots)
    edge_mask = second < counts[:, None]
    edges = np.empty((*codes.shape, 5), dtype=np.float32)
    edges[..., 0] = normalization.ln_e2c.astype(np.float32)[codes]
    edges[..., 1:] = features.pair_features(jets, np.float32)
    edges -= normalization.edge.offset.astype(np.float32)
    edges /= normalization.edge.scale.astype(np.float32)
    edges *= edge_mask[..., None]

    orders = normalization.hyperedge_orders
    weight = geometry.weights(jets, settings["weight"], settings["exponent"])
    log_weight = np.log(np.where(jets.mask, weight, 1.0))
    hardest = np.minimum(counts, settings["hyperedges"]["max_particles"])
    size = normalization.binning.size
    count, log_sum = sets.set_histograms(log_weight, hardest, codes, orders, size)
    total = count.sum(axis=-1, keepdims=True)
    fraction = count / np.maximum(total, 1.0)
    mean_log = log_sum / np.maximum(count, 1.0)
    scaled_log = (mean_log - normalization.hyperedge.offset[-1]) / normalization.hyperedge.scale[-1]
    scaled_log = np.where(count > 0, scaled_log, 0.0)
    if tokens == "binned":
        token_parts = _binned_tokens(count, mean_log, normalization)
    else:
        token_parts = _set_tokens(codes, hardest, log_weight, orders, normalization)

    momenta = four_momenta(jets.particle_features, jets.jet_features)
    jet = normalization.jet.forward(features.jet_targets(jets))

    def real(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(dtype)

    return JetBatch(
        momenta=real(momenta / normalization.momentum_scale),
        coordinates=real(jets.particle_features[..., :3] * jets.mask[..., None]),
        mask=torch.from_numpy(jets.mask),
        jet=real(jet),
        jet_type=torch.full((len(jets),), type_index, dtype=torch.int64),
        edges=real(edges),
        edge_mask=torch.from_numpy(edge_mask),
        hyperedges=real(token_parts[0]),
        # (one row, where all jets share it, is viewed as many)
        hyperedge_order=torch.from_numpy(token_parts[1]).expand(len(jets), -1),
        hyperedge_count=real(token_parts[2]),
        set_fraction=real(fraction),
        set_log_weight=real(scaled_log),
    )


def _scaled_features(
    codes: np.ndarray, log_weight: np.ndarray, normalization: Normalization
) -> np.ndarray:
    """[..., F] scaled hyperedge features of R_L bins and ln w."""
    scaler = normalization.hyperedge
    ratios = normalization.ln_ratio[:, codes]  # [orders, ...]
    out = np.empty((*codes.shape, len(scaler.names)), dtype=np.float32)
    out[..., :-1] = np.moveaxis(ratios, 0, -1)
    out[..., -1] = log_weight
    return (out - scaler.offset.astype(np.float32)) / scaler.scale.astype(np.float32)


def _binned_tokens(
    count: np.ndarray, mean_log: np.ndarray, normalization: Normalization
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One token for each order and occupied R_L bin; padded to the fullest jet of the batch."""
    jets = len(count)
    jet, order, code = np.nonzero(count)
    if not len(jet):
        width = len(normalization.hyperedge.names)
        empty = np.zeros((jets, 0))
        return np.zeros((jets, 0, width), dtype=np.float32), empty.astype(np.int64), empty
    occupied = np.bincount(jet, minlength=jets)
    starts = np.concatenate([[0], np.cumsum(occupied)[:-1]])
    place = np.arange(len(jet)) - starts[jet]
    shape = (jets, int(occupied.max()))
    values = np.zeros((*shape, len(normalization.hyperedge.names)), dtype=np.float32)
    values[jet, place] = _scaled_features(code, mean_log[jet, order, code], normalization)
    orders = np.zeros(shape, dtype=np.int64)
    orders[jet, place] = order
    counts = np.zeros(shape, dtype=np.float32)
    counts[jet, place] = count[jet, order, code]
    return values, orders, counts


def _set_tokens(
    codes: np.ndarray,
    hardest: np.ndarray,
    log_weight: np.ndarray,
    orders: list[int],
    normalization: Normalization,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One token for each set; padded to the jet of the batch with the most particles."""
    scaler = normalization.hyperedge
    ratios = (normalization.ln_ratio.T - scaler.offset[:-1]) / scaler.scale[:-1]
    scale, shift = scaler.scale[-1], -scaler.offset[-1] / scaler.scale[-1]
    values, sizes = set_features(codes, hardest, log_weight / scale, orders, ratios, shift)
    most = int(hardest.max())
    lengths = [sets.set_count(most, order) for order in orders]
    order_index = np.repeat(np.arange(len(orders)), lengths)
    counts = np.concatenate(
        [np.arange(length) < sizes[:, place, None] for place, length in enumerate(lengths)]
        or [np.zeros(values.shape[:2], dtype=bool)],
        axis=1,
    ).astype(np.float32)
    return values, order_index, counts

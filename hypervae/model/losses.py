"""The terms of the loss: each a mean over jets of a per-jet mean."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from hypervae.model.decoder import Decoded
from hypervae.model.inputs import JetBatch

TERMS = ("particle", "edge", "hyperedge", "jet_features", "multiplicity", "sum", "kl")

# Typical widths between jets of (sum ptrel, sum ptrel etarel, sum ptrel phirel, relative mass).
_SUM_WIDTHS = (0.1, 0.02, 0.02, 0.05)


def chamfer(predicted: Tensor, presence: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Squared Chamfer distance between two sets of points, per jet.

    sum_i p_i min_j |x_i - y_j|^2 / sum_i p_i + mean_j min_{i: p_i > 1/2} |x_i - y_j|^2, after Fan,
    Su, Guibas (arXiv:1612.00603). The presence p carries a gradient to the multiplicity through the
    first sum alone: in the second, more points are always better, and so would be more particles.

    Parameters
    ----------
    predicted : [B, P, D]
    presence : [B, P]
    target : [B, Q, D]
    mask : [B, Q] bool

    Returns
    -------
    [B]
    """
    squared = (predicted.unsqueeze(2) - target.unsqueeze(1)).square().sum(-1)
    to_target = squared.masked_fill(~mask.unsqueeze(1), torch.inf).amin(dim=2)
    forward = (presence * to_target).sum(1) / presence.sum(1).clamp_min(1e-6)
    to_predicted = squared.masked_fill((presence <= 0.5).unsqueeze(2), torch.inf).amin(dim=1)
    backward = (to_predicted * mask).sum(1) / mask.sum(1)
    return forward + backward


def masked_mse(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """[B] mean squared difference of tokens [B, T, F] where [B, T] is set; 0 without any."""
    squared = (predicted - target).square().mean(-1)
    return (squared * mask).sum(1) / mask.sum(1).clamp_min(1)


def hyperedge_loss(decoded: Decoded, batch: JetBatch) -> Tensor:
    """Distance of the sets' histograms.

    The squared distance of the cumulative distributions in R_L (Cramer's distance, in bins) and the
    squared difference of the mean ln w, weighted by the fractions; mean over the orders.

    Returns
    -------
    [B]
    """
    if decoded.set_log_weight.shape[1] == 0:
        return decoded.set_log_weight.new_zeros(len(decoded.set_log_weight))
    present = (batch.set_fraction.sum(-1) > 0.5).to(batch.set_fraction.dtype)  # [B, orders]
    fraction = torch.softmax(decoded.set_fraction_logits.float(), dim=-1)
    cumulative = (fraction - batch.set_fraction).cumsum(-1)
    distance = cumulative.square().sum(-1)
    weights = (decoded.set_log_weight - batch.set_log_weight).square() * batch.set_fraction
    return ((distance + weights.sum(-1)) * present).sum(1) / present.sum(1).clamp_min(1)


def summed(coordinates: Tensor, weight: Tensor) -> Tensor:
    """Sums over the particles of a jet: (sum pt, sum pt eta, sum pt phi, mass).

    Parameters
    ----------
    coordinates : [B, P, 3]
        (etarel, phirel, ptrel).
    weight : [B, P]

    Returns
    -------
    [B, 4]
    """
    eta, phi, ptrel = coordinates.unbind(-1)
    pt = ptrel * weight
    # m^2 = sum_ij pt_i pt_j (cosh d eta - cos d phi), from sums of light-cone components
    plus, minus = (pt * eta.exp()).sum(1), (pt * (-eta).exp()).sum(1)
    x, y = (pt * phi.cos()).sum(1), (pt * phi.sin()).sum(1)
    mass = (plus * minus - x.square() - y.square()).clamp_min(1e-6).sqrt()
    return torch.stack([pt.sum(1), (pt * eta).sum(1), (pt * phi).sum(1), mass], dim=-1)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """[B] KL divergence of N(mean, exp(log_variance)) from N(0, 1), summed over dimensions.

    (mean^2 + sigma^2 - 1 - ln sigma^2) / 2 per dimension (arXiv:1312.6114, app. B).
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def loss_terms(
    decoded: Decoded,
    batch: JetBatch,
    mean: Tensor,
    log_variance: Tensor,
    particle_scale: Tensor,
) -> dict[str, Tensor]:
    """All terms, unweighted, as means over the jets; in float32 at least.

    Parameters
    ----------
    particle_scale : [3]
        Widths of (etarel, phirel, ln ptrel): the Chamfer distance is in units of them.
    """
    ptrel = decoded.coordinates[..., 2].exp()
    decoded_points = torch.cat([decoded.coordinates[..., :2], ptrel.unsqueeze(-1)], dim=-1)
    log_target = batch.coordinates[..., 2].clamp_min(1e-7).log()
    target = torch.cat([batch.coordinates[..., :2], log_target.unsqueeze(-1)], dim=-1)
    widths = decoded.coordinates.new_tensor(_SUM_WIDTHS)
    sums = summed(decoded_points, decoded.presence)
    wanted = summed(batch.coordinates, batch.mask.to(sums.dtype))
    multiplicity = batch.mask.sum(1) - 1
    per_jet = {
        "particle": chamfer(
            decoded.coordinates / particle_scale,
            decoded.presence,
            target / particle_scale,
            batch.mask,
        ),
        "edge": masked_mse(decoded.edges, batch.edges, batch.edge_mask),
        "hyperedge": hyperedge_loss(decoded, batch),
        "jet_features": (decoded.jet - batch.jet).square().mean(-1),
        "multiplicity": functional.cross_entropy(
            decoded.multiplicity_logits, multiplicity, reduction="none"
        ),
        "sum": ((sums - wanted) / widths).square().mean(-1),
        "kl": kl_divergence(mean, log_variance),
    }
    return {name: value.mean() for name, value in per_jet.items()}


def total_loss(terms: Mapping[str, Tensor], weights: Mapping[str, float], kl: float) -> Tensor:
    """Weighted sum of the terms; `kl` scales the weight of the KL term (its warm-up)."""
    return sum(
        weights[name] * (kl if name == "kl" else 1.0) * value for name, value in terms.items()
    )

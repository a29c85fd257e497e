"""Chamfer distance between the decoded particles and those of the jet."""

from __future__ import annotations

import torch
from torch import Tensor

# Below this square two points count as coincident: the roots' slopes end here.
_COINCIDENT = 1e-12


def point_distance(squared: Tensor, distance: str = "squared", alpha: float = 1.0) -> Tensor:
    """Distance between two points, as a function of the squared Euclidean one.

    ``squared`` is d^2 and ``plain`` is d. ``hyperbolic`` is arcosh(1 + alpha d^2) (Lin et al., ICCV
    2023; arXiv:2412.17951): sqrt(2 alpha) d where points are near, 2 ln d + const where they
    are far, so that outliers pull less. It is computed as ln(1 + x + sqrt(x (x + 2))) with
    x = alpha d^2, without a cancellation at small x.

    The slope of the last two against the coordinates jumps at d = 0; there it is taken as 0.

    Parameters
    ----------
    squared : tensor
        d^2, of any shape.
    distance : {"squared", "plain", "hyperbolic"}
    alpha : float
        Of the hyperbolic distance.

    Returns
    -------
    tensor of the same shape
    """
    if distance == "squared":
        return squared
    apart = squared.clamp_min(_COINCIDENT)
    if distance == "plain":
        value = apart.sqrt()
    else:
        x = alpha * apart
        value = torch.log1p(x + (x * (x + 2)).sqrt())
    return torch.where(squared > _COINCIDENT, value, torch.zeros_like(value))


@torch.no_grad()
def _nearest(
    predicted: Tensor, present: Tensor, target: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """[B, P] nearest target of each prediction, [B, Q] nearest present prediction of each target.

    Which point is nearest has no gradient, so that the distances of all pairs need not be kept.
    """
    squared = predicted.new_zeros(predicted.shape[0], predicted.shape[1], target.shape[1])
    for one, other in zip(predicted.unbind(-1), target.unbind(-1), strict=True):
        squared += (one.unsqueeze(2) - other.unsqueeze(1)).square_()
    to_target = squared.masked_fill(~mask.unsqueeze(1), torch.inf).argmin(dim=2)
    to_predicted = squared.masked_fill_(~present.unsqueeze(2), torch.inf).argmin(dim=1)
    return to_target, to_predicted


def _pick(points: Tensor, index: Tensor) -> Tensor:
    """[B, N, D] points, [B, M] numbers -> [B, M, D]."""
    return points.gather(1, index.unsqueeze(-1).expand(-1, -1, points.shape[-1]))


def chamfer(
    predicted: Tensor,
    presence: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    distance: str = "squared",
    alpha: float = 1.0,
    weights: tuple[Tensor | None, Tensor | None] = (None, None),
) -> Tensor:
    """Chamfer distance between two sets of points, per jet.

    sum_i u_i min_j D(x_i, y_j) / sum_i u_i + sum_j v_j min_{i: p_i > 1/2} D(x_i, y_j) / sum_j v_j,
    after Fan, Su, Guibas (arXiv:1612.00603). Without weights u is the presence p and v
    the mask; weights multiply them. Given the particles' pT, each side is weighted by its
    particles' shares of its pT, as in the energy mover's distance (arXiv:1902.02346).

    The presence carries a gradient to the multiplicity through the first sum alone: in the second,
    more points are always better, and so would be more particles. The weights carry none: a
    particle far from all others should move there, not fade.

    Parameters
    ----------
    predicted : [B, P, D]
    presence : [B, P]
    target : [B, Q, D]
    mask : [B, Q] bool
    distance, alpha
        See `point_distance`.
    weights : ([B, P], [B, Q])
        Of the predicted and of the target points; None where they weigh alike.

    Returns
    -------
    [B]
    """
    to_target, to_predicted = _nearest(predicted, presence > 0.5, target, mask)
    forward = (predicted - _pick(target, to_target)).square().sum(-1)
    backward = (_pick(predicted, to_predicted) - target).square().sum(-1)
    u, v = presence, mask.to(predicted.dtype)
    predicted_weight, target_weight = weights
    if predicted_weight is not None:
        u = u * predicted_weight.detach()
    if target_weight is not None:
        v = v * target_weight
    there, back = (point_distance(one, distance, alpha) for one in (forward, backward))
    return _mean(there, u) + _mean(back, v)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """[B, N] -> [B] weighted mean; 0 where nothing weighs."""
    tiny = torch.finfo(values.dtype).tiny
    return (weights * values).sum(1) / weights.sum(1).clamp_min(tiny)

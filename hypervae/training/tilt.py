"""Means over jets that draws of a prior keep, by an exponential tilt of what is kept of them.

Odds that networks have learned are no odds: they are smoothed, trusted in part, and cut off where
few draws would pass (`hypervae.model.acceptance.MOST`), by which means over the kept draws move
away from those over jets, that of the multiplicity for one. Among all ways to weight draws by MOST
at most that keep the means of some quantities x, the one nearest to weights exp(l) in relative
entropy is min(MOST, exp(l + a x)) (Csiszar, Ann. Probab. 3 (1975) 146: an information projection).
Coefficients a solve a convex problem of as many unknowns as there are quantities.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_STEPS, _HALVINGS = 50, 20
_PRECISION = 1e-7


def tilt(means: Tensor, moments: Tensor, logits: Tensor, most: float, jets: int) -> Tensor:
    """Coefficients by which draws that are kept have the means of jets.

    Parameters
    ----------
    means : [m]
        Over jets, of quantities that are about 1 in size.
    moments : [n, m]
        The same quantities of draws.
    logits : [n]
        Ln of the draws' weights as they would be.
    most : float
        Greatest weight of a draw.
    jets : int
        Over which the means were taken. A mean is known but to jets^-1/2; the coefficients of m
        quantities are the likeliest if each is normally distributed with a variance of 1 / m.

    Returns
    -------
    [m + 1] float64
        Of each quantity, and a constant, by which the weights have a mean of 1.

    References
    ----------
    Csiszar, Ann. Probab. 3 (1975) 146; Dudik, Phillips, Schapire, JMLR 8 (2007) 1217 (penalties).
    """
    given = torch.cat([moments.double(), moments.new_ones(len(moments), 1).double()], dim=1)
    aim = torch.cat([means.double(), means.new_ones(1).double()])
    logits, ln_most = logits.double(), math.log(most)
    penalty = torch.full_like(aim, len(means) / jets)
    penalty[-1] = 0.0

    def loss(found: Tensor) -> Tensor:
        moved = logits + given @ found
        weight = moved.clamp_max(ln_most).exp() * (1 + (moved - ln_most).clamp_min(0))
        return weight.mean() - aim @ found + penalty @ found.square() / 2

    found = torch.zeros_like(aim)
    least = loss(found)
    for _ in range(_STEPS):
        moved = logits + given @ found
        weight = moved.clamp_max(ln_most).exp()
        slope = (given * weight.unsqueeze(1)).mean(0) - aim + penalty * found
        free = (weight * (moved < ln_most)).unsqueeze(1)
        curvature = (given * free).T @ given / len(given) + torch.diag(penalty)
        # where all draws are cut off nothing is curved
        curvature.diagonal().add_(_PRECISION)
        step = torch.linalg.solve(curvature, slope)
        for _ in range(_HALVINGS):
            tried = loss(found - step)
            if tried <= least:
                break
            step = step / 2
        else:
            return found
        found, least = found - step, tried
        if float(step.abs().max()) < _PRECISION:
            break
    return found

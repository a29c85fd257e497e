"""What the spectra and correlators of jets are sums of, as far as a scaffold says it.

The mean of each over many jets is a number that one may plot: a point of the two-point correlator,
of the particles' spectrum of pT or of an angle, a mean mass, a mean multiplicity. Draws of a prior
that are to be like jets have to keep these means (`hypervae.training.tilt`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypervae.scaffold.geometry import Scaffold

# First and last knot and number of knots, in log10: of distances in the correlator, of a particle's
# angles to the jet's axis, of its share of the pT.
_DISTANCES = (-2.25, -0.25, 9)
_ANGLES = (-2.0, -0.2, 7)
_SHARES = (-3.0, -0.2, 8)
# Distance of two particles of a cell over their mean distance to its axis, about.
_APART = 1.4
_LEAST_MASS = 1e-9
_OF_JET = 7
#: How many `moments` a scaffold has.
NUMBER = _OF_JET + 2 * _DISTANCES[2] + 2 * _ANGLES[2] + _SHARES[2]


def moments(scaffold: Scaffold, distances: Tensor) -> Tensor:
    """Quantities whose means over jets are to be kept.

    Parameters
    ----------
    scaffold : Scaffold
        Of B jets, each cell of which counts as one particle, or as its particles at its axis.
    distances : [B, C, C]
        Those of the scaffold, which its caller has.

    Returns
    -------
    [B, 47]
        Of the jet (m / pT)^2, its square and its logarithm, the sum of z_i z_j d_ij, that of
        z_i (sum of z_j d_ij)^3, the multiplicity and its square; `correlator`; numbers of particles
        about knots of abs(etarel), of abs(phirel) and of ptrel.
    """
    share, axes = scaffold.share, scaffold.axes
    counts = scaffold.multiplicities.to(share)
    reach = (share.unsqueeze(1) * distances).sum(2)
    mass = (share * (share.unsqueeze(1) * distances.square()).sum(2)).sum(1)
    number = counts.sum(1)
    of_jet = [
        mass,
        mass.square(),
        mass.clamp_min(_LEAST_MASS).log(),
        (share * reach).sum(1),
        (share * reach**3).sum(1),
        number,
        number.square(),
    ]
    return torch.cat(
        [
            torch.stack(of_jet, dim=1),
            correlator(scaffold, distances),
            *(_spread(axes[..., side].abs(), counts, *_ANGLES) for side in (0, 1)),
            _spread(share / counts.clamp_min(1), counts, *_SHARES),
        ],
        dim=1,
    )


def correlator(scaffold: Scaffold, distances: Tensor) -> Tensor:
    """The two-point energy correlator of each jet as far as its cells say it.

    Each two cells count with 2 z_i z_j at their distance, a cell of n particles with the part
    1 - 1 / n of z_i^2 at that of these: as if they had equal shares, of each of which z^2 stays
    where no two particles are.

    Parameters
    ----------
    scaffold : Scaffold
        Of B jets.
    distances : [B, C, C]

    Returns
    -------
    [B, 18]
        At distances of 10^-2.25, 10^-2, ..., 10^-0.25: of pairs of cells, and of those within one.

    References
    ----------
    Basham, Brown, Ellis, Love, Phys. Rev. Lett. 41 (1978) 1585.
    """
    share = scaffold.share
    first, second = torch.triu_indices(share.shape[1], share.shape[1], 1, device=share.device)
    pairs = 1 - 1 / scaffold.multiplicities.clamp_min(1).to(share)
    return torch.cat(
        [
            _spread(
                distances[:, first, second], 2 * share[:, first] * share[:, second], *_DISTANCES
            ),
            _spread(_APART * scaffold.width, pairs * share.square(), *_DISTANCES),
        ],
        dim=1,
    )


def _spread(values: Tensor, weights: Tensor, first: float, last: float, knots: int) -> Tensor:
    """Weights [B, n] of values at knots of their log10 [B, knots].

    Each is divided between the two knots about its value, linearly, so that a small change of a
    scaffold changes little; what lies beyond the outer knots counts as at them.
    """
    place = (values.clamp_min(10.0**first).log10() - first) * (knots - 1) / (last - first)
    place = place.clamp(0, knots - 1)
    below = place.floor().clamp_max(knots - 2)
    above = weights * (place - below)
    found = weights.new_zeros(len(weights), knots)
    found.scatter_add_(1, below.long(), weights - above)
    return found.scatter_add_(1, below.long() + 1, above)

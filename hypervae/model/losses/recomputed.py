"""Features of pairs and sets of decoded particles, with a gradient to the particles.

As `hypervae.correlators` defines them, for the consistency terms.
"""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional

from hypervae.correlators.features import DELTA_FLOOR, MASS_SQUARED_FLOOR

_TINY = 1e-30


def ends_of_pairs(values: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """[B, P] of the particles -> [B, E] of the pairs' first and second members.

    Parameters
    ----------
    values : [B, P]
    first, second : [E] int64

    Returns
    -------
    first, second : [B, E]
    """
    return values.index_select(1, first), values.index_select(1, second)


def angular_differences(
    coordinates: Tensor, first: Tensor, second: Tensor
) -> tuple[Tensor, Tensor]:
    """Differences of the angles of all pairs.

    Parameters
    ----------
    coordinates : [B, P, 3]
        (etarel, phirel, ln ptrel).
    first, second : [E] int64
        See `geometry.pair_indices`.

    Returns
    -------
    d_eta, d_phi : [B, E]
        d phi is taken across +-pi.
    """
    one, other = ends_of_pairs(coordinates[..., 0], first, second)
    one_phi, other_phi = ends_of_pairs(coordinates[..., 1], first, second)
    d_phi = one_phi - other_phi
    turns = (d_phi.detach() / (2 * math.pi)).round()
    return one - other, d_phi - 2 * math.pi * turns


def interpolated(table: Tensor, position: Tensor) -> Tensor:
    """Linear interpolation in the columns of a table, flat beyond its inner bins.

    A look-up by bin has no gradient. Bin centers keep their value; the underflow and the overflow
    are left out, as they hold the value of their neighbours (`normalization.tables`).

    Parameters
    ----------
    table : [F, bins + 2]
    position : tensor
        In bins, 1 at the center of the first bin inside the range.

    Returns
    -------
    [..., F]
    """
    last = table.shape[1] - 2
    if last == 1:
        return table[:, 1].expand(*position.shape, -1) + 0 * position.unsqueeze(-1)
    inside = position.clamp(1, last)
    lower = inside.detach().floor().clamp(max=last - 1)
    share = (inside - lower).unsqueeze(-1)
    place = lower.long()
    rows = table.T.contiguous()  # a strided table is 16 times slower to read
    return functional.embedding(place, rows) * (1 - share) + share * functional.embedding(
        place + 1, rows
    )


def bin_position(ln_distance: Tensor, ln_low: float, ln_width: float) -> Tensor:
    """Angular distance in bins of a `Binning`: k at the (geometric) center of bin k.

    Parameters
    ----------
    ln_distance : [...]
        ln of the angular distance.
    ln_low, ln_width : float
        Of the bins.

    Returns
    -------
    [...]
    """
    return (ln_distance - ln_low) / ln_width + 0.5


def edge_features(
    coordinates: Tensor,
    ln_jet_pt: Tensor,
    first: Tensor,
    second: Tensor,
    ln_e2c: Tensor,
    ln_low: float,
    ln_width: float,
) -> Tensor:
    """(ln E2C, ln Delta, ln kT, ln z, ln m^2) of all pairs; see `correlators.features`.

    ln z = -ln(1 + e^|d ln pt|), ln kT = ln min(pt) + ln Delta and, for massless particles,
    ln m^2 = ln pt_i + ln pt_j + ln(4 sinh^2(d eta / 2) + 4 sin^2(d phi / 2)); ln E2C is
    interpolated in ln Delta. Floors as there; a value at its floor has no gradient.

    Parameters
    ----------
    coordinates : [B, P, 3]
        (etarel, phirel, ln ptrel).
    ln_jet_pt : [B]
        ln of the jet's pT [GeV].
    first, second : [E] int64
    ln_e2c : [bins + 2]
    ln_low, ln_width : float
        Of the bins.

    Returns
    -------
    [B, E, 5]
    """
    d_eta, d_phi = angular_differences(coordinates, first, second)
    ln_delta = (d_eta.square() + d_phi.square()).clamp_min(DELTA_FLOOR**2).log() * 0.5
    one, other = ends_of_pairs(coordinates[..., 2] + ln_jet_pt.unsqueeze(-1), first, second)
    ln_z = -functional.softplus((one - other).abs())
    angular = 4 * ((d_eta / 2).sinh().square() + (d_phi / 2).sin().square())
    ln_m2 = one + other + angular.clamp_min(_TINY).log()
    ln_m2 = ln_m2.clamp_min(math.log(MASS_SQUARED_FLOOR))
    position = bin_position(ln_delta, ln_low, ln_width)
    ln_value = interpolated(ln_e2c.unsqueeze(0), position).squeeze(-1)
    ln_kt = torch.minimum(one, other) + ln_delta
    return torch.stack([ln_value, ln_delta, ln_kt, ln_z, ln_m2], dim=-1)


def log_weights(
    coordinates: Tensor, present: Tensor, exponent: float, jet_eta: Tensor | None = None
) -> Tensor:
    """Logarithms of the particles' weights (pt_i / sum pt)^kappa; of the energy with `jet_eta`.

    Parameters
    ----------
    coordinates : [B, P, 3]
    present : [B, P] bool
    exponent : float
        kappa.
    jet_eta : [B], optional
        Pseudorapidity of the jet: then E_i = pt_i cosh(etarel_i + eta) takes the place of pt_i.

    Returns
    -------
    [B, P]
        Meaningless where no particle is.
    """
    size = coordinates[..., 2]
    if jet_eta is not None:
        eta = (coordinates[..., 0] + jet_eta.unsqueeze(-1)).abs()
        size = size + eta + functional.softplus(-2 * eta) - math.log(2)  # + ln cosh
    total = size.masked_fill(~present, -torch.inf).logsumexp(dim=1, keepdim=True)
    return exponent * (size - total)


def colex_members(number: Tensor, order: int, binomials: Tensor) -> Tensor:
    """The members of sets given by their numbers in colexicographic order.

    Set {c_1 < ... < c_k} has the number sum_j C(c_j, j) (the combinatorial number system: Knuth,
    TAOCP 4A, sec. 7.2.1.3), so that the sets of the first n particles are the first C(n, k).

    Parameters
    ----------
    number : [...] int64
    order : int
    binomials : [particles + 1, order + 1] int64
        C(n, k).

    Returns
    -------
    [..., order] int64
        Ascending.
    """
    members = []
    for size in range(order, 0, -1):
        column = binomials[:, size].contiguous()
        last = torch.searchsorted(column, number, right=True).sub_(1)
        number = number - column.index_select(0, last.view(-1)).view_as(last)
        members.append(last)
    return torch.stack(members[::-1], dim=-1)


def farthest(squared: Tensor, members: Tensor) -> Tensor:
    """Largest squared distance within sets.

    Parameters
    ----------
    squared : [B, E]
        Of all pairs, in the order of `geometry.pair_indices`.
    members : [B, K, N] int64
        Ascending.

    Returns
    -------
    [B, K]
        The gradient goes to one farthest pair.
    """
    with torch.no_grad():
        columns = members.unbind(-1)
        starts = [(member * (member - 1)) >> 1 for member in columns]
        pair = starts[1] + columns[0]
        largest = squared.gather(1, pair)
        for i, j in combinations(range(len(columns)), 2):
            if j > 1:
                other = starts[j] + columns[i]
                value = squared.gather(1, other)
                pair = torch.where(value > largest, other, pair)
                largest = torch.maximum(largest, value)
    return squared.gather(1, pair)

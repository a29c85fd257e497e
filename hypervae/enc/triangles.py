"""Correlators of three points by the shape of the triangle, and of more by the two farthest.

Each jet's correlator in a bin of the largest distance R is laid out by a ratio of distances x in
[0, 1] and an angle phi. What has no such shape, since particles of the tuple are the same one or
lie at one place, is kept apart, so that the sum over a bin of R is the projected correlator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import angle_between, in_parallel

_TWO_PI = 2 * math.pi


class Shape(NamedTuple):
    """Bins of the shape, in each bin of the largest distance.

    Attributes
    ----------
    ratios : int
        Equal bins of x in [0, 1].
    angles : int
        Equal bins of phi.
    signed : bool
        Whether orientations are told apart, by the sign of phi.
    """

    ratios: int
    angles: int
    signed: bool = False


@numba.njit(cache=True, nogil=True)
def _cell(
    x: float, phi: float, ratios: int, angles: int, low: float, high: float
) -> int:  # pragma: no cover - compiled
    """Which bin of x and phi; ends of the ranges belong to the last bins."""
    row = min(int(x * ratios), ratios - 1)
    column = min(max(int((phi - low) / (high - low) * angles), 0), angles - 1)
    return row * angles + column


@numba.njit(cache=True, nogil=True)
def _difference(one: float, other: float) -> float:  # pragma: no cover - compiled
    """Difference of azimuths within (-pi, pi]."""
    difference = one - other
    return difference - _TWO_PI * round(difference / _TWO_PI)


@numba.njit(cache=True, nogil=True)
def _number(i: int, j: int) -> int:  # pragma: no cover - compiled
    """Number of a pair, as `hypervae.correlators.geometry.pair_indices`."""
    return j * (j - 1) // 2 + i if i < j else i * (i - 1) // 2 + j


@numba.njit(cache=True, nogil=True)
def _longest_side(
    weight: NDArray[Any],
    n: int,
    eta: NDArray[Any],
    phi: NDArray[Any],
    pair_bins: NDArray[Any],
    cells: NDArray[Any],
    signed: bool,
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    """Fill `out` [bins, 1 + cells] of a jet; the first column is of pairs, and of R_S = 0."""
    low, high = (-math.pi / 2 if signed else 0.0), math.pi / 2
    for i in range(n):
        out[0, 0] += weight[i] ** 3
        for j in range(i):
            both = weight[i] * weight[j]
            out[pair_bins[_number(i, j)], 0] += 3 * both * (weight[i] + weight[j])
    length, code = np.zeros(3), np.zeros(3, dtype=np.int64)
    corner = np.zeros(3, dtype=np.int64)
    for i in range(n):
        for j in range(i):
            for k in range(j):
                # side s lies opposite to corner s
                corner[0], corner[1], corner[2] = i, j, k
                for side in range(3):
                    a, b = corner[(side + 1) % 3], corner[(side + 2) % 3]
                    length[side] = math.hypot(eta[a] - eta[b], angle_between(phi[a], phi[b]))
                    code[side] = pair_bins[_number(a, b)]
                longest, shortest = np.argmax(length), np.argmin(length)
                value = 6 * weight[i] * weight[j] * weight[k]
                rl_bin = max(code[0], code[1], code[2])
                if length[shortest] == 0.0:
                    out[rl_bin, 0] += value
                    continue
                middle = 3 - longest - shortest
                xi = length[shortest] / length[middle]
                cosine = (length[longest] - length[middle]) / length[shortest]
                angle = math.acos(min(max(cosine, 0.0), 1.0))
                if signed:
                    # from the corner of the longest and the middle side along the longest one
                    start, end = corner[shortest], corner[middle]
                    third = corner[longest]
                    turn = (eta[end] - eta[start]) * _difference(phi[third], phi[start])
                    turn -= _difference(phi[end], phi[start]) * (eta[third] - eta[start])
                    angle = math.copysign(angle, turn)
                out[rl_bin, 1 + _cell(xi, angle, cells[0], cells[1], low, high)] += value


@numba.njit(cache=True, nogil=True)
def _about_each(
    weight: NDArray[Any],
    n: int,
    eta: NDArray[Any],
    phi: NDArray[Any],
    pair_bins: NDArray[Any],
    order: int,
    cells: NDArray[Any],
    signed: bool,
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    """Fill `out` [bins, 2 + cells] of a jet.

    The first columns hold what has no shape: the second farthest lies where the first particle
    does, or where the farthest does.
    """
    low, high = (-math.pi if signed else 0.0), math.pi
    distance, direction = np.zeros(n), np.zeros(n)
    inside = np.zeros(n + 1)
    for s in range(n):
        for k in range(n):
            d_phi = _difference(phi[k], phi[s])
            distance[k] = math.hypot(eta[k] - eta[s], d_phi)
            direction[k] = math.atan2(d_phi, eta[k] - eta[s])
        distance[s] = -1.0  # first of all, also of those at its place
        ranked = np.argsort(distance, kind="mergesort")
        distance[s] = 0.0
        for place in range(n):
            inside[place + 1] = inside[place] + weight[ranked[place]]
        out[0, 0] += weight[s] ** order
        for far in range(1, n):
            i = ranked[far]
            r1_bin = pair_bins[_number(i, s)]
            once = (order - 1) * weight[i]
            before = inside[far] ** (order - 2)
            twice = inside[far + 1] ** (order - 1) - inside[far] ** (order - 1) - once * before
            out[r1_bin, 1] += weight[s] * twice
            for near in range(far):
                j = ranked[near]
                value = inside[near + 1] ** (order - 2) - inside[near] ** (order - 2)
                value *= weight[s] * once
                if distance[j] == 0.0:
                    out[r1_bin, 0] += value
                    continue
                if eta[i] == eta[j] and _difference(phi[i], phi[j]) == 0.0:
                    out[r1_bin, 1] += value
                    continue
                turn = _difference(direction[j], direction[i])
                angle = turn if signed else abs(turn)
                x = distance[j] / distance[i]
                out[r1_bin, 2 + _cell(x, angle, cells[0], cells[1], low, high)] += value


@numba.njit(cache=True, nogil=True)
def _walk(
    about_each: bool,
    weights: NDArray[Any],
    counts: NDArray[Any],
    eta: NDArray[Any],
    phi: NDArray[Any],
    pair_bins: NDArray[Any],
    order: int,
    cells: NDArray[Any],
    signed: bool,
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    for jet in range(len(weights)):
        # each array by itself: compiled code pays for a tuple of them
        weight, n, bins, filled = weights[jet], counts[jet], pair_bins[jet], out[jet]
        if about_each:
            _about_each(weight, n, eta[jet], phi[jet], bins, order, cells, signed, filled)
        else:
            _longest_side(weight, n, eta[jet], phi[jet], bins, cells, signed, filled)


def _sides_measure(x: NDArray[Any], phi: NDArray[Any]) -> NDArray[Any]:
    """Flat measure of (xi, phi) at R_L = 1, of one place of the third point."""
    cosine = np.cos(phi)
    return 2 * x / ((1 + x * cosine) ** 3 * np.sqrt((2 + x * cosine) ** 2 - x**2))


def _discs_measure(x: NDArray[Any], phi: NDArray[Any]) -> NDArray[Any]:
    """Flat measure of (R_2/R_1, phi) at R_1 = 1."""
    return x * np.ones_like(phi)


class Variable(NamedTuple):
    """What a correlator is resolved in.

    Attributes
    ----------
    names : tuple of str
        Of the largest distance, x and phi.
    apart : tuple of str
        Columns before the cells: what has no shape.
    orders : tuple of int
        Those that there are.
    widest : float
        The largest phi; the least is 0, or minus this.
    copies : int
        Triangles of one (R, x, |phi|), by which point is which and by reflection, of which
        `measure` is one.
    measure : callable
        Of flat phase space in (x, phi) at R = 1.
    about_each : bool
        Whether distances are from each particle in turn, and not those of all sides.
    """

    names: tuple[str, str, str]
    apart: tuple[str, ...]
    orders: tuple[int, ...]
    widest: float
    copies: int
    measure: Callable[..., NDArray[np.float64]]
    about_each: bool


#: Name of the largest distance to what it is resolved in.
RESOLVED: dict[str, Variable] = {
    "R_L": Variable(
        ("R_L", "xi", "phi"),
        ("R_S = 0",),
        (3,),
        math.pi / 2,
        12,
        _sides_measure,
        about_each=False,
    ),
    "R_1": Variable(
        ("R_1", "R_2/R_1", "phi"),
        ("R_2 = 0", "the two farthest at one place"),
        (3, 4, 5, 6),
        math.pi,
        4,
        _discs_measure,
        about_each=True,
    ),
}


def resolved(
    variable: str,
    arrays: tuple[NDArray[Any], ...],
    pair_bins: NDArray[np.unsignedinteger],
    order: int,
    shape: Shape,
    size: int,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Resolved correlators of each jet.

    Parameters
    ----------
    variable : str
        Name in `RESOLVED`.
    arrays : (weights [n, P], multiplicity [n], eta [n, P], phi [n, P])
        Weights as `hypervae.correlators.geometry.weights`, azimuths [rad].
    pair_bins : [n, P (P - 1) / 2]
        Of the largest distance, as `hypervae.correlators.geometry.pair_bins`.
    order : int
        Points.
    shape : Shape
    size : int
        Bins with underflow and overflow.
    threads : int
        They share the jets.

    Returns
    -------
    [n, size, columns] float64
        Of each bin what has no shape, then the cells, x by x. Over all columns, and but for
        rounding, the projected correlator.
    """
    of = RESOLVED[variable]
    weights, counts, eta, phi = arrays
    out = np.zeros((len(weights), size, len(of.apart) + shape.ratios * shape.angles))
    cells = np.array([shape.ratios, shape.angles])

    def run(part: slice) -> None:
        jets = (weights[part], counts[part], eta[part], phi[part], pair_bins[part])
        _walk(of.about_each, *jets, order, cells, shape.signed, out[part])

    in_parallel(run, len(weights), threads)
    return out


def flat_measure(variable: str, shape: Shape, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flat phase space of each bin: what it would hold if the points lay anywhere in the plane.

    The first of three points stands still, and the other two have unit density. For R_L, since
    R_M = R_L / (1 + xi cos phi) and R_S = xi R_M,

        d^2 r_2 d^2 r_3 = 12 (2 pi R_L^3 dR_L)
                          2 xi dxi dphi / ((1 + xi cos phi)^3 ((2 + xi cos phi)^2 - xi^2)^(1/2)),

    where any of the three sides may be the longest, either end of it the nearer to the third point,
    and the triangle may be reflected. For R_1, with x = R_2 / R_1 and phi in [0, pi],

        d^2 r_2 d^2 r_3 = 4 (2 pi R_1^3 dR_1) x dx dphi,

    where either of the two may be the farther one. Correlators divided by it are densities over the
    places of the points; of more than three points, over those of the two farthest.

    Parameters
    ----------
    variable : str
        Name in `RESOLVED`.
    shape : Shape
    edges : [bins + 1]
        Of the largest distance.

    Returns
    -------
    [bins, ratios, angles] float64
    """
    of = RESOLVED[variable]
    low = -of.widest if shape.signed else 0.0
    nodes, part = np.polynomial.legendre.leggauss(8)
    x_width, phi_width = 1 / shape.ratios, (of.widest - low) / shape.angles
    x = (np.arange(shape.ratios)[:, None] + (nodes + 1) / 2) * x_width
    phi = low + (np.arange(shape.angles)[:, None] + (nodes + 1) / 2) * phi_width
    values = of.measure(x[:, :, None, None], phi[None, None])
    cells = np.einsum("aibj,i,j->ab", values, part, part) * x_width * phi_width / 4
    radial = 2 * math.pi * np.diff(edges**4) / 4
    copies = of.copies / 2 if shape.signed else of.copies
    found: NDArray[np.float64] = copies * radial[:, None, None] * cells
    return found

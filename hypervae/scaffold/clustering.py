"""Winner-takes-all axes by exclusive kT clustering, compiled."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
def _nearest(
    i: int,
    etarel: NDArray[np.float64],
    phirel: NDArray[np.float64],
    pt: NDArray[np.float64],
    alive: NDArray[np.bool_],
) -> tuple[float, int]:
    """Smallest distance of particle i to a living one, and which."""
    best, where = np.inf, -1
    for j in range(len(pt)):
        if j == i or not alive[j]:
            continue
        softer = min(pt[i], pt[j])
        eta, phi = etarel[i] - etarel[j], phirel[i] - phirel[j]
        distance = softer * softer * (eta * eta + phi * phi)
        if distance < best:
            best, where = distance, j
    return best, where


@numba.njit(cache=True, nogil=True)
def _cluster_jet(
    etarel: NDArray[np.float64],
    phirel: NDArray[np.float64],
    pt: NDArray[np.float64],
    axes: NDArray[np.int64],
    parents: NDArray[np.int64],
) -> None:
    """Cluster one jet; `pt` is used up."""
    particles, subjets = len(pt), len(axes)
    alive = np.ones(particles, np.bool_)
    distance, partner = np.empty(particles), np.empty(particles, np.int64)
    for i in range(particles):
        distance[i], partner[i] = _nearest(i, etarel, phirel, pt, alive)
    for left in range(particles, 1, -1):
        one = 0
        best = np.inf
        for i in range(particles):
            if alive[i] and distance[i] < best:
                best, one = distance[i], i
        other = partner[one]
        winner, loser = (one, other) if pt[one] > pt[other] else (other, one)
        pt[winner] += pt[loser]
        alive[loser] = False
        # the winner's distances only grow, so nobody else finds it nearer than before
        for i in range(particles):
            stale = i == winner or partner[i] == winner or partner[i] == loser
            if alive[i] and stale:
                distance[i], partner[i] = _nearest(i, etarel, phirel, pt, alive)
        if left <= subjets:
            axes[left - 1] = loser
            parents[left - 1] = winner
    for i in range(particles):
        if alive[i]:
            axes[0] = i
    for node in range(1, min(subjets, particles)):
        for earlier in range(node):
            if axes[earlier] == parents[node]:
                parents[node] = earlier
                break


@numba.njit(cache=True, nogil=True)
def _cluster(
    etarel: NDArray[np.float64],
    phirel: NDArray[np.float64],
    weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    axes: NDArray[np.int64],
    parents: NDArray[np.int64],
) -> None:
    for jet in range(len(multiplicity)):
        here = multiplicity[jet]
        _cluster_jet(
            etarel[jet, :here],
            phirel[jet, :here],
            weight[jet, :here].copy(),
            axes[jet],
            parents[jet],
        )


def winner_takes_all_axes(
    etarel: NDArray[np.float64],
    phirel: NDArray[np.float64],
    weight: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    subjets: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Axes of the last subjets of an exclusive kT clustering, min(pt)^2 dR^2, and their parents.

    Parameters
    ----------
    etarel, phirel, weight : [n, P]
        Positions, and pT in any unit.
    multiplicity : [n]
        Particles of each jet, which come first.
    subjets : int

    Returns
    -------
    axes : [n, subjets] int64
        The particle that is the axis of each node; -1 for nodes that a jet of fewer particles has
        not.
    parents : [n, subjets] int64
        The node into which each node merges; 0 for node 0 itself and for missing nodes.
    """
    axes = np.full((len(multiplicity), subjets), -1, dtype=np.int64)
    parents = np.zeros((len(multiplicity), subjets), dtype=np.int64)
    # one layout of the arrays is one compilation
    columns = (
        np.ascontiguousarray(values, dtype=np.float64) for values in (etarel, phirel, weight)
    )
    _cluster(*columns, np.ascontiguousarray(multiplicity, dtype=np.int64), axes, parents)
    return axes, parents

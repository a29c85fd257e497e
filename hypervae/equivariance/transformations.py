"""Random Lorentz transformations of the groups that networks are tested under.

A matrix acts on column vectors (E, px, py, pz). All are proper and orthochronous, and none is the
identity or close to it, under which everything is equivariant.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypervae.model.references import (
    BEAM_GROUP,
    BEAM_ROTATIONS,
    LORENTZ_GROUP,
    ROTATIONS,
)
from hypervae.seeds import rng

BEAM_ROTATIONS_AND_BOOSTS = "rotations about the beam and boosts along it"
BOOSTS = "boosts"

#: Lorentz factors of the boosts, and the smallest angle of a rotation [rad].
GAMMA = (1.1, 5.0)
SMALLEST_ANGLE = 0.1

_BEAM = np.array([0.0, 0.0, 1.0])


def boost(direction: NDArray, gamma: float) -> NDArray[np.float64]:
    """[4, 4] boost along a unit vector [3].

    Parameters
    ----------
    direction : [3]
        A unit vector.
    gamma : float
        Lorentz factor.

    Returns
    -------
    [4, 4] float64
    """
    momentum = np.sqrt(gamma**2 - 1) * direction
    matrix = np.eye(4)
    matrix[0, 0] = gamma
    matrix[0, 1:] = matrix[1:, 0] = momentum
    matrix[1:, 1:] += (gamma - 1) * np.outer(direction, direction)
    return matrix


def rotation(axis: NDArray, angle: float) -> NDArray[np.float64]:
    """[4, 4] rotation about a unit vector [3] by an angle [rad] (Rodrigues).

    Parameters
    ----------
    axis : [3]
        A unit vector.
    angle : [rad]

    Returns
    -------
    [4, 4] float64
    """
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    matrix = np.eye(4)
    matrix[1:, 1:] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix


def random_transformations(group: str, n: int, seed: int) -> NDArray[np.float64]:
    """Draw transformations of a group.

    Parameters
    ----------
    group : str
        One of the names in `hypervae.model.references` and here.
    n : int
    seed : int

    Returns
    -------
    [n, 4, 4] float64
    """
    generator = rng(seed, "transformations", group)

    def direction() -> NDArray:
        vector = generator.standard_normal(3)
        return vector / np.linalg.norm(vector)

    def direction_across() -> NDArray:
        angle = generator.uniform(0, 2 * np.pi)
        return np.array([np.cos(angle), np.sin(angle), 0.0])

    def turn(axis: NDArray) -> NDArray:
        return rotation(axis, generator.uniform(SMALLEST_ANGLE, 2 * np.pi - SMALLEST_ANGLE))

    def push(along: NDArray) -> NDArray:
        return boost(along, generator.uniform(*GAMMA))

    draw = {
        LORENTZ_GROUP: lambda: push(direction()) @ turn(direction()),
        BOOSTS: lambda: push(direction()),
        ROTATIONS: lambda: turn(direction()),
        BEAM_GROUP: lambda: push(direction_across()) @ turn(_BEAM),
        BEAM_ROTATIONS: lambda: turn(_BEAM),
        BEAM_ROTATIONS_AND_BOOSTS: lambda: push(generator.choice([-1, 1]) * _BEAM) @ turn(_BEAM),
    }[group]
    return np.stack([draw() for _ in range(n)])

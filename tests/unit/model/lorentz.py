"""Lorentz transformations of column vectors (E, px, py, pz)."""

import numpy as np
import torch


def boost(rapidity: float, direction: tuple[float, float, float]) -> torch.Tensor:
    unit = np.array(direction) / np.linalg.norm(direction)
    matrix = np.eye(4)
    matrix[0, 0] = np.cosh(rapidity)
    matrix[0, 1:] = matrix[1:, 0] = np.sinh(rapidity) * unit
    matrix[1:, 1:] += (np.cosh(rapidity) - 1) * np.outer(unit, unit)
    return torch.from_numpy(matrix)


def rotation(angle: float, axis: int = 3) -> torch.Tensor:
    """Rotate about one of the axes x, y, z = 1, 2, 3."""
    first, second = [index for index in (1, 2, 3) if index != axis]
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[first, first] = matrix[second, second] = float(np.cos(angle))
    matrix[first, second], matrix[second, first] = -float(np.sin(angle)), float(np.sin(angle))
    return matrix


GENERAL = boost(0.9, (0.3, -0.5, 0.8)) @ rotation(1.1, 1) @ rotation(-0.4, 2) @ rotation(2.0, 3)

"""Conditional flow matching: straight paths from noise to data, and solvers that follow them back.

A network v(x, t) learns the velocity of points that move in a straight line from Gaussian noise x0
at t = 0 to data x1 at t = 1, x_t = (1 - t) x0 + t x1 (Lipman et al., arXiv:2210.02747, eq. 23 with
sigma_min = 0; Liu et al., arXiv:2209.03003). Its minimum squared error is reached by the mean
velocity E[x1 - x0 | x_t], and to follow that from noise samples the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from hypervae.errors import ConfigError

SOLVERS = ("euler", "midpoint")
_FREQUENCIES = 8

#: Channels of `time_features`.
TIME_FEATURES = 2 * _FREQUENCIES + 1


def time_features(time: Tensor) -> Tensor:
    """[B] times in [0, 1] -> [B, TIME_FEATURES]: cos(pi k t), sin(pi k t) for k = 1..8, and t."""
    steps = torch.arange(1, _FREQUENCIES + 1, dtype=time.dtype, device=time.device)
    phase = math.pi * time.unsqueeze(-1) * steps
    return torch.cat([phase.cos(), phase.sin(), time.unsqueeze(-1)], dim=-1)


def on_path(noise: Tensor, data: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Points of the straight path and their velocity.

    Parameters
    ----------
    noise, data : [B, ...]
    time : [B]

    Returns
    -------
    points, velocity : [B, ...]
        (1 - t) noise + t data, and data - noise.
    """
    t = _beside(time, data)
    return (1 - t) * noise + t * data, data - noise


def velocity_of(raw: Tensor, points: Tensor, time: Tensor) -> Tensor:
    """The velocity from the output of a network, so that the network has an easy target.

    For data that are standard normal, E[x1 - x0 | x_t] = (2 t - 1) x_t / (t^2 + (1 - t)^2), and
    what is left has the variance 1 / (t^2 + (1 - t)^2): the network learns what is left, in units
    of its width (as Karras et al., arXiv:2206.00364, sec. 5, do for denoisers).

    Parameters
    ----------
    raw, points : [B, ...]
    time : [B]
    """
    t = _beside(time, points)
    variance = t.square() + (1 - t).square()
    return (2 * t - 1) / variance * points + raw * variance.rsqrt()


def integrate(
    velocity: Callable[[Tensor, Tensor], Tensor], start: Tensor, *, solver: str, evaluations: int
) -> Tensor:
    """Follow a velocity field from t = 0 to t = 1.

    Parameters
    ----------
    velocity : callable
        (points [B, ...], times [B]) -> [B, ...]
    start : [B, ...]
    solver : {"euler", "midpoint"}
        Euler takes a step per evaluation, midpoint (second order) one per two of them, all of equal
        length; of an odd number, the last of midpoint's is half as long and Euler's.
    evaluations : int
        How often the velocity is evaluated.

    Raises
    ------
    ConfigError
        If the solver is not known, or there are no evaluations.
    """
    if solver not in SOLVERS:
        raise ConfigError(f"solver of the flow: {solver!r} is none of {', '.join(SOLVERS)}")
    if evaluations < 1:
        raise ConfigError(f"evaluations of the flow: {evaluations}, at least 1 is needed")
    points, time = start, 0.0

    def at(where: Tensor, when: float) -> Tensor:
        return velocity(where, where.new_full((len(where),), when))

    if solver == "midpoint":
        step = 2.0 / evaluations
        for _ in range(evaluations // 2):
            halfway = points + 0.5 * step * at(points, time)
            points = points + step * at(halfway, time + 0.5 * step)
            time += step
        left = evaluations % 2
    else:
        left = evaluations
    step = 1.0 / evaluations
    for _ in range(left):
        points = points + step * at(points, time)
        time += step
    return points


def _beside(time: Tensor, points: Tensor) -> Tensor:
    """Times [B] that multiply points [B, ...]."""
    return time.reshape(-1, *[1] * (points.dim() - 1))

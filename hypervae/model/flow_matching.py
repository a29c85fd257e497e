"""Conditional flow matching: straight paths from noise to data.

A network v(x, t) learns the velocity of points that move in a straight line from Gaussian noise x0
at t = 0 to data x1 at t = 1, x_t = (1 - t) x0 + t x1 (Lipman et al., arXiv:2210.02747, eq. 23 with
sigma_min = 0; Liu et al., arXiv:2209.03003). Its minimum squared error is reached by the mean
velocity E[x1 - x0 | x_t], and to follow that from noise samples the data
(`hypervae.model.solvers`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_FREQUENCIES = 8

#: Channels of `time_features`.
TIME_FEATURES = 2 * _FREQUENCIES + 1


def time_features(time: Tensor) -> Tensor:
    """[B] times in [0, 1] -> [B, TIME_FEATURES]: cos(pi k t), sin(pi k t) for k = 1..8, and t.

    Parameters
    ----------
    time : [B]

    Returns
    -------
    [B, TIME_FEATURES]
    """
    harmonics = torch.arange(1, _FREQUENCIES + 1, dtype=time.dtype, device=time.device)
    phase = math.pi * time.unsqueeze(-1) * harmonics
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

    Returns
    -------
    [B, ...]
    """
    t = _beside(time, points)
    variance = t.square() + (1 - t).square()
    return (2 * t - 1) / variance * points + raw * variance.rsqrt()


def _beside(time: Tensor, points: Tensor) -> Tensor:
    """Times [B] that multiply points [B, ...]."""
    return time.reshape(-1, *[1] * (points.dim() - 1))

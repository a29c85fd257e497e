"""Solvers of flows: how a velocity field is followed from noise at t = 0 to data at t = 1.

Nothing here needs torch, so that the config and the help may read the names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from hypervae.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    #: (points [B, ...], time) -> velocity [B, ...]
    Velocity = Callable[[Tensor, float], Tensor]
    Solver = Callable[[Velocity, Tensor, Sequence[float]], Tensor]


def euler(velocity: Velocity, points: Tensor, times: Sequence[float]) -> Tensor:
    """A step per evaluation, along the velocity at its start (first order).

    Parameters
    ----------
    velocity : Velocity
        Of points at a time.
    points : [B, ...]
        Where the flow starts.
    times : sequence of float
        Rising, from the first to the last time.

    Returns
    -------
    [B, ...]
        At the last time.
    """
    for begin, end in pairwise(times):
        points = points + (end - begin) * velocity(points, begin)
    return points


def midpoint(velocity: Velocity, points: Tensor, times: Sequence[float]) -> Tensor:
    """A step per two evaluations, along the velocity in its middle (second order).

    Of an odd number of evaluations the last step is Euler's, and half as long.

    Parameters
    ----------
    velocity : Velocity
        Of points at a time.
    points : [B, ...]
        Where the flow starts.
    times : sequence of float
        Rising, from the first to the last time.

    Returns
    -------
    [B, ...]
        At the last time.
    """
    evaluations = len(times) - 1
    for used in range(0, evaluations, 2):
        spent = min(used + 2, evaluations)
        begin, step = times[used], times[spent] - times[used]
        change = velocity(points, begin)
        if spent - used == 2:
            change = velocity(points + 0.5 * step * change, begin + 0.5 * step)
        points = points + step * change
    return points


def adams_bashforth(velocity: Velocity, points: Tensor, times: Sequence[float]) -> Tensor:
    """A step per evaluation, extrapolating from that before (second order); Euler's at first.

    With h the length of a step and g that of the step before, x += h ((1 + w) v - w v_before) with
    w = h / (2 g): the integral of the line through both velocities (Hairer, Norsett, Wanner,
    Solving Ordinary Differential Equations I, sec. III.5).

    Parameters
    ----------
    velocity : Velocity
        Of points at a time.
    points : [B, ...]
        Where the flow starts.
    times : sequence of float
        Rising, from the first to the last time.

    Returns
    -------
    [B, ...]
        At the last time.
    """
    before: tuple[Tensor, float] | None = None
    for begin, end in pairwise(times):
        step, now = end - begin, velocity(points, begin)
        if before is None:
            change = now
        else:
            weight = step / (2 * (begin - before[1]))
            change = (1 + weight) * now - weight * before[0]
        points = points + step * change
        before = (now, begin)
    return points


#: By name: a further one is a function and a line here.
SOLVERS: dict[str, Solver] = {"euler": euler, "midpoint": midpoint, "ab2": adams_bashforth}


def turned(velocity: Velocity) -> Velocity:
    """The velocity of points in units of their width, by the angle on the way from noise to data.

    Points of a straight path from a standard normal to another have the width
    s = (t^2 + (1 - t)^2)^1/2, and the velocity x (2 t - 1) / s^2 carries them there. With
    y = x / s and tan a = t / (1 - t) that part is gone: dy/da = s v - x (2 t - 1) / s, which a
    solver follows with few steps, since it is what data differ from a standard normal in. Nothing
    is approximated: at a = 0 and pi / 2, y = x. (As exponential integrators treat the linear part
    of diffusion models, Lu et al., arXiv:2206.00927.)

    Parameters
    ----------
    velocity : Velocity
        Of points at a time.

    Returns
    -------
    Velocity
        Of points in units of their width at an angle from 0 to pi / 2.
    """

    def by_angle(points: Tensor, angle: float) -> Tensor:
        noise, data = math.cos(angle), math.sin(angle)
        width, time = 1 / (noise + data), data / (noise + data)
        places = width * points
        return width * velocity(places, time) - (2 * time - 1) / width * places

    return by_angle


def time_grid(evaluations: int, power: float = 1.0) -> list[float]:
    """Times t_i = 1 - (1 - i / n)^power for i = 0 to n = `evaluations`.

    Above a power of 1 steps grow shorter towards the data, where the finest structure takes shape.

    Parameters
    ----------
    evaluations : int
        Of the velocity.
    power : float
        Above 1 the steps grow shorter.

    Returns
    -------
    list of float
        `evaluations` + 1 times.
    """
    return [1.0 - (1.0 - i / evaluations) ** power for i in range(evaluations + 1)]


def integrate(
    velocity: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    *,
    solver: str,
    evaluations: int,
    power: float = 1.0,
    by_angle: bool = False,
) -> Tensor:
    """Follow a velocity field from t = 0 to t = 1.

    Parameters
    ----------
    velocity : callable
        (points [B, ...], times [B]) -> [B, ...]
    start : [B, ...]
    solver : str
        One of `SOLVERS`.
    evaluations : int
        How often the velocity is evaluated.
    power : float
        Of the time grid; see `time_grid`.
    by_angle : bool
        Follow it as `turned` says, on a grid of angles in place of times.

    Returns
    -------
    [B, ...]
        At t = 1.

    Raises
    ------
    ConfigError
        If the solver is not known, or there are no evaluations.
    """
    check_solver(solver, evaluations)

    def at(points: Tensor, time: float) -> Tensor:
        return velocity(points, points.new_full((len(points),), time))

    grid = time_grid(evaluations, power)
    if by_angle:
        return SOLVERS[solver](turned(at), start, [0.5 * math.pi * place for place in grid])
    return SOLVERS[solver](at, start, grid)


def check_solver(solver: str, evaluations: int) -> None:
    """Check that a flow can be followed like that.

    Parameters
    ----------
    solver : str
        A name of `SOLVERS`.
    evaluations : int
        Of the velocity.

    Raises
    ------
    ConfigError
        If the solver is not known, or there are no evaluations.
    """
    if solver not in SOLVERS:
        raise ConfigError(f"solver of the flow: {solver!r} is none of {', '.join(SOLVERS)}")
    if evaluations < 1:
        raise ConfigError(f"evaluations of the flow: {evaluations}, at least 1 is needed")

"""Solvers: exact where they should be, of their order elsewhere, at so many evaluations."""

import math
import subprocess
import sys

import pytest
import torch

from hypervae.errors import ConfigError
from hypervae.model.solvers import SOLVERS, integrate


@pytest.mark.parametrize("solver", sorted(SOLVERS))
@pytest.mark.parametrize("evaluations", [1, 2, 3, 4, 5, 10])
@pytest.mark.parametrize("power", [1.0, 1.5])
def test_a_constant_velocity_is_followed_exactly_in_so_many_evaluations(solver, evaluations, power):
    calls = []

    def constant(points, time):
        calls.append(time)
        return torch.tensor([3.0, -1.0], dtype=torch.float64).expand(points.shape)

    start = torch.tensor([[1.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    end = integrate(constant, start, solver=solver, evaluations=evaluations, power=power)
    torch.testing.assert_close(end, start + torch.tensor([3.0, -1.0], dtype=torch.float64))
    assert len(calls) == evaluations
    assert all(time.shape == (2,) for time in calls)
    times = [float(time[0]) for time in calls]
    assert times == sorted(times)
    assert times[0] == 0.0
    assert times[-1] < 1.0


def error(evaluations, **options):
    """Of dx/dt = x, which takes 1 to e."""
    start = torch.ones(1, 1, dtype=torch.float64)
    end = integrate(lambda x, t: x, start, evaluations=evaluations, **options)
    return abs(float(end) - math.e)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("ab2", 2)])
@pytest.mark.parametrize("power", [1.0, 1.5])
def test_the_order_of_the_solver(solver, order, power):
    for evaluations in (20, 40):
        ratio = error(evaluations, solver=solver, power=power) / error(
            2 * evaluations, solver=solver, power=power
        )
        assert ratio == pytest.approx(2**order, rel=0.1)


def between(mean, width):
    """Velocity E[x1 - x0 | x_t] from a standard normal to a Gaussian, and where it takes a point.

    x_t is a Gaussian of mean t m and variance (1 - t)^2 + t^2 s^2, and quantiles stay.
    """

    def velocity(points, time):
        t = time.unsqueeze(-1)
        variance = (1 - t) ** 2 + t**2 * width**2
        return mean + (t * width**2 - (1 - t)) / variance * (points - t * mean)

    return velocity, lambda points: mean + width * points


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_by_angle_a_standard_normal_stays_one_in_a_single_step(solver):
    velocity, expected = between(0.0, 1.0)
    start = torch.linspace(-3, 3, 13, dtype=torch.float64).unsqueeze(-1)
    end = integrate(velocity, start, solver=solver, evaluations=1, by_angle=True)
    torch.testing.assert_close(end, expected(start))
    by_time = integrate(velocity, start, solver="euler", evaluations=1)
    assert (by_time - expected(start)).abs().max() > 1


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("ab2", 2)])
@pytest.mark.parametrize("power", [1.0, 1.25])
def test_by_angle_the_end_is_the_same_and_the_order_holds(solver, order, power):
    velocity, expected = between(0.3, 1.4)
    start = torch.linspace(-2, 2, 9, dtype=torch.float64).unsqueeze(-1)

    def error(evaluations):
        options = {"solver": solver, "evaluations": evaluations, "power": power}
        end = integrate(velocity, start, by_angle=True, **options)
        return float((end - expected(start)).abs().max())

    assert error(320) < 3e-3
    assert error(80) / error(160) == pytest.approx(2**order, rel=0.15)


def test_near_a_standard_normal_three_evaluations_by_angle_beat_those_by_time():
    velocity, expected = between(0.2, 1.2)
    start = torch.linspace(-2, 2, 9, dtype=torch.float64).unsqueeze(-1)
    found = {
        by_angle: integrate(velocity, start, solver="ab2", evaluations=3, by_angle=by_angle)
        for by_angle in (False, True)
    }
    errors = {key: float((end - expected(start)).abs().max()) for key, end in found.items()}
    assert errors[True] < 0.5 * errors[False]


def test_steps_of_a_higher_power_grow_shorter():
    times = []

    def record(points, time):
        times.append(float(time[0]))
        return points

    integrate(record, torch.ones(1, 1), solver="euler", evaluations=4, power=2.0)
    assert times == pytest.approx([0.0, 1 - 0.75**2, 1 - 0.5**2, 1 - 0.25**2], abs=1e-6)


def test_an_odd_number_of_evaluations_ends_with_a_short_euler_step():
    # dx/dt = 2 t: midpoint is exact up to t = 2/3, Euler then adds (1/3) (4/3)
    start = torch.zeros(1, 1, dtype=torch.float64)
    end = integrate(
        lambda x, t: 2 * t.unsqueeze(-1) + 0 * x, start, solver="midpoint", evaluations=3
    )
    assert float(end) == pytest.approx(4 / 9 + 4 / 9, abs=1e-12)


def test_adams_bashforth_by_hand():
    # dx/dt = 2 t on equal steps of 1/3: Euler's first adds 0; then the line through both velocities
    # is exact
    start = torch.zeros(1, 1, dtype=torch.float64)
    end = integrate(lambda x, t: 2 * t.unsqueeze(-1) + 0 * x, start, solver="ab2", evaluations=3)
    assert float(end) == pytest.approx(1 - 1 / 9, abs=1e-12)


def test_the_names_need_no_torch():
    code = "import sys, hypervae.model.solvers; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("solver", "evaluations"), [("rk4", 10), ("midpoint", 0)])
def test_an_unknown_solver_and_no_evaluation_are_refused(solver, evaluations):
    with pytest.raises(ConfigError, match=r"solver|at least 1"):
        integrate(lambda x, t: x, torch.zeros(1, 1), solver=solver, evaluations=evaluations)

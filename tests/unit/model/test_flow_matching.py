import math

import pytest
import torch

from hypervae.errors import ConfigError
from hypervae.model.flow_matching import (
    TIME_FEATURES,
    integrate,
    on_path,
    time_features,
    velocity_of,
)


def test_points_move_straight_from_noise_to_data():
    noise, data = torch.tensor([[0.0, 4.0], [1.0, 1.0]]), torch.tensor([[2.0, 0.0], [1.0, 5.0]])
    points, velocity = on_path(noise, data, torch.tensor([0.25, 0.5]))
    assert points.tolist() == [[0.5, 3.0], [1.0, 3.0]]
    assert velocity.tolist() == [[2.0, -4.0], [0.0, 4.0]]


@pytest.mark.parametrize("solver", ["euler", "midpoint"])
@pytest.mark.parametrize("evaluations", [1, 2, 3, 4, 5, 10])
@pytest.mark.parametrize("late", [1.0, 1.5])
def test_a_constant_velocity_is_followed_exactly_in_so_many_evaluations(solver, evaluations, late):
    calls = []

    def constant(points, time):
        calls.append(time)
        return torch.tensor([3.0, -1.0], dtype=torch.float64).expand(points.shape)

    start = torch.tensor([[1.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    end = integrate(constant, start, solver=solver, evaluations=evaluations, late=late)
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


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2)])
@pytest.mark.parametrize("late", [1.0, 1.5])
def test_the_order_of_the_solver(solver, order, late):
    for evaluations in (20, 40):
        ratio = error(evaluations, solver=solver, late=late) / error(
            2 * evaluations, solver=solver, late=late
        )
        assert ratio == pytest.approx(2**order, rel=0.1)


def test_late_steps_grow_shorter():
    times = []

    def record(points, time):
        times.append(float(time[0]))
        return points

    integrate(record, torch.ones(1, 1), solver="euler", evaluations=4, late=2.0)
    assert times == pytest.approx([0.0, 1 - 0.75**2, 1 - 0.5**2, 1 - 0.25**2], abs=1e-6)


def test_an_odd_number_of_evaluations_ends_with_a_short_euler_step():
    # dx/dt = 2 t: midpoint is exact up to t = 2/3, Euler then adds (1/3) (4/3)
    start = torch.zeros(1, 1, dtype=torch.float64)
    end = integrate(
        lambda x, t: 2 * t.unsqueeze(-1) + 0 * x, start, solver="midpoint", evaluations=3
    )
    assert float(end) == pytest.approx(4 / 9 + 4 / 9, abs=1e-12)


@pytest.mark.parametrize(("solver", "evaluations"), [("rk4", 10), ("midpoint", 0)])
def test_an_unknown_solver_and_no_evaluation_are_refused(solver, evaluations):
    with pytest.raises(ConfigError, match=r"solver|at least 1"):
        integrate(lambda x, t: x, torch.zeros(1, 1), solver=solver, evaluations=evaluations)


def test_a_silent_network_has_the_best_linear_velocity_of_normal_data():
    generator = torch.Generator().manual_seed(1)
    noise, data = torch.randn(2, 200_000, 1, generator=generator, dtype=torch.float64)
    for t in (0.0, 0.2, 0.5, 0.9, 1.0):
        time = torch.full((len(noise),), t, dtype=torch.float64)
        points, velocity = on_path(noise, data, time)
        left = velocity - velocity_of(torch.zeros_like(points), points, time)
        assert abs(float((left * points).mean())) < 0.02
        # a network's output of 1 stands for one width of what is left
        unit = velocity_of(torch.ones_like(points), points, time)
        unit = unit - velocity_of(torch.zeros_like(points), points, time)
        assert float(left.std()) == pytest.approx(float(unit[0]), rel=0.02)


def test_time_features_tell_times_apart():
    features = time_features(torch.linspace(0, 1, 50))
    assert features.shape == (50, TIME_FEATURES)
    assert torch.cdist(features, features).add(torch.eye(50) * 9).min() > 1e-2

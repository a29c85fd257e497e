import pytest
import torch

from hypervae.model.flow_matching import TIME_FEATURES, on_path, time_features, velocity_of


def test_points_move_straight_from_noise_to_data():
    noise, data = torch.tensor([[0.0, 4.0], [1.0, 1.0]]), torch.tensor([[2.0, 0.0], [1.0, 5.0]])
    points, velocity = on_path(noise, data, torch.tensor([0.25, 0.5]))
    assert points.tolist() == [[0.5, 3.0], [1.0, 3.0]]
    assert velocity.tolist() == [[2.0, -4.0], [0.0, 4.0]]


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

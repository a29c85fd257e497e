import numpy as np
import pytest
import torch

from hypervae.kinematics import relative_mass
from hypervae.model.losses.sums import sum_loss, summed
from tests.unit.chain import small_jets


def test_sums_and_mass_agree_with_kinematics():
    jets = small_jets(30, seed=3)
    coordinates = torch.from_numpy(jets.particle_features[..., :3]).double()
    found = summed(coordinates, torch.from_numpy(jets.mask).double())
    particles = jets.particle_features.astype(float)
    ptrel = particles[..., 2]
    np.testing.assert_allclose(found[:, 0], ptrel.sum(1))
    np.testing.assert_allclose(found[:, 1], (ptrel * particles[..., 0]).sum(1), atol=1e-12)
    np.testing.assert_allclose(found[:, 2], (ptrel * particles[..., 1]).sum(1), atol=1e-12)
    several = jets.multiplicity > 1
    expected = relative_mass(jets.particle_features)
    np.testing.assert_allclose(found[several, 3], np.maximum(expected[several], 1e-3), rtol=1e-6)
    assert expected[several].max() > 0.05


def test_sum_loss_by_hand():
    # back to back in eta by 0.2: m = 2 * 0.5 * sinh(0.1), against one massless particle
    predicted = torch.tensor([[[0.1, 0.0, 0.5], [-0.1, 0.0, 0.5]]], dtype=torch.float64)
    target = torch.tensor([[[0.0, 0.02, 0.9], [3.0, 3.0, 7.0]]], dtype=torch.float64)
    presence = torch.ones(1, 2, dtype=torch.float64)
    found = sum_loss(predicted, presence, target, torch.tensor([[True, False]]))
    mass = np.sinh(0.1) - 1e-3  # the floor of a massless jet
    expected = ((0.1 / 0.1) ** 2 + 0.0 + (0.018 / 0.02) ** 2 + (mass / 0.05) ** 2) / 4
    assert float(found) == pytest.approx(expected)


def test_a_slot_that_is_not_used_adds_nothing():
    points = torch.tensor([[[0.1, 0.2, 0.5], [0.3, -0.2, 0.4]]])
    presence = torch.tensor([[1.0, 0.0]])
    found = sum_loss(points, presence, points, torch.tensor([[True, False]]))
    assert float(found) == 0.0


def test_presence_and_points_get_a_gradient():
    points = torch.tensor([[[0.1, 0.2, 0.5], [0.3, -0.2, 0.4]]], requires_grad=True)
    presence = torch.ones(1, 2, requires_grad=True)
    sum_loss(points, presence, points.detach() * 0.9, torch.ones(1, 2).bool()).sum().backward()
    assert (points.grad != 0).all()
    assert (presence.grad != 0).all()

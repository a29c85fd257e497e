import numpy as np
import pytest
import torch

from hypervae.model.decoder.chamfer import chamfer, point_distance

KINDS = ("squared", "plain", "hyperbolic")


def one_jet(*rows):
    return torch.tensor([rows], dtype=torch.float64)


def test_two_points_each_by_hand():
    predicted = one_jet([0.0, 0.0], [3.0, 0.0], [50.0, 50.0])
    presence = one_jet(1.0, 1.0, 0.0)
    target = one_jet([1.0, 0.0], [3.0, 2.0], [9.0, 9.0])
    mask = torch.tensor([[True, True, False]])
    # to the nearest target: 1 and 2; to the nearest present prediction: 1 and 2
    assert float(chamfer(predicted, presence, target, mask)) == pytest.approx(2.5 + 2.5)
    plain = chamfer(predicted, presence, target, mask, distance="plain")
    assert float(plain) == pytest.approx(1.5 + 1.5)
    hyperbolic = chamfer(predicted, presence, target, mask, distance="hyperbolic", alpha=0.5)
    assert float(hyperbolic) == pytest.approx(np.arccosh(1.5) + np.arccosh(3.0))


def test_unequal_numbers_by_hand():
    predicted = one_jet([0.0], [1.0])
    target = one_jet([0.0], [2.0], [6.0])
    mask = torch.ones(1, 3, dtype=torch.bool)
    found = chamfer(predicted, one_jet(1.0, 1.0), target, mask)
    assert float(found) == pytest.approx(0.5 + 26 / 3)
    # with the second slot unused, the first serves all targets
    found = chamfer(predicted, one_jet(1.0, 0.0), target, mask)
    assert float(found) == pytest.approx(0.0 + 40 / 3)


def test_pt_weights_by_hand():
    predicted, target = one_jet([0.0], [1.0]), one_jet([0.0], [4.0])
    found = chamfer(
        predicted,
        one_jet(1.0, 1.0),
        target,
        torch.ones(1, 2, dtype=torch.bool),
        weights=(one_jet(0.3, 0.1), one_jet(0.6, 0.2)),
    )
    assert float(found) == pytest.approx(0.25 * 1.0 + 0.25 * 9.0)


def test_absent_slots_and_padding_do_not_weigh():
    predicted, target = one_jet([0.0], [7.0]), one_jet([1.0], [9.0])
    found = chamfer(
        predicted,
        one_jet(1.0, 0.0),
        target,
        torch.tensor([[True, False]]),
        weights=(one_jet(0.1, 0.9), one_jet(0.1, 0.9)),
    )
    assert float(found) == pytest.approx(2.0)


@pytest.mark.parametrize("distance", KINDS)
def test_equal_sets_have_no_distance_and_no_gradient(distance):
    points = torch.randn(3, 5, 3)
    predicted = points[:, [4, 2, 0, 1, 3]].requires_grad_()
    mask = torch.ones(3, 5, dtype=torch.bool)
    found = chamfer(predicted, torch.ones(3, 5), points, mask, distance=distance)
    assert found.tolist() == [0.0] * 3
    found.sum().backward()
    assert (predicted.grad == 0).all()


def test_hyperbolic_distance_is_arcosh_to_rounding():
    d = torch.logspace(-5, 3, 50, dtype=torch.float64)
    # arcosh(1 + 2 s^2) = 2 arsinh(s)
    expected = 2 * torch.asinh(d * np.sqrt(0.5 * 0.7))
    torch.testing.assert_close(
        point_distance(d**2, "hyperbolic", 0.7), expected, rtol=1e-10, atol=0
    )
    single = point_distance(d.float() ** 2, "hyperbolic", 0.7)
    torch.testing.assert_close(single, expected.float(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("distance", KINDS)
@pytest.mark.parametrize("apart", [0.0, 1e-20, 1e-7, 1e-5, 1.0, 1e3])
def test_gradients_are_finite_and_bounded(distance, apart):
    position = torch.tensor([apart, 0.0], requires_grad=True)
    value = point_distance(position.square().sum(), distance)
    value.backward()
    assert torch.isfinite(value)
    limit = 2 * apart if distance == "squared" else np.sqrt(2)
    assert float(position.grad.abs().max()) <= 1.01 * limit


@pytest.mark.parametrize("distance", KINDS)
def test_gradients_are_right(distance):
    torch.manual_seed(1)
    predicted = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    presence = torch.rand(2, 4, dtype=torch.float64).add_(0.6).requires_grad_()
    target, mask = torch.randn(2, 5, 3, dtype=torch.float64), torch.ones(2, 5, dtype=torch.bool)
    mask[0, 3:] = False

    def of(points, present):
        return chamfer(points, present, target, mask, distance=distance)

    assert torch.autograd.gradcheck(of, (predicted, presence))


def test_presence_gets_no_gradient_from_the_targets_side():
    # every prediction is a target, but one target has none: more particles would only help there
    predicted, target = one_jet([0.0], [1.0]), one_jet([0.0], [1.0], [9.0])
    presence = one_jet(1.0, 1.0).requires_grad_()
    mask = torch.ones(1, 3, dtype=torch.bool)
    found = chamfer(predicted, presence, target, mask)
    assert float(found.detach()) == pytest.approx(64 / 3)
    found.sum().backward()
    assert presence.grad.tolist() == [[0.0, 0.0]]


def test_weights_get_no_gradient():
    predicted, target = one_jet([0.0], [1.0]), one_jet([0.0], [4.0])
    weight = one_jet(0.3, 0.1).requires_grad_()
    presence = one_jet(1.0, 1.0).requires_grad_()
    mask = torch.ones(1, 2, dtype=torch.bool)
    chamfer(predicted, presence, target, mask, weights=(weight, None)).sum().backward()
    assert weight.grad is None
    assert presence.grad.any()

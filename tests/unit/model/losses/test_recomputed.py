from itertools import combinations

import numpy as np
import pytest
import torch

from hypervae.correlators.features import MASS_SQUARED_FLOOR, pair_features
from hypervae.correlators.geometry import pair_indices, weights
from hypervae.correlators.sets import set_counts, set_members
from hypervae.model.losses.recomputed import (
    angular_differences,
    bin_position,
    colex_members,
    edge_features,
    farthest,
    interpolated,
    log_weights,
)
from tests.unit.chain import small_jets

SLOTS = 12
FIRST, SECOND = (torch.from_numpy(index) for index in pair_indices(SLOTS))


def coordinates_of(jets):
    values = torch.from_numpy(jets.particle_features[..., :3].astype(np.float64))
    values[..., 2] = values[..., 2].clamp_min(1e-7).log()
    return values


@pytest.fixture
def jets():
    return small_jets(30, seed=4)


def features_of(jets, ln_e2c=None):
    table = torch.zeros(22, dtype=torch.float64) if ln_e2c is None else ln_e2c
    ln_pt = torch.from_numpy(jets.jet_features[:, 0].astype(np.float64)).log()
    return edge_features(coordinates_of(jets), ln_pt, FIRST, SECOND, table, np.log(1e-4), 0.5)


def test_edge_features_are_those_of_the_correlators(jets):
    found = features_of(jets).numpy()
    present = pair_indices(SLOTS)[1] < jets.multiplicity[:, None]
    np.testing.assert_allclose(found[present][:, 1:], pair_features(jets)[present], rtol=1e-6)
    assert present.sum() > 500


def test_edge_features_across_the_edge_of_phi(jets):
    jets.particle_features[:, 0, 1] = 3.1
    jets.particle_features[:, 1, 1] = -3.1
    several = jets.multiplicity > 1
    found = features_of(jets)[several, 0].numpy()
    np.testing.assert_allclose(found[:, 1:], pair_features(jets)[several, 0], rtol=1e-5)


def test_coincident_particles_are_floored_without_a_gradient():
    points = torch.tensor([[[0.1, 0.2, -1.0], [0.1, 0.2, -1.0]]], requires_grad=True)
    pair = torch.tensor([0]), torch.tensor([1])
    found = edge_features(points, torch.zeros(1), *pair, torch.randn(12), np.log(1e-4), 1.0)
    assert torch.isfinite(found).all()
    assert float(found[0, 0, 1].detach()) == pytest.approx(np.log(1e-5))
    assert float(found[0, 0, 4].detach()) == pytest.approx(np.log(MASS_SQUARED_FLOOR))
    found.sum().backward()
    assert torch.isfinite(points.grad).all()
    assert (points.grad[..., :2] == 0).all()


def test_edge_features_gradient_is_right(jets):
    points = coordinates_of(jets[3:6]).requires_grad_()
    table = torch.randn(22, dtype=torch.float64)

    def of(values):
        return edge_features(
            values, torch.ones(3, dtype=torch.float64), FIRST, SECOND, table, np.log(1e-4), 0.5
        )[:, :6]

    assert torch.autograd.gradcheck(of, points)


def test_e2c_is_interpolated_between_the_centers_of_bins():
    table = torch.tensor([[9.0, 1.0, 2.0, 4.0, 9.0]])
    position = torch.tensor([0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 77.0], requires_grad=True)
    found = interpolated(table, position)
    # underflow and overflow give way to the bins beside them
    assert found[:, 0].tolist() == [1.0, 1.0, 1.5, 2.0, 3.0, 4.0, 4.0]
    found.sum().backward()
    assert position.grad[[2, 4]].tolist() == [1.0, 2.0]
    assert position.grad[[0, 6]].tolist() == [0.0, 0.0]
    one_bin = interpolated(torch.tensor([[9.0, 3.0, 9.0]]), position)
    assert one_bin.flatten().tolist() == [3.0] * 7


def test_bin_positions_are_those_of_the_binning(normalization):
    binning = normalization.binning
    ln_width = np.log(binning.high / binning.low) / binning.bins
    found = bin_position(torch.from_numpy(np.log(binning.centers)), np.log(binning.low), ln_width)
    np.testing.assert_allclose(found, np.arange(1, binning.bins + 1), rtol=1e-10)


@pytest.mark.parametrize(("kind", "exponent"), [("pt", 1.0), ("pt", 2.0), ("energy", 1.5)])
def test_weights_are_those_of_the_correlators(jets, kind, exponent):
    mask = torch.from_numpy(jets.mask)
    eta = torch.from_numpy(jets.jet_features[:, 1].astype(np.float64))
    found = log_weights(coordinates_of(jets), mask, exponent, eta if kind == "energy" else None)
    expected = weights(jets, kind, exponent)
    np.testing.assert_allclose(found.exp()[mask], expected[jets.mask], rtol=1e-6)


@pytest.mark.parametrize("order", [2, 3, 4, 6])
def test_members_are_those_of_the_list_of_sets(order):
    listed = set_members(9, order)
    found = colex_members(torch.arange(len(listed)), order, torch.from_numpy(set_counts(9, order)))
    np.testing.assert_array_equal(found, listed)


@pytest.mark.parametrize("order", [3, 4, 5])
def test_farthest_pair_of_a_set_by_enumeration(jets, order):
    d_eta, d_phi = angular_differences(coordinates_of(jets), FIRST, SECOND)
    squared = (d_eta**2 + d_phi**2).requires_grad_()
    members = torch.from_numpy(set_members(8, order).astype(np.int64))
    found = farthest(squared, members.expand(len(jets), -1, -1))
    particles = jets.particle_features.astype(float)
    for jet in (0, 10, 29):
        for row in range(0, len(members), 7):
            expected = max(
                np.hypot(*(particles[jet, i, :2] - particles[jet, j, :2])) ** 2
                for i, j in combinations(members[row].tolist(), 2)
            )
            assert float(found[jet, row].detach()) == pytest.approx(expected, abs=1e-12)
    found[10, 3].backward()
    assert (squared.grad != 0).sum() == 1

"""Energy Flow Polynomials against energyflow and analytic cases."""

import numpy as np
import pytest

from hypervae.data.jets import Jets
from hypervae.observables.efp import CONNECTED, PRODUCTS, W1EFP_COLUMNS, efps
from tests.unit.evaluation.jets import pairs, rotated
from tests.unit.evaluation.reference import coordinates, energyflow, gen_metrics
from tests.unit.toys import toy_jets


@pytest.fixture(scope="module")
def jets():
    """Jets of 30, 40 and few particles; in some, phi differences beyond pi."""
    toys = toy_jets(30, max_particles=40, jet_type="t")
    for row, count in enumerate((1, 2, 3, 4)):
        toys.particle_features[row, count:] = 0
    toys.particle_features[5, ::2, 1] += 3.1
    toys.particle_features[5] *= toys.particle_features[5, :, 3:]
    return toys


def test_agree_with_energyflow(jets):
    theirs = gen_metrics().get_fpd_kpd_jet_features(coordinates(jets), efp_jobs=1)
    found = efps(jets)
    assert found.shape == (30, 36)
    np.testing.assert_allclose(found, theirs, rtol=1e-11, atol=1e-30)
    columns = list(W1EFP_COLUMNS)
    of_set = gen_metrics().utils.efps(coordinates(jets), efp_jobs=1)
    np.testing.assert_allclose(found[:, columns], of_set, rtol=1e-11, atol=1e-30)


def test_columns_are_those_graphs():
    graphs = energyflow().EFPSet(("d<=", 4), measure="hadr", beta=1, normed=None).graphs()
    for text, graph in zip(CONNECTED, graphs[: len(CONNECTED)], strict=True):
        assert sorted(text.split()) == sorted(f"{a}{b}" for a, b in graph)
    for factors, graph in zip(PRODUCTS, graphs[len(CONNECTED) :], strict=True):
        assert sum(len(CONNECTED[factor].split()) for factor in factors) == len(graph)


def test_two_particles():
    angle, share = 0.3, 0.2
    found = efps(pairs(angle, share, 1))[0]
    z = share * (1 - share)
    assert found[0] == pytest.approx(1.0)
    for edges in (1, 2, 3, 4):
        assert found[edges] == pytest.approx(2 * z * angle**edges, rel=1e-6)
    # No triangle, and a square back and forth.
    assert found[9] == 0
    assert found[17] == pytest.approx(2 * z**2 * angle**4, rel=1e-6)


def test_padding_order_and_rotations_do_not_matter(jets):
    reference = efps(jets)
    wide = np.pad(jets.particle_features, ((0, 0), (0, 7), (0, 0)))
    np.testing.assert_array_equal(efps(Jets(wide, jets.jet_features)), reference)
    near = toy_jets(20)
    np.testing.assert_allclose(efps(rotated(near)), efps(near), rtol=1e-4)

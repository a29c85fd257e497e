import numpy as np
import pytest
from hypothesis import given

from hypervae.correlators import features, geometry
from hypervae.data.jets import Jets
from tests.unit.correlators.jets import jet_of, particles
from tests.unit.toys import toy_jets


def plain(jets):
    """The formulas of the design, written down once more."""
    x = jets.particle_features.astype(np.float64)
    eta, phi = x[..., 0], x[..., 1]
    pt = x[..., 2] * jets.jet_features[:, None, 0]
    i, j = geometry.pair_indices(x.shape[1])
    d_eta, d_phi = eta[:, i] - eta[:, j], phi[:, i] - phi[:, j]
    delta = np.hypot(d_eta, np.abs(np.angle(np.exp(1j * d_phi))))
    least = np.minimum(pt[:, i], pt[:, j])
    m2 = 2 * pt[:, i] * pt[:, j] * (np.cosh(d_eta) - np.cos(d_phi))
    z = least / np.maximum(pt[:, i] + pt[:, j], 1e-300)
    return delta, least * delta, z, m2


def test_pairs_of_toys_follow_the_plain_formulas():
    jets = toy_jets(40)
    found = np.exp(features.pair_features(jets))
    present = geometry.pair_indices(30)[1] < jets.multiplicity[:, None]
    for column, wanted in enumerate(plain(jets)):
        np.testing.assert_allclose(found[..., column][present], wanted[present], rtol=1e-6)
    assert np.all(features.pair_features(jets)[~present] == 0)


@given(particles(smallest=2))
def test_any_pair_follows_the_plain_formulas_above_the_floors(rows):
    jets = jet_of(rows)
    delta, kt, z, m2 = plain(jets)
    found = np.exp(features.pair_features(jets))
    clear = delta > 1e-3
    for column, wanted in enumerate((delta, kt, z, m2)):
        np.testing.assert_allclose(found[..., column][clear], wanted[clear], rtol=1e-8)
    np.testing.assert_allclose(found[..., 2], z, rtol=1e-12)
    assert np.all(found[..., 2] <= 0.5 + 1e-15)


def test_coincident_particles_take_the_floors():
    found = features.pair_features(jet_of([[0.1, 0.2, 0.6], [0.1, 0.2, 0.3]]))[0, 0]
    wanted = [
        np.log(features.DELTA_FLOOR),
        np.log(300 * features.DELTA_FLOOR),
        np.log(1 / 3),
        np.log(features.MASS_SQUARED_FLOOR),
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_small_masses_do_not_cancel():
    """At 1e-7 rad, cosh - cos in float64 keeps not even two digits."""
    found = features.pair_features(jet_of([[0, 0, 0.6], [1e-7, 0, 0.3]]))[0, 0]
    assert np.exp(found[3]) == pytest.approx(600 * 300 * 1e-14, rel=0.1, abs=1e-8)
    wider = features.pair_features(jet_of([[0, 0, 0.6], [1e-6, 0, 0.3]]))[0, 0]
    assert np.exp(wider[3]) == pytest.approx(600 * 300 * 1e-12, rel=1e-9)


def test_phi_is_taken_across_pi():
    one = features.pair_features(jet_of([[0, 3.1, 0.6], [0.1, -3.1, 0.3]]))
    two = features.pair_features(jet_of([[0, 0, 0.6], [0.1, 2 * np.pi - 6.2, 0.3]]))
    np.testing.assert_allclose(one, two, rtol=1e-9)


def test_float32_is_given_where_asked():
    jets = toy_jets(5)
    single = features.pair_features(jets, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, features.pair_features(jets), rtol=1e-6, atol=1e-6)


def test_jet_targets_and_the_floor_of_the_mass():
    jets = np.array([[1000, -1.5, 100, 3], [500, 0.2, 0, 1], [300, 0, -0.05, 1]], np.float32)
    found = features.jet_targets(Jets(np.zeros((3, 2, 4), np.float32), jets))
    wanted = [[np.log(1000), -1.5, np.log(100)], [np.log(500), 0.2, 0], [np.log(300), 0, 0]]
    np.testing.assert_allclose(found, wanted, rtol=1e-7)


def test_names():
    assert features.EDGE_FEATURES == ("ln_e2c", "ln_delta", "ln_kt", "ln_z", "ln_m2")
    assert features.hyperedge_features([3, 4]) == ("ln_e3c_over_e2c", "ln_e4c_over_e2c", "ln_w")

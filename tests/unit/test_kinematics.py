import numpy as np
import pytest

from hypervae.kinematics import four_momenta, relative_mass, wrap_phi
from tests.unit.toys import toy_jets


def test_constituents_are_massless_and_absent_ones_zero():
    jets = toy_jets(50)
    p = four_momenta(jets.particle_features, jets.jet_features)
    assert p.dtype == np.float64
    squared = p[..., 0] ** 2 - (p[..., 1:] ** 2).sum(axis=-1)
    assert np.all(np.abs(squared) <= 1e-12 * p[..., 0] ** 2)
    assert np.all(p[~jets.mask] == 0)
    assert np.all(p[jets.mask][:, 0] > 0)


def test_coordinates_come_back():
    jets = toy_jets(50)
    p = four_momenta(jets.particle_features, jets.jet_features)[jets.mask]
    pt = np.hypot(p[:, 1], p[:, 2])
    wanted = jets.particle_features.astype(float)[jets.mask]
    jet = np.repeat(jets.jet_features.astype(float), jets.multiplicity, axis=0)
    np.testing.assert_allclose(pt, wanted[:, 2] * jet[:, 0], rtol=1e-12)
    np.testing.assert_allclose(np.arcsinh(p[:, 3] / pt) - jet[:, 1], wanted[:, 0], atol=1e-12)
    np.testing.assert_allclose(np.arctan2(p[:, 2], p[:, 1]), wanted[:, 1], atol=1e-12)


def test_a_masked_particle_does_not_count_whatever_it_holds():
    particles = np.array([[[0.1, 0.2, 0.5, 1], [0.3, 0.1, 0.2, 0]]])
    assert np.all(four_momenta(particles, np.array([[100.0, 0, 0, 1]]))[0, 1] == 0)


@pytest.mark.parametrize(("d_eta", "d_phi"), [(0.3, 0.0), (0.0, 0.4), (-0.2, 0.1)])
def test_the_mass_of_two_particles(d_eta, d_phi):
    """m^2 = 2 pt_1 pt_2 (cosh d eta - cos d phi)."""
    particles = np.array([[[0.05, -0.1, 0.6, 1], [0.05 + d_eta, -0.1 + d_phi, 0.3, 1]]])
    wanted = np.sqrt(2 * 0.6 * 0.3 * (np.cosh(d_eta) - np.cos(d_phi)))
    assert relative_mass(particles)[0] == pytest.approx(wanted, rel=1e-12)
    p = four_momenta(particles, np.array([[500.0, 1.7, 0, 2]]))[0].sum(axis=0)
    mass = np.sqrt(p[0] ** 2 - (p[1:] ** 2).sum())
    assert mass == pytest.approx(500 * wanted, rel=1e-9)  # wherever the jet goes


def test_one_particle_has_no_mass():
    assert relative_mass(np.array([[[0.1, 0.2, 0.7, 1], [0, 0, 0, 0]]]))[0] < 1e-7


def test_angles_are_wrapped():
    given = np.array([0, np.pi, -np.pi, np.pi + 0.1, -np.pi - 0.1, 2 * np.pi, 7 * np.pi - 0.1])
    wanted = [0, -np.pi, -np.pi, 0.1 - np.pi, np.pi - 0.1, 0, np.pi - 0.1]
    np.testing.assert_allclose(wrap_phi(given), wanted, atol=1e-12)

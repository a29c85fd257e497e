import numpy as np
import pytest

from hypervae.kinematics import four_momenta
from hypervae.observables import OBSERVABLES, JetSample, compute_observables
from tests.unit.evaluation.jets import pairs
from tests.unit.toys import toy_jets


def observables(jets):
    return compute_observables(JetSample(jets))


def test_values_belong_to_their_jets():
    jets = toy_jets(20)
    sample = observables(jets)
    assert set(sample.values) == set(OBSERVABLES)
    assert set(compute_observables(JetSample(jets), ["mass"]).values) == {"mass"}
    for row in (0, 7, 19):
        particles = jets.particle_features[row][jets.mask[row]].astype(np.float64)
        pt, eta = jets.jet_features[row, :2].astype(np.float64)
        for name, expected in (
            ("etarel", particles[:, 0]),
            ("phirel", particles[:, 1]),
            ("ptrel", particles[:, 2]),
            ("pt", particles[:, 2] * pt),
            ("eta", particles[:, 0] + eta),
        ):
            found = sample.values[name][sample.jet_of(name) == row]
            np.testing.assert_array_equal(found, expected)
    for column, name in enumerate(("jet_pt", "jet_eta", "jet_mass")):
        np.testing.assert_array_equal(sample.values[name], jets.jet_features[:, column])
    np.testing.assert_array_equal(sample.values["multiplicity"], jets.mask.sum(axis=1))


def test_every_observable_has_one_value_a_jet_or_a_particle():
    jets = toy_jets(15)
    sample = observables(jets)
    for name, values in sample.values.items():
        expected = jets.mask.sum() if OBSERVABLES[name].per_particle else 15
        assert values.shape == (expected,), name
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


def test_mass_of_two_particles():
    # m^2 = 2 pt1 pt2 (cosh Δη − cos Δφ)
    jets = toy_jets(1)
    jets.particle_features[:] = 0
    jets.particle_features[0, 0] = (0.1, 0.2, 0.6, 1)
    jets.particle_features[0, 1] = (-0.2, 0.0, 0.3, 1)
    expected = np.sqrt(2 * 0.6 * 0.3 * (np.cosh(0.3) - np.cos(0.2)))
    values = observables(jets).values
    np.testing.assert_allclose(values["mass"], expected, rtol=1e-6)
    np.testing.assert_allclose(values["mass_kept"], expected * jets.jet_features[0, 0], rtol=1e-6)


def test_mass_in_gev_is_that_of_the_summed_momenta():
    jets = toy_jets(50)
    total = four_momenta(jets.particle_features, jets.jet_features).sum(axis=1)
    expected = np.sqrt(total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(axis=1))
    np.testing.assert_allclose(observables(jets).values["mass_kept"], expected, rtol=1e-5)


def test_width_of_two_particles():
    # One on the axis, the other with a share of 0.3 at an angle of 0.2.
    assert observables(pairs(0.2, 0.3)).values["width"] == pytest.approx(0.06, rel=1e-5)
    halved = pairs(0.2, 0.3)
    halved.particle_features[..., 2] /= 2
    assert observables(halved).values["width"] == pytest.approx(0.06, rel=1e-5)


def test_first_jets():
    jets = toy_jets(20)
    part, cut = observables(jets).part(0, 6), observables(jets[:6])
    assert len(part) == 6
    for name, values in cut.values.items():
        np.testing.assert_array_equal(part.values[name], values)
        assert len(part.jet_of(name)) == len(values)

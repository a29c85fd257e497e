import numpy as np

from hypervae.evaluation.observables import OBSERVABLES, observables
from tests.unit.toys import toy_jets


def test_values_belong_to_their_jets():
    jets = toy_jets(20)
    sample = observables(jets)
    assert set(sample.values) == set(OBSERVABLES)
    for row in (0, 7, 19):
        particles = jets.particle_features[row][jets.mask[row]]
        for column, name in enumerate(("etarel", "phirel", "ptrel")):
            found = sample.values[name][sample.jet_of(name) == row]
            np.testing.assert_array_equal(found, particles[:, column].astype(np.float64))
    np.testing.assert_array_equal(sample.values["jet_pt"], jets.jet_features[:, 0])
    np.testing.assert_array_equal(sample.values["multiplicity"], jets.mask.sum(axis=1))


def test_mass_of_two_particles():
    # m^2 = 2 pt1 pt2 (cosh Δη − cos Δφ)
    jets = toy_jets(1)
    jets.particle_features[:] = 0
    jets.particle_features[0, 0] = (0.1, 0.2, 0.6, 1)
    jets.particle_features[0, 1] = (-0.2, 0.0, 0.3, 1)
    expected = np.sqrt(2 * 0.6 * 0.3 * (np.cosh(0.3) - np.cos(0.2)))
    np.testing.assert_allclose(observables(jets).values["mass"], expected, rtol=1e-6)


def test_first_jets():
    jets = toy_jets(20)
    part, cut = observables(jets).first(6), observables(jets[:6])
    assert len(part) == 6
    for name, values in cut.values.items():
        np.testing.assert_array_equal(part.values[name], values)
        assert len(part.jet_of(name)) == len(values)

"""N-subjettiness and C2."""

from itertools import combinations

import numpy as np
import pytest

from hypervae.observables.efp import efps
from hypervae.observables.substructure import RADIUS, n_subjettiness, three_point_ratio
from tests.unit.evaluation.jets import pairs, rotated, stretched, top_jets
from tests.unit.toys import toy_jets


def test_two_particles():
    # The winner-takes-all axis of one subjet lies along the harder particle.
    found = n_subjettiness(pairs(0.2, 0.3))
    np.testing.assert_allclose(found["tau1"], 0.3 * 0.2 / RADIUS, rtol=1e-5)
    for name in ("tau2", "tau3", "tau21", "tau32"):
        np.testing.assert_allclose(found[name], 0.0, atol=1e-6)


def test_few_particles_give_zeros():
    jets = pairs(0.2, 0.3, 3)
    jets.particle_features[:, 1:] = 0
    for values in n_subjettiness(jets).values():
        np.testing.assert_allclose(values, 0.0, atol=1e-6)
    np.testing.assert_array_equal(three_point_ratio(efps(jets)), 0.0)


def test_top_jets_have_three_prongs():
    top = n_subjettiness(top_jets())
    gluon = n_subjettiness(toy_jets(500))
    assert np.median(top["tau32"]) == pytest.approx(0.53, abs=0.03)
    assert np.median(top["tau32"]) < np.median(gluon["tau32"]) - 0.1
    assert (top["tau1"] >= top["tau2"] - 1e-9).all()
    assert (top["tau2"] >= top["tau3"] - 1e-9).all()


def test_scales_with_the_angle_and_does_not_turn():
    jets = top_jets()[:200]
    reference = n_subjettiness(jets)
    # Which subjets are merged first changes for few jets: FastJet's angles are not those of the
    # (etarel, phirel) plane to all digits.
    for other, factor in ((stretched(jets, 0.5), 0.5), (rotated(jets), 1.0)):
        found = n_subjettiness(other)
        for n in (1, 2, 3):
            np.testing.assert_allclose(
                np.median(found[f"tau{n}"] / reference[f"tau{n}"]), factor, rtol=1e-3
            )


def test_c2_by_its_definition():
    jets = toy_jets(4)
    found = three_point_ratio(efps(jets))
    for row in range(4):
        eta, phi, pt = jets.particle_features[row][jets.mask[row]].astype(np.float64).T[:3]
        z = pt / pt.sum()

        def angle(i, j, eta=eta, phi=phi):
            return np.hypot(eta[i] - eta[j], phi[i] - phi[j])

        e2 = sum(z[i] * z[j] * angle(i, j) for i, j in combinations(range(len(z)), 2))
        e3 = sum(
            z[i] * z[j] * z[k] * angle(i, j) * angle(j, k) * angle(i, k)
            for i, j, k in combinations(range(len(z)), 3)
        )
        assert found[row] == pytest.approx(e3 / e2**2, rel=1e-9)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypervae.correlators import geometry
from hypervae.correlators.binning import Binning
from hypervae.kinematics import four_momenta
from tests.unit.correlators.jets import BINNING, jet_of, particles
from tests.unit.toys import toy_jets


def test_pairs_of_the_hardest_come_first_whatever_the_number_of_slots():
    i, j = geometry.pair_indices(30)
    assert len(i) == geometry.pair_count(30) == 435
    assert np.all(i < j)
    np.testing.assert_array_equal(j * (j - 1) // 2 + i, np.arange(435))
    for fewer in (1, 2, 3, 17):
        part = geometry.pair_indices(fewer)
        np.testing.assert_array_equal(np.array(part), np.array([i, j])[:, : len(part[0])])


def test_more_slots_change_no_bin():
    jets = toy_jets(20, max_particles=30)
    cut = toy_jets(20, max_particles=30)
    cut.particle_features = jets.particle_features[:, :12]
    whole, part = geometry.pair_bins(jets, BINNING), geometry.pair_bins(cut, BINNING)
    np.testing.assert_array_equal(whole[:, : geometry.pair_count(12)], part)


def test_bins_are_where_the_distances_lie():
    jets = toy_jets(50)
    i, j = geometry.pair_indices(30)
    eta, phi = (jets.particle_features[..., k].astype(float) for k in (0, 1))
    squared = (eta[:, i] - eta[:, j]) ** 2 + (phi[:, i] - phi[:, j]) ** 2
    binning = Binning(200, 1e-2, 0.3)
    wanted = np.searchsorted(binning.edges**2, squared, side="right")
    wanted[j >= jets.multiplicity[:, None]] = 0
    found = geometry.pair_bins(jets, binning)
    np.testing.assert_array_equal(found, wanted)
    assert found.min() == 0
    assert found.max() == 201
    np.testing.assert_allclose(geometry.delta_squared(jets), squared, rtol=1e-8)


def test_a_value_on_an_edge_belongs_above():
    binning = Binning(2, 0.25, 1.0)
    jets = jet_of([[0, 0, 0.5], [0.25, 0, 0.3], [1.0, 0, 0.2]])
    assert geometry.pair_bins(jets, binning).tolist() == [[1, 3, 2]]  # 0.25, 1.0, 0.75


def test_a_byte_is_used_where_it_suffices():
    assert Binning(254, 1e-4, 2).dtype == np.uint8
    assert Binning(255, 1e-4, 2).dtype == np.uint16
    last = geometry.pair_bins(jet_of([[0, 0, 1], [3, 0, 1]]), Binning(254, 1e-4, 2))
    assert last.tolist() == [[255]]


def test_edges_and_centers():
    binning = Binning(4, 1e-4, 1.0)
    np.testing.assert_allclose(binning.edges, [1e-4, 1e-3, 1e-2, 1e-1, 1], rtol=1e-12)
    np.testing.assert_allclose(binning.centers, 10 ** np.arange(-3.5, 0), rtol=1e-12)
    assert binning.size == 6


@given(particles(), st.floats(0.2, 2.5), st.floats(-2, 2))
def test_weights_are_fractions_to_a_power(rows, exponent, eta):
    jets = jet_of(rows, slots=9, eta=eta)
    count = len(rows)
    pt = rows[:, 2]
    energy = four_momenta(jets.particle_features, jets.jet_features)[0, :count, 0]
    for kind, size in (("pt", pt), ("energy", energy)):
        found = geometry.weights(jets, kind, exponent)[0]
        np.testing.assert_allclose(found[:count], (size / size.sum()) ** exponent, rtol=1e-12)
        assert np.all(found[count:] == 0)
        assert geometry.weights(jets, kind).sum() == pytest.approx(1)

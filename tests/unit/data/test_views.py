"""Jets as a line, a table, vectors and awkward arrays; from arrays, to files and back."""

import sys
from operator import methodcaller

import awkward as ak
import numpy as np
import pytest

from hypervae import Jets
from hypervae.errors import ArgumentError, HyperVAEError, InputError, MissingPackageError
from hypervae.kinematics import four_momenta
from tests.unit.toys import toy_jets

#: As a notebook calls it.
HTML = methodcaller("_repr_html_")


@pytest.fixture
def jets():
    made = toy_jets(20, jet_type="t", max_particles=12)
    made.event_id, made.split = np.arange(20), np.zeros(20, dtype=np.uint8)
    return made


def assert_same(found, expected):
    for name in ("particle_features", "jet_features", "event_id", "split"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.jet_type == expected.jet_type


def test_a_line_says_what_they_are(jets):
    assert repr(jets).startswith("<Jets: 20 t jets, 12 particle slots, mean pT ")
    assert len(repr(jets)) < 80
    jets.jet_type = None
    assert "1 jet," in repr(jets[:1])
    assert repr(jets[:0]) == "<Jets: 0 jets, 12 particle slots>"


def test_a_notebook_shows_the_first_jets_as_a_table(jets):
    text = HTML(jets)
    assert text.count("<tr>") == 1 + 5 + 1
    assert f"{jets.jet_features[0, 0]:,.1f}" in text
    assert f"<td>{jets.multiplicity[4]}</td>" in text
    assert HTML(jets[:2]).count("<tr>") == 1 + 2


def test_jets_are_cut_by_number_slice_list_and_mask(jets):
    assert_same(jets[3], jets[3:4])
    assert_same(jets[-1], jets[19:])
    assert_same(jets[[1, 4]], jets[np.array([1, 4])])
    assert_same(jets[jets.multiplicity > 3], jets[np.flatnonzero(jets.multiplicity > 3)])
    assert len(list(jets)) == 20
    with pytest.raises(IndexError, match="jet 20 of 20"):
        jets[20]


def test_four_momenta_are_vectors(jets):
    momenta = jets.four_momenta
    assert momenta.shape == (20, 12)
    expected = four_momenta(jets.particle_features, jets.jet_features)
    np.testing.assert_allclose(momenta.E, expected[..., 0])
    np.testing.assert_allclose(momenta.pt[:, 0], np.hypot(expected[:, 0, 1], expected[:, 0, 2]))
    assert (momenta.E[~jets.mask] == 0).all()


def test_awkward_arrays_have_no_empty_slots(jets):
    array = jets.to_awkward()
    np.testing.assert_array_equal(ak.num(array.particles, axis=1), jets.multiplicity)
    np.testing.assert_array_equal(array.pt, jets.jet_features[:, 0])
    np.testing.assert_array_equal(array.event_id, np.arange(20))
    total = ak.sum(array.particles.pt, axis=1)
    scalar = (jets.particle_features[..., 2].sum(axis=1) * jets.jet_features[:, 0]).astype(float)
    np.testing.assert_allclose(total, scalar, rtol=1e-5)
    np.testing.assert_allclose(array.particles.mass, 0, atol=1e-2)


@pytest.mark.parametrize("name", ["vector", "awkward"])
def test_a_missing_package_is_named_with_its_extra(jets, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError, match=rf"needs {name}.*'hypervae\[analysis\]'") as e:
        jets.to_awkward()
    assert isinstance(e.value, HyperVAEError)
    assert isinstance(e.value, ImportError)


def test_what_is_saved_is_loaded(jets, tmp_path):
    jets.save(tmp_path / "jets.h5")
    assert_same(Jets.load(tmp_path / "jets.h5"), jets)
    jets.jet_type = None
    with pytest.raises(ArgumentError, match="jet_type: found None, expected one of g, q"):
        jets.save(tmp_path / "none.h5")
    with pytest.raises(ArgumentError, match=r"path: found .*jets\.npz, expected .* \.h5 or \.hdf5"):
        jets.save(tmp_path / "jets.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["jets.h5"]


def test_arrays_become_jets(jets):
    particles, features = jets.particle_features, jets.jet_features
    columns = {"jet_type": "t", "event_id": jets.event_id, "split": jets.split}
    assert_same(Jets.from_arrays(particles, features, **columns), jets)
    assert_same(Jets.from_arrays(particles[..., :3], features[:, :3], **columns), jets)
    assert_same(Jets.from_arrays(particles[:, ::-1].tolist(), features, **columns), jets)


def test_wrong_arrays_are_named(jets):
    particles, features = jets.particle_features, jets.jet_features
    with pytest.raises(ArgumentError, match=r"particles: found shape \[20, 12\], .*\[n, n"):
        Jets.from_arrays(particles[..., 0], features)
    with pytest.raises(
        ArgumentError, match=r"jets: found shape \[19, 4\], expected .*\[20, 3 or 4\]"
    ):
        Jets.from_arrays(particles, features[1:])
    with pytest.raises(ArgumentError, match="particles: found an object of type list"):
        Jets.from_arrays([[["a", "b", "c"]]], [[1, 2, 3]])
    with pytest.raises(ArgumentError, match="particles: found an object of type list"):
        Jets.from_arrays([[[1, 2, 3]], [[1, 2, 3], [1, 2, 3]]], features[:2])
    with pytest.raises(ArgumentError, match=r"particles: found shape \[0, 12, 4\]"):
        Jets.from_arrays(particles[:0], features[:0])
    with pytest.raises(ArgumentError, match="jet_type: found 'x', expected one of g"):
        Jets.from_arrays(particles, features, jet_type="x")
    with pytest.raises(ArgumentError, match=r"event_id: found shape \[2\]"):
        Jets.from_arrays(particles, features, event_id=[1, 2])
    broken = particles.copy()
    broken[3, 0, 1] = np.nan
    with pytest.raises(ArgumentError, match=r"particles: found nan at \[3, 0, 1\]"):
        Jets.from_arrays(broken, features)
    with pytest.raises(InputError, match="jets: jet_features pt: found -1"):
        Jets.from_arrays(particles, -np.ones_like(features))

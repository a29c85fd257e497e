"""Quark and gluon jets of EnergyFlow."""

import io
import zipfile

import numpy as np
import pytest

from hypervae.checks.files import check_file
from hypervae.data.importing import import_shard
from hypervae.data.layouts import Layout
from hypervae.data.readers import energyflow as module
from hypervae.data.readers.registry import format_of
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from tests.unit.data.readers.made import energyflow, particles, relative, summed


def imported(path, jet_type="q", slots=8, **more):
    output = path.with_name("shard.h5")
    done = import_shard(path, output, jet_type, slots, **more)
    with ShardReader(output) as reader:
        return reader.read(), done, reader.attributes


@pytest.mark.parametrize("columns", [3, 4])
@pytest.mark.parametrize("batch", [5000, 7])
def test_jets_are_those_computed_by_hand(tmp_path, monkeypatch, columns, batch):
    monkeypatch.setattr(module, "BATCH", batch)
    values, y = particles(), np.arange(40) % 3 == 0
    path = energyflow(tmp_path / "QG_jets.npz", values, y, columns)
    for jet_type, rows in (("q", np.flatnonzero(y)), ("g", np.flatnonzero(~y))):
        jets, done, attributes = imported(path, jet_type)
        assert done.jets == len(jets) == len(rows)
        assert attributes["source"] == "files (energyflow)"
        assert jets.event_id.tolist() == rows.tolist()
        for index, row in enumerate(rows):
            pt, eta, phi, mass = summed(values[row])
            count = int((values[row, :, 0] > 0).sum())
            np.testing.assert_allclose(
                jets.jet_features[index], [pt, eta, mass, count], rtol=2e-6, atol=1e-5
            )
            expected = relative(values[row], (pt, eta, phi))
            found = jets.particle_features[index]
            np.testing.assert_allclose(found[:count, :3], expected, rtol=1e-5, atol=1e-6)
            assert found[:, 3].tolist() == [1] * count + [0] * (8 - count)
        assert any("taken from the summed particles" in note for note in done.notes)
    assert any(note == "left out jets of other classes (14 quark)" for note in done.notes)


def test_particles_are_massless_and_rapidity_is_eta(tmp_path):
    """One jet by hand: 30 and 40 GeV at a right angle, both at eta 0: mass^2 = 2 * 30 * 40."""
    values = np.zeros((1, 3, 3))
    values[0, :2] = [[30, 0, 0.0], [40, 0, np.pi / 2]]
    jets, _, _ = imported(energyflow(tmp_path / "a.npz", values, [1]), slots=3)
    np.testing.assert_allclose(
        jets.jet_features[0], [50, 0, np.sqrt(2400), 2], rtol=1e-6, atol=1e-6
    )
    angle = np.arctan2(40, 30)
    np.testing.assert_allclose(
        jets.particle_features[0, :2, 1:3],
        [[np.pi / 2 - angle, 0.8], [-angle, 0.6]],
        rtol=1e-6,
    )


def test_jets_across_zero_azimuth_stay_together(tmp_path):
    values = np.zeros((1, 2, 3))
    values[0] = [[50, 0.1, 0.05], [50, 0.1, 2 * np.pi - 0.05]]
    jets, _, _ = imported(energyflow(tmp_path / "a.npz", values, [1]))
    np.testing.assert_allclose(jets.particle_features[0, :2, 1], [0.05, -0.05], atol=1e-6)


def test_a_file_without_labels_is_of_the_type_that_is_said(tmp_path):
    path = energyflow(tmp_path / "a.npz", particles(12))
    assert len(imported(path, "t")[0]) == 12
    with pytest.raises(InputError, match="jet class: found no classes, expected quark"):
        imported(path, "t", jet_class="quark")


def test_the_class_can_be_chosen(tmp_path):
    path = energyflow(tmp_path / "a.npz", particles(12), np.arange(12) % 4 == 0)
    jets, _, attributes = imported(path, "t", jet_class="quark")
    assert len(jets) == 3
    assert '"jet_class": "quark"' in attributes["settings"]
    with pytest.raises(InputError, match=r"jet class: found none for t, .* of gluon, quark"):
        imported(path, "t")
    with pytest.raises(InputError, match=r"jet class: found 'top', expected one of gluon, quark"):
        imported(path, "t", jet_class="top")


def test_the_hardest_are_kept_and_it_is_said(tmp_path):
    values = particles(30)
    jets, done, _ = imported(energyflow(tmp_path / "a.npz", values, np.ones(30)), slots=3)
    np.testing.assert_allclose(jets.jet_features[0, 0], summed(values[0])[0], rtol=1e-6)
    assert "kept the hardest 3 of up to 8 particles" in done.notes


def raw(path, **arrays):
    np.savez(path, **arrays)
    return path


X = particles(30)


def changed(place, value):
    x = X.copy()
    x[place] = value
    return x


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Z": X}, r"X: found arrays Z, expected X \[jets"),
        ({"X": X[0]}, r"X: found shape \[8, 3\], expected \[jets, particles, 4\]"),
        ({"X": np.dstack([X, X])}, r"X: found shape \[30, 8, 6\]"),
        ({"X": X[:0]}, "jets: found none, expected at least one"),
        ({"X": X[:, :0]}, r"X: found shape \[30, 0, 3\]"),
        ({"X": np.array([[["a"] * 4]])}, r"X: found type <U1, expected numbers"),
        ({"X": np.asfortranarray(X)}, "X: found Fortran order"),
        ({"X": np.zeros((1, 2001, 4))}, "X: found 2001 particles, expected at most 2000"),
        ({"X": X, "y": np.zeros(29)}, r"y: found shape \[29\], expected \[30\]"),
        ({"X": X, "y": np.full(30, 2.0)}, r"y: found 2\.0 at row 0, expected 0 \(gluon\) or 1"),
        ({"X": X, "y": np.zeros(30)}, "jet class: found only gluon, expected quark"),
        ({"X": changed((7, 1, 0), np.nan)}, "X pt: found nan at row 7, particle 1"),
        ({"X": changed((7, 1, 1), np.inf)}, "X rapidity: found inf at row 7, particle 1"),
        ({"X": changed((7, 1, 0), -3.0)}, r"particle_features ptrel: found -.* at row 7"),
        ({"X": changed(7, 0.0)}, "particles: found none with pT > 0 at row 7"),
        ({"X": X * [1000, 1, 1]}, "momenta may be in MeV, which .* takes with --units MeV"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, arrays, message):
    path = raw(tmp_path / "a.npz", **arrays)
    if "y" not in arrays or "only" not in message:
        with pytest.raises(InputError, match=message):
            check_file(path)
    with pytest.raises(InputError, match=message) as error:
        imported(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "shard.h5").exists()


def test_pickles_are_not_loaded(tmp_path):
    path = raw(tmp_path / "a.npz", X=np.array([[[print, 1, 2, 3]]], dtype=object))
    with pytest.raises(InputError, match=r"X: found Python objects \(a pickle"):
        imported(path)


def test_a_declared_shape_beyond_the_bytes_is_refused_before_it_is_read(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 100, 4)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(64))
    with pytest.raises(InputError, match=r"X: found 64 bytes, expected 3200000000000 for"):
        imported(tmp_path / "a.npz")


def test_truncated_empty_and_missing_files(tmp_path):
    whole = energyflow(tmp_path / "whole.npz", X, np.ones(30)).read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        InputError, match=r"a\.npz: file: found unreadable content .*, expected an E"
    ):
        imported(tmp_path / "a.npz")
    (tmp_path / "b.npz").touch()
    with pytest.raises(InputError, match=r"b\.npz: file: found an empty file"):
        imported(tmp_path / "b.npz")
    with pytest.raises(InputError, match=r"c\.npz: file: found no such file"):
        imported(tmp_path / "c.npz")
    broken = bytearray(whole)
    broken[len(whole) // 3] ^= 0xFF
    (tmp_path / "d.npz").write_bytes(bytes(broken))
    with pytest.raises(InputError, match=r"d\.npz: (file|X|y)"):
        imported(tmp_path / "d.npz")


def test_a_layout_is_refused(tmp_path):
    path = energyflow(tmp_path / "a.npz", X, np.ones(30))
    with pytest.raises(InputError, match=r"layout, angles: found pt,eta,phi, radians, .* none"):
        imported(path, layout=Layout(("pt", "eta", "phi")))
    with pytest.raises(InputError, match=r"layout, angles: found none, degrees, expected none"):
        imported(path, layout=Layout((), angles="degrees"))


def test_other_units_are_converted(tmp_path):
    plain, _, _ = imported(energyflow(tmp_path / "a.npz", X, np.ones(30)))
    path = energyflow(tmp_path / "b.npz", X * [1000, 1, 1], np.ones(30))
    jets, _, _ = imported(path, layout=Layout((), units="MeV"))
    np.testing.assert_allclose(jets.jet_features, plain.jet_features, rtol=1e-6)
    np.testing.assert_allclose(jets.particle_features, plain.particle_features, atol=1e-6)


def test_what_a_file_is_its_content_says(tmp_path):
    energyflow(tmp_path / "a.npz", X, np.ones(30)).rename(tmp_path / "a.pt")
    assert format_of(tmp_path / "a.pt") == "energyflow"
    assert len(imported(tmp_path / "a.pt")[0]) == 30
    lines = check_file(tmp_path / "a.pt", "q")
    assert lines[0] == "energyflow file of 30 jets, classes: 30 quark"
    with pytest.raises(InputError, match="jet class: found only quark, expected gluon"):
        check_file(tmp_path / "a.pt", "g")

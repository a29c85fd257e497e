"""ROOT files of JetClass."""

import sys

import awkward as ak
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.checks.files import check_file
from hypervae.cli import cli
from hypervae.data.importing import import_shard
from hypervae.data.layouts import Layout
from hypervae.data.readers import jetclass as module
from hypervae.data.readers.jetclass import JetClassFile
from hypervae.data.readers.registry import format_of
from hypervae.errors import InputError, MissingPackageError
from hypervae.formats.shard import ShardReader
from tests.unit.data.readers.made import jetclass_columns, particles, relative, root, summed

VALUES = particles()
TOP = ["label_Tbqq"] * 40


def imported(path, jet_type="t", slots=8, **more):
    output = path.with_name("shard.h5")
    done = import_shard(path, output, jet_type, slots, **more)
    with ShardReader(output) as reader:
        return reader.read(), done, reader.attributes


@pytest.mark.parametrize("batch", [5000, 7])
def test_jets_are_those_computed_by_hand(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(module, "BATCH", batch)
    path = root(tmp_path / "TTBar_000.root", jetclass_columns(VALUES, TOP))
    jets, done, attributes = imported(path)
    assert done.notes == []
    assert attributes["source"] == "files (jetclass)"
    assert jets.event_id.tolist() == list(range(40))
    for row, values in enumerate(VALUES):
        pt, eta, phi, _ = summed(values)
        count = int((values[:, 0] > 0).sum())
        np.testing.assert_allclose(
            jets.jet_features[row], [1.05 * pt, eta, 60.0, count], rtol=1e-3, atol=1e-5
        )
        np.testing.assert_allclose(
            jets.particle_features[row, :count, :3],
            relative(values, (1.05 * pt, eta, phi)),
            rtol=1e-4,
            atol=2e-6,
        )


def test_angles_are_relative_to_the_axis_of_the_file(tmp_path):
    """The full jet's azimuth is read, not that of the sum."""
    columns = jetclass_columns(VALUES, TOP)
    columns["jet_phi"] = (columns["jet_phi"] + 0.2).astype(np.float32)
    plain, _, _ = imported(root(tmp_path / "a.root", jetclass_columns(VALUES, TOP)))
    jets, _, _ = imported(root(tmp_path / "b.root", columns))
    turned = plain.particle_features[..., 1] - 0.2 * plain.mask
    np.testing.assert_allclose(jets.particle_features[..., 1], turned, atol=1e-5)


@pytest.mark.parametrize("name", JetClassFile.classes)
def test_all_classes_can_be_read(tmp_path, name):
    other = "label_QCD" if name != "label_QCD" else "label_Tbl"
    classes = [name if row % 3 else other for row in range(40)]
    path = root(tmp_path / "a.root", jetclass_columns(VALUES, classes))
    jets, done, attributes = imported(path, "q", jet_class=name)
    rows = [row for row in range(40) if row % 3]
    assert jets.event_id.tolist() == rows
    assert done.notes == [f"left out jets of other classes (14 {other})"]
    assert f'"jet_class": "{name}"' in attributes["settings"]


def test_the_types_that_go_with_a_class(tmp_path):
    classes = ["label_Tbqq", "label_Wqq", "label_Zqq", "label_QCD"] * 10
    path = root(tmp_path / "a.root", jetclass_columns(VALUES, classes))
    for first, jet_type in enumerate("twz"):
        assert imported(path, jet_type)[0].event_id.tolist() == list(range(first, 40, 4))
    with pytest.raises(InputError, match=r"jet class: found none for q, .*--jet-class.*label_QCD"):
        imported(path, "q")
    choices = ", ".join(JetClassFile.classes)
    with pytest.raises(InputError, match=f"jet class: found 'QCD', expected one of {choices}"):
        imported(path, "q", jet_class="QCD")
    with pytest.raises(InputError, match=r"jet class: found only .*, expected label_Hbb"):
        imported(path, "q", jet_class="label_Hbb")
    lines = check_file(path)
    assert lines[0] == (
        "jetclass file of 40 jets, classes: 10 label_QCD, 10 label_Zqq, 10 label_Wqq, 10 label_Tbqq"
    )


def change(columns, name, row, value):
    columns[name] = columns[name].copy()
    columns[name][row] = value


def change_particle(columns, name, row, value):
    lists = columns[name].to_list()
    lists[row][1] = value
    columns[name] = ak.values_astype(ak.Array(lists), np.float32)


def drop_particle(columns, name, row):
    lists = columns[name].to_list()
    lists[row] = lists[row][1:]
    columns[name] = ak.values_astype(ak.Array(lists), np.float32)


def empty_jet(columns, row):
    for name, column in columns.items():
        if name.startswith("part_"):
            lists = column.to_list()
            lists[row] = []
            columns[name] = ak.values_astype(ak.Array(lists), np.float32)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.pop("part_pz"), "part_pz: found no such branch"),
        (lambda c: c.pop("jet_energy"), "jet_energy: found no such branch"),
        (lambda c: c.pop("label_H4q"), "label_H4q: found no such branch"),
        (
            lambda c: c.update(part_px=c["jet_pt"]),
            "part_px: found type float32, expected a list of numbers a jet",
        ),
        (
            lambda c: c.update(jet_pt=c["part_px"]),
            r"jet_pt: found type var \* float32, expected one number a jet",
        ),
        (
            lambda c: drop_particle(c, "part_py", 5),
            r"part_py: found \d numbers at row 5, expected \d, as many as part_energy",
        ),
        (lambda c: change(c, "label_QCD", 6, 1), r"label_QCD to label_Tbl: found \(1, .* at row 6"),
        (lambda c: change(c, "label_Tbqq", 6, 0), r"label_QCD to .*: found \(0, .* at row 6"),
        (lambda c: change(c, "jet_pt", 7, np.nan), "jet_pt: found nan at row 7, expected finite"),
        (lambda c: change(c, "jet_phi", 7, np.inf), "jet_phi: found inf at row 7"),
        (
            lambda c: change(c, "jet_pt", 7, -5),
            r"jet_pt: found -5\.0 at row 7, expected pt > 0 GeV",
        ),
        (lambda c: change(c, "jet_energy", 7, 1.0), r"jet_energy: found 1\.0 at row 7, expected E"),
        (
            lambda c: change_particle(c, "part_px", 8, np.nan),
            "part_px: found nan at row 8, particle 1",
        ),
        (lambda c: empty_jet(c, 9), "particles: found none with pT > 0 at row 9"),
        (
            lambda c: c.update(part_energy=c["part_energy"] * 3),
            r"energies that are not \|p\|, such as \(E, px, py, pz\)",
        ),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, spoil, message):
    columns = jetclass_columns(VALUES, TOP)
    spoil(columns)
    path = root(tmp_path / "a.root", columns)
    for read in (check_file, imported):
        with pytest.raises(InputError, match=message) as error:
            read(path)
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "shard.h5").exists()


def test_files_of_other_trees_and_of_no_entries(tmp_path):
    path = root(tmp_path / "a.root", jetclass_columns(VALUES, TOP), tree="jets")
    with pytest.raises(
        InputError, match=r"tree: found jets \(TTree\), expected a TTree called tree"
    ):
        imported(path)
    none = {name: column[:0] for name, column in jetclass_columns(VALUES, TOP).items()}
    path = root(tmp_path / "b.root", none)
    with pytest.raises(InputError, match="jets: found none, expected at least one"):
        imported(path)


def test_truncated_and_empty_files(tmp_path):
    whole = root(tmp_path / "whole.root", jetclass_columns(VALUES, TOP)).read_bytes()
    for share in (0.01, 0.02, 0.3, 0.6, 0.9):
        (tmp_path / "a.root").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match=r"a\.root: (file|tree): found") as error:
            imported(tmp_path / "a.root")
        assert "\n" not in str(error.value)
        if share > 0.1:
            assert f"found {int(len(whole) * share)} bytes, expected {len(whole)}," in str(
                error.value
            )
    (tmp_path / "b.root").touch()
    with pytest.raises(InputError, match=r"b\.root: file: found an empty file, expected a JetC"):
        imported(tmp_path / "b.root")


def test_a_tree_that_promises_more_rows_than_it_has(tmp_path):
    path = root(tmp_path / "a.root", jetclass_columns(VALUES, TOP))
    with JetClassFile(path) as file:
        file.n_jets += 1
        with pytest.raises(InputError, match="file: found 40 jets, expected 41"):
            list(file.batches())


def test_without_uproot_it_is_said_what_to_install(tmp_path, monkeypatch):
    path = root(tmp_path / "a.root", jetclass_columns(VALUES, TOP))
    monkeypatch.setitem(sys.modules, "uproot", None)
    with pytest.raises(MissingPackageError, match=r"reading ROOT files needs uproot.*\[export\]"):
        imported(path)


def test_units_and_content(tmp_path):
    plain, _, _ = imported(root(tmp_path / "a.root", jetclass_columns(VALUES, TOP)))
    columns = jetclass_columns(VALUES, TOP)
    for name in ("part_px", "part_py", "part_pz", "part_energy", "jet_pt", "jet_energy"):
        columns[name] = columns[name] * np.float32(1000)
    root(tmp_path / "b.root", columns).rename(tmp_path / "b.h5")
    assert format_of(tmp_path / "b.h5") == "jetclass"
    jets, _, _ = imported(tmp_path / "b.h5", layout=Layout((), units="MeV"))
    np.testing.assert_allclose(jets.jet_features, plain.jet_features, rtol=1e-3)


def test_the_commands(tmp_path):
    classes = ["label_QCD", "label_Tbl"] * 20
    path = root(tmp_path / "a.root", jetclass_columns(VALUES, classes))
    output = str(tmp_path / "s.h5")
    options = ["--jet-type", "q", "--jet-class", "label_QCD", "--output", output]
    result = CliRunner().invoke(cli, ["import", "--input", str(path), *options])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == (
        f"{output}: 20 q jets; left out jets of other classes (20 label_Tbl)"
    )
    result = CliRunner().invoke(cli, ["validate", str(path)])
    assert result.exit_code == 0, result.output
    assert "valid jetclass file of 40 jets, classes: 20 label_QCD, 20 label_Tbl" in result.output


def test_charges_are_kept_and_other_branches_where_asked_for(tmp_path):
    columns = jetclass_columns(VALUES, TOP)
    counts = ak.num(columns["part_px"])
    generator = np.random.default_rng(5)
    for name in ("part_charge", "part_isPhoton"):
        values = generator.integers(-1, 2, int(ak.sum(counts))).astype(np.float32)
        columns[name] = ak.unflatten(values, counts)
    path = root(tmp_path / "a.root", columns)
    jets, _, _ = imported(path)
    assert list(jets.extra) == ["charge"]
    pt = np.hypot(columns["part_px"], columns["part_py"])
    order = ak.argsort(pt, axis=1, ascending=False, stable=True)
    for name, read in (("charge", jets), ("isPhoton", None)):
        if read is None:
            read, _, _ = imported(path, layout=Layout.of("", extra="isPhoton,charge"))
            assert list(read.extra) == ["isPhoton", "charge"]
        for row, wanted in enumerate(columns[f"part_{name}"][order]):
            found = read.extra[name][row][read.mask[row]]
            assert found.tolist() == ak.to_list(wanted)[: len(found)]
    with pytest.raises(InputError, match=r"a\.root: extra colour: found columns .*charge"):
        imported(path, layout=Layout.of("", extra="colour"))

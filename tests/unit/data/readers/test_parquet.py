"""Tables of jets in parquet."""

import sys

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hypervae.checks.files import check_file
from hypervae.data.importing import import_shard
from hypervae.data.layouts import Layout
from hypervae.data.readers import parquet as module
from hypervae.data.readers.registry import format_of
from hypervae.errors import InputError, MissingPackageError
from hypervae.export.tables import export_parquet
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from tests.unit.data.readers.made import particles, relative, summed
from tests.unit.toys import toy_jets

VALUES = particles()


def imported(path, jet_type="g", slots=8, **more):
    output = path.with_name("shard.h5")
    done = import_shard(path, output, jet_type, slots, **more)
    with ShardReader(output) as reader:
        return reader.read(), done, reader.attributes


def lists(values=VALUES, names=("pt", "eta", "phi")):
    """List columns of the particles that there are."""
    pt, eta, phi = np.moveaxis(values, -1, 0)
    columns = {
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "E": pt * np.cosh(eta),
    }
    there = pt > 0
    return {name: [list(c[t]) for c, t in zip(columns[name], there, strict=True)] for name in names}


def features(values=VALUES):
    """Full jets 5 % harder than the particles, at their axis, of 60 GeV."""
    jets = np.asfortranarray([summed(jet) for jet in values])
    return {
        "jet_pt": jets[:, 0] * 1.05,
        "jet_eta": jets[:, 1],
        "jet_mass": np.full(len(jets), 60.0),
    }


def table(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return path


def check_by_hand(jets, harder=1.0, mass=None):
    for row, values in enumerate(VALUES):
        pt, eta, phi, own = summed(values)
        count = int((values[:, 0] > 0).sum())
        np.testing.assert_allclose(
            jets.jet_features[row],
            [harder * pt, eta, own if mass is None else mass, count],
            rtol=2e-6,
            atol=1e-5,
        )
        np.testing.assert_allclose(
            jets.particle_features[row, :count, :3],
            relative(values, (harder * pt, eta, phi)),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize(
    "names", [("pt", "eta", "phi"), ("px", "py", "pz"), ("E", "px", "py", "pz")]
)
@pytest.mark.parametrize("batch", [5000, 7])
def test_jets_are_those_computed_by_hand(tmp_path, monkeypatch, names, batch):
    monkeypatch.setattr(module, "BATCH", batch)
    path = table(tmp_path / "a.parquet", lists(names=names), row_group_size=16)
    jets, done, attributes = imported(path)
    check_by_hand(jets)
    assert attributes["source"] == "files (parquet)"
    assert jets.event_id.tolist() == list(range(40))
    assert done.notes == ["no features of full jets: taken from the summed particles"]
    jets, done, _ = imported(table(tmp_path / "b.parquet", {**lists(names=names), **features()}))
    check_by_hand(jets, 1.05, 60.0)
    assert done.notes == []


def test_columns_with_a_prefix(tmp_path):
    """As in jet-universe/quark_gluon."""
    columns = lists(names=("px", "py", "pz", "E"))
    named = {f"part_{'energy' if name == 'E' else name}": c for name, c in columns.items()}
    path = table(tmp_path / "a.parquet", {**named, **features(), "part_charge": columns["E"]})
    check_by_hand(imported(path)[0], 1.05, 60.0)
    path = table(tmp_path / "b.parquet", {**named, "part_px": [[np.nan] * 8] * 40})
    with pytest.raises(InputError, match="part_px: found"):
        imported(path)


def test_records_as_awkward_writes_them(tmp_path):
    records = ak.zip({name: ak.Array(column) for name, column in lists().items()})
    ak.to_parquet(records, tmp_path / "alone.parquet")
    check_by_hand(imported(tmp_path / "alone.parquet")[0])
    array = ak.zip(
        {"constituents": records, **features(), "event_id": np.arange(40) + 7}, depth_limit=1
    )
    ak.to_parquet(array, tmp_path / "beside.parquet")
    jets, _, _ = imported(tmp_path / "beside.parquet")
    check_by_hand(jets, 1.05, 60.0)
    assert jets.event_id.tolist() == list(range(7, 47))


def test_what_export_writes_comes_back(tmp_path):
    jets = toy_jets(50, jet_type="w", max_particles=8)
    write_shard(tmp_path / "w.h5", jets, jet_type="w", source="test")
    export_parquet(tmp_path / "w.h5", tmp_path / "w.parquet")
    back, done, _ = imported(tmp_path / "w.parquet", "w")
    assert done.notes == []
    np.testing.assert_array_equal(back.jet_features, jets.jet_features)
    np.testing.assert_allclose(back.particle_features, jets.particle_features, rtol=2e-7, atol=1e-9)
    with pytest.raises(InputError, match="jet class: found only w, expected t"):
        imported(tmp_path / "w.parquet", "t")
    back, _, _ = imported(tmp_path / "w.parquet", "w", layout=Layout(("px", "py", "pz")))
    assert len(back) == 50


def test_what_jets_give_to_awkward_comes_back(tmp_path):
    jets = toy_jets(30, max_particles=8)
    jets.split, jets.event_id = (np.arange(30) % 3).astype(np.uint8), np.arange(30) + 100
    ak.to_parquet(jets.to_awkward(), tmp_path / "a.parquet")
    back, _, _ = imported(tmp_path / "a.parquet")
    np.testing.assert_array_equal(back.jet_features, jets.jet_features)
    np.testing.assert_allclose(back.particle_features, jets.particle_features, rtol=2e-7, atol=1e-9)
    assert back.split.tolist() == jets.split.tolist()
    assert back.event_id.tolist() == jets.event_id.tolist()


@pytest.mark.parametrize("kind", [int, str])
def test_jets_of_other_types_are_left_out(tmp_path, kind):
    types = [("g", "t")[row % 2] if kind is str else 2 * (row % 2) for row in range(40)]
    path = table(tmp_path / "a.parquet", {**lists(), "jet_type": types})
    jets, done, _ = imported(path, "t")
    assert jets.event_id.tolist() == list(range(1, 40, 2))
    assert done.notes[0] == "left out jets of other classes (20 g)"
    assert check_file(path)[0] == "parquet file of 40 jets, classes: 20 g, 20 t"


def test_layout_units_and_angles(tmp_path):
    columns = lists(VALUES * [1000, 1, np.degrees(1.0)])
    full = features()
    full = {**full, "jet_pt": full["jet_pt"] * 1000, "jet_mass": full["jet_mass"] * 1000}
    path = table(tmp_path / "a.parquet", {**columns, **full, "px": columns["pt"]})
    layout = Layout.of("pt,eta,phi", "MeV", "degrees")
    check_by_hand(imported(path, layout=layout)[0], 1.05, 60.0)
    with pytest.raises(
        InputError, match=r"particles: found columns px, pt, eta, phi, .* also py, pz"
    ):
        imported(path, layout=Layout.of("px,py,pz"))
    with pytest.raises(InputError, match="MeV"):
        imported(path)


def test_padded_lists_and_a_mask(tmp_path):
    fixed = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(VALUES[..., i].ravel()), 8)
        for i, name in enumerate(("pt", "eta", "phi"))
    }
    check_by_hand(imported(table(tmp_path / "a.parquet", fixed))[0])
    hidden = VALUES.copy()
    mask = (hidden[..., 0] > 0).astype(float)
    hidden[hidden[..., 0] == 0] = 5.0
    columns = {name: list(hidden[..., i]) for i, name in enumerate(("pt", "eta", "phi"))}
    check_by_hand(imported(table(tmp_path / "b.parquet", {**columns, "mask": list(mask)}))[0])
    mask[4, 1] = 0.5
    with pytest.raises(InputError, match=r"mask: found 0\.5 at row 4, particle 1, expected 0 or 1"):
        imported(table(tmp_path / "c.parquet", {**columns, "mask": list(mask)}))


def with_value(name, row, value, columns=None):
    columns = dict(columns or {**lists(), **features()})
    column = [list(x) if isinstance(x, list) else x for x in columns[name]]
    if isinstance(column[row], list) and not isinstance(value, list | None):
        column[row][1] = value
    else:
        column[row] = value
    return {**columns, name: column}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1, 2]}, "particles: found columns none, expected lists px, py, pz or one each of"),
        ({k: v for k, v in lists().items() if k != "phi"}, "particles: found columns pt, eta, exp"),
        (
            {**lists(), "jet_pt": np.ones(40)},
            "columns: found jet_pt alone, expected jet_pt, jet_eta",
        ),
        (
            {"ptrel" if k == "pt" else k: v for k, v in lists().items()},
            r"jet_pt, jet_eta, jet_mass: found none, expected the jets that particles \(ptrel, eta",
        ),
        ({**lists(), "pt": [["a"]] * 40}, r"pt: found type var \* .*string.*a list of numbers"),
        ({**lists(), "pt": [[[1.0]]] * 40}, r"pt: found type var \* .*a list of numbers a jet"),
        (with_value("pt", 3, None), "pt: found no list at row 3"),
        (with_value("phi", 3, [1.0]), r"phi: found 1 numbers at row 3, expected \d, as many as pt"),
        (with_value("eta", 3, None, lists()), "eta: found no list at row 3"),
        (with_value("phi", 3, np.nan), "phi: found nan at row 3, particle 1"),
        (with_value("phi", 3, np.inf), "phi: found inf at row 3, particle 1"),
        (with_value("jet_mass", 3, None), "jet_mass: found nan at row 3"),
        (with_value("jet_pt", 3, -5.0), r"jet_pt: found -5\.0 at row 3, expected pt > 0 GeV"),
        (
            {**lists(), **features(), "jet_eta": ["a"] * 40},
            "jet_eta: found type .*one number a jet",
        ),
        (
            {n: [[], *c[1:]] for n, c in lists().items()},
            "particles: found none with pT > 0 at row 0",
        ),
        (
            {n: [[1.0] * 2001] for n in lists()},
            "pt: found 2001 particles at row 0, expected at most",
        ),
        ({n: c[:0] for n, c in lists().items()}, "jets: found none, expected at least one"),
        (
            {**lists(), "event_id": np.full(40, 0.5)},
            "event_id: found type float64, expected one wh",
        ),
        ({**lists(), "event_id": [None, *range(39)]}, "event_id: found type .* missing"),
        ({**lists(), "split": [0] * 39 + [300]}, "split: found 3 at row 39"),
        (
            {**lists(), "jet_type": ["top"] * 40},
            r"jet_type: found 'top' at row 0, expected one of g",
        ),
        ({**lists(), "jet_type": [9] * 40}, r"jet_type: found 9 at row 0, expected one of g \(0\)"),
        (
            {n: [[{"pt": 1.0}]] * 40 for n in ("a", "b")},
            "columns: found lists of records a, b, expected one called particles",
        ),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, columns, message):
    schema = None
    if all(len(c) == 0 for c in columns.values()):
        schema = pa.schema([(name, pa.list_(pa.float64())) for name in columns])
    pq.write_table(pa.table(columns, schema=schema), tmp_path / "a.parquet")
    for read in (check_file, imported):
        with pytest.raises(InputError, match=message) as error:
            read(tmp_path / "a.parquet")
        assert str(error.value).startswith(f"{tmp_path / 'a.parquet'}: ")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "shard.h5").exists()


def test_truncated_and_empty_files(tmp_path):
    whole = table(tmp_path / "whole.parquet", lists()).read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.parquet: file: found unreadable content") as error:
        imported(tmp_path / "a.parquet")
    assert "\n" not in str(error.value)
    (tmp_path / "b.parquet").touch()
    with pytest.raises(InputError, match=r"b\.parquet: file: found an empty file, expected a par"):
        imported(tmp_path / "b.parquet")
    broken = bytearray(whole)
    broken[len(whole) // 4 : len(whole) // 4 + 40] = bytes(40)
    (tmp_path / "c.parquet").write_bytes(bytes(broken))
    with pytest.raises(InputError, match=r"c\.parquet: "):
        imported(tmp_path / "c.parquet")


def test_what_a_file_is_its_content_says(tmp_path):
    table(tmp_path / "a.parquet", lists()).rename(tmp_path / "a.root")
    assert format_of(tmp_path / "a.root") == "parquet"
    check_by_hand(imported(tmp_path / "a.root")[0])


def test_without_pyarrow_it_is_said_what_to_install(tmp_path, monkeypatch):
    path = table(tmp_path / "a.parquet", lists())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"reading parquet needs pyarrow.*\[export\]"):
        imported(path)

"""Values that no jet has, in each column of each format: refused by import and validate alike."""

import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from hypervae.checks.files import check_file
from hypervae.data.importing import import_shard
from hypervae.data.readers.registry import JET_FILES
from hypervae.errors import InputError
from tests.unit.data.readers import made

#: In the place of a number of a jet or of a kept particle.
VALUES = (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e30, -999.0)


def energyflow(path, column, value):
    values = made.particles()
    values[3, 0, ("pt", "rapidity", "phi").index(column)] = value
    return made.energyflow(path, values, y=np.zeros(len(values)))


def jetclass(path, column, value):
    import awkward as ak

    columns = made.jetclass_columns(made.particles(), ["label_QCD"] * 40)
    changed = columns[column]
    with np.errstate(over="ignore"):
        value = np.float32(value)
    if changed.ndim == 1:
        changed = np.array(changed)
        changed[3] = value
        columns[column] = changed
    else:
        lists = changed.to_list()
        lists[3][0] = float(value)
        columns[column] = ak.values_astype(ak.Array(lists), np.float32)
    return made.root(path, columns)


def parquet(path, column, value):
    values = made.particles()
    lists = [jet[jet[:, 0] > 0] for jet in values]
    jets = np.array([made.summed(jet) for jet in lists])
    columns = {
        **{
            name: [jet[:, i].tolist() for jet in lists]
            for i, name in enumerate(("pt", "eta", "phi"))
        },
        **{f"jet_{name}": jets[:, i].tolist() for name, i in (("pt", 0), ("eta", 1), ("mass", 3))},
        "charge": [np.ones(len(jet)).tolist() for jet in lists],
        "event_id": list(range(len(values))),
        "split": [1] * len(values),
    }
    if column in ("event_id", "split"):
        columns[column] = [float(number) for number in columns[column]]
    place = columns[column]
    if isinstance(place[3], list):
        place[3][0] = value
    else:
        place[3] = value
    pa.parquet.write_table(pa.table(columns), path)
    return path


FILES = {
    "energyflow": (energyflow, "npz", ("pt", "rapidity", "phi")),
    "jetclass": (jetclass, "root", (*made.PARTS[:3], *made.JET)),
    "parquet": (
        parquet,
        "parquet",
        ("pt", "eta", "phi", "charge", "jet_pt", "jet_eta", "jet_mass", "event_id", "split"),
    ),
}


@pytest.mark.parametrize(
    ("kind", "column"), [(kind, column) for kind in FILES for column in FILES[kind][2]]
)
def test_no_reader_takes_them(tmp_path, kind, column):
    write, suffix, _ = FILES[kind]
    path, out = tmp_path / f"jets.{suffix}", tmp_path / "out.h5"
    jet_class = {"energyflow": "gluon", "jetclass": "label_QCD"}.get(kind, "")
    # (-999 GeV is a component of a momentum as others are, and 1e30 a number of a column)
    allowed = {-999.0} if column in made.PARTS else {-999.0, 1e30} if column == "charge" else {}
    for value in VALUES:
        if value in allowed:
            continue
        write(path, column, value)
        for read in (
            lambda: import_shard(path, out, "g", 8, jet_class=jet_class),
            lambda: check_file(path),
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with pytest.raises(InputError) as caught:
                    read()
            assert str(caught.value).startswith(f"{path}: "), value
            assert str(caught.value).isprintable()
        assert not out.exists()


def test_a_billion_rows_in_a_few_bytes_are_refused(tmp_path):
    rows = 2_000_000
    table = pa.table({"jet_pt": pa.array(np.full(rows, 1000.0))})
    for name, value in (("jet_eta", 0.0), ("jet_mass", 50.0)):
        table = table.append_column(name, pa.array(np.full(rows, value)))
    one = pa.array(np.full(rows, 0.0))
    for name in ("pt", "eta", "phi"):
        offsets = pa.array(np.arange(rows + 1, dtype=np.int32))
        table = table.append_column(name, pa.ListArray.from_arrays(offsets, one))
    pa.parquet.write_table(table, tmp_path / "jets.parquet", row_group_size=rows)
    assert (tmp_path / "jets.parquet").stat().st_size < rows
    with pytest.raises(InputError, match=r"jets: found 2000000 in \d+ bytes"):
        JET_FILES["parquet"](tmp_path / "jets.parquet")

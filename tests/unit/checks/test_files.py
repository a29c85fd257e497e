import json
import re

import h5py
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from hypervae.checks.files import check_file
from hypervae.errors import InputError
from hypervae.export.graphs import export_graphs
from hypervae.formats.shard_writer import write_shard
from tests.unit.chain import JETS, small_jets


@pytest.fixture
def files(chain, tmp_path):
    """A copy of one file of each kind."""
    found = {
        "shard": tmp_path / "shard.h5",
        "correlators": tmp_path / "correlators.h5",
        "normalization": tmp_path / "normalization.h5",
    }
    for name, source in (
        ("shard", chain.shards[0]),
        ("correlators", chain.correlators[0]),
        ("normalization", chain.normalization),
    ):
        found[name].write_bytes(source.read_bytes())
    found["graphs"] = tmp_path / "graphs.pt"
    export_graphs(chain.shards[0], found["graphs"])
    return found


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("shard", [f"shard of {JETS} jets, type g, source toy", "1 to 12 of 12 slots", "GeV"]),
        ("correlators", [f"correlators of {JETS} jets, type g", "E2C: 1.000000 per jet", "E4C"]),
        ("normalization", ["zscore", "types g, q", "momentum scale", "ln_e2c", "ln_w"]),
        ("graphs", [f"{JETS} PyG graphs"]),
    ],
)
def test_each_kind_is_described(files, kind, words):
    text = "\n".join(check_file(files[kind]))
    for word in words:
        assert word in text


def test_a_mix_of_types_is_counted(files):
    with h5py.File(files["shard"], "r+") as file:
        file.attrs["jet_type"] = "mixed"
        file["jet_type"] = np.r_[np.zeros(JETS - 7), np.full(7, 2)].astype(np.uint8)
    assert f"type mixed ({JETS - 7} g, 7 t)" in check_file(files["shard"])[0]
    with h5py.File(files["shard"], "r+") as file:
        file["jet_type"][3] = 9
    with pytest.raises(InputError, match="jet_type of row 3: found 9"):
        check_file(files["shard"])


def test_a_shard_of_another_type_is_refused(files):
    assert check_file(files["shard"], "g")
    with pytest.raises(InputError, match="'g'"):
        check_file(files["shard"], "t")


@pytest.mark.parametrize("kind", ["shard", "correlators", "normalization", "graphs"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "text"])
def test_damaged_files_are_refused_by_name(files, kind, damage):
    path = files[kind]
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        new = {"empty": b"", "truncated": content[: len(content) // 2], "text": b"hello\n" * 99}
        path.write_bytes(new[damage])
    with pytest.raises(InputError, match=path.name):
        check_file(path)


def test_an_unknown_kind_is_refused(files):
    with h5py.File(files["shard"], "r+") as file:
        file.attrs["kind"] = "recipe"
    with pytest.raises(InputError, match="'recipe'"):
        check_file(files["shard"])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("shard", "jet_features"),
        ("correlators", "pair_bins"),
        ("correlators", "all"),
        ("correlators", "all/enc"),
        ("correlators", "all/moments"),
        ("normalization", "stats/edge"),
        ("normalization", "tables/ln_ratio"),
        ("normalization", "multiplicity"),
        ("normalization", "contents"),
    ],
)
def test_a_file_that_lacks_an_entry_is_refused(files, kind, name):
    with h5py.File(files[kind], "r+") as file:
        del file[name]
    with pytest.raises(InputError, match=files[kind].name):
        check_file(files[kind])


def spoil_sums(file):
    file["all/enc"][0] *= 1.5


def spoil_nan(file):
    file["all/enc"][1, 3] = np.nan


def spoil_bins(file):
    file["pair_bins"][3, 0] = 200


@pytest.mark.parametrize("spoil", [spoil_sums, spoil_nan, spoil_bins])
def test_correlators_that_cannot_be_are_refused(files, spoil):
    with h5py.File(files["correlators"], "r+") as file:
        spoil(file)
    with pytest.raises(InputError, match=r"enc of order|in enc|pair_bins"):
        check_file(files["correlators"])


def test_a_normalization_with_nan_is_refused(files):
    with h5py.File(files["normalization"], "r+") as file:
        file["stats/edge"][0, 0] = np.nan
    with pytest.raises(InputError, match="stats/edge"):
        check_file(files["normalization"])


def test_jets_are_checked_too(files):
    with h5py.File(files["shard"], "r+") as file:
        file["particle_features"][50, 0, 2] = -1.0
    with pytest.raises(InputError, match="row 50"):
        check_file(files["shard"])


def test_optional_columns_are_named(tmp_path):
    jets = small_jets(5)
    jets.event_id = np.arange(5)
    write_shard(tmp_path / "s.h5", jets, source="toy")
    assert any("columns: event_id" in line for line in check_file(tmp_path / "s.h5"))


def graph(**changes):
    values = {
        "x": torch.tensor([[5.0, 3.0, 0.0, 4.0], [13.0, 12.0, 0.0, 5.0]]),
        "edge_index": torch.tensor([[0, 1], [1, 0]]),
        "edge_attr": torch.ones(2, 4),
        "y": torch.tensor([0.0, 2.9, 0.6, 1.5]),
    }
    return Data(**{key: value for key, value in {**values, **changes}.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x": None}, "x"),
        ({"x": torch.ones(2, 3)}, "x"),
        ({"x": torch.full((2, 4), torch.nan)}, "NaN"),
        ({"edge_attr": torch.full((2, 4), torch.inf)}, "edge_attr"),
        ({"edge_index": torch.tensor([[0, 1], [1, 2]])}, "node 2"),
        ({"y": torch.zeros(3)}, "y"),
    ],
)
def test_graphs_that_cannot_be_are_refused(tmp_path, changes, match):
    torch.save([graph(), graph(**changes)], tmp_path / "g.pt")
    with pytest.raises(InputError, match=match) as error:
        check_file(tmp_path / "g.pt")
    assert "g.pt" in str(error.value)


def test_graphs_that_can_be_pass(tmp_path):
    torch.save([graph(), graph(y=None, edge_index=None, edge_attr=None)], tmp_path / "g.pt")
    assert "2 PyG graphs" in check_file(tmp_path / "g.pt")[0]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"broken_bounds": []}, "model: found no such entry, expected str"),
        ({"broken_bounds": [], "model": 3}, "model: found int, expected str"),
        ({"broken_bounds": {}, "model": "t", "figures": {}}, "broken_bounds: found dict"),
        ({"broken_bounds": [], "model": "t", "figures": None}, "figures: found NoneType"),
        ({"config": {}, "jet_types": 5}, "jet_types: found int, expected list"),
    ],
)
def test_entries_of_json_are_judged(tmp_path, content, field):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=re.escape(field)):
        check_file(path)


@pytest.mark.parametrize("number", [10**400, True, "1", [1]], ids=lambda x: type(x).__name__)
def test_numbers_of_results_are_numbers(tmp_path, number):
    metric = {"value": number, "error": 0.1, "floor": 1.0, "floor_error": 0.1}
    content = {"jet_type": "g", "sizes": {"compared": 10}, "metrics": {"w1m": metric}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"metrics\.w1m\."):
        check_file(path)
    metric["value"] = 1
    path.write_text(json.dumps(content))
    assert "1 metrics of 10 jets" in check_file(path)[0]

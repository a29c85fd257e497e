"""What graph files come as: import and validate say the same of each."""

import pickle
import re
import shutil
import zipfile

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from hypervae.checks.files import check_file
from hypervae.data.graph_loading import holds_graphs, load_graphs
from hypervae.data.importing import import_shard
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from tests.unit.data.laid_out import jets_of, write
from tests.unit.data.test_importing import assert_same, graphs_of, minmax, normalized


def both(path):
    """What import reads; import and validate agree, or refuse with the same words."""
    messages = []
    for read in (
        lambda: import_shard(path, path.with_name("out.h5"), "g", 30),
        lambda: check_file(path),
    ):
        try:
            read()
            messages.append("")
        except InputError as error:
            messages.append(str(error))
    assert messages[0] == messages[1]
    assert "weights_only" not in messages[0]
    assert "\n" not in messages[0]
    if messages[0]:
        raise InputError(path, "file", found=messages[0], expected="")
    with ShardReader(path.with_name("out.h5")) as reader:
        return reader.read()


@pytest.mark.parametrize("name", ["a.pt", "a.PT", "a.Pth", "a.bin", "a.h5", "a"])
def test_graphs_whatever_they_are_called(tmp_path, name):
    jets, _ = jets_of()
    torch.save(graphs_of(jets), tmp_path / name)
    assert_same(both(tmp_path / name), jets)


@pytest.mark.parametrize("name", ["a.pt", "a.PT", "a.h5", "a"])
def test_hdf5_whatever_it_is_called(tmp_path, name):
    jets, _ = jets_of()
    path = write(tmp_path / name, jets.particle_features, jets.jet_features, jet_type="g")
    assert not holds_graphs(path)
    np.testing.assert_array_equal(both(path).particle_features, jets.particle_features)


def test_a_zip_file_of_something_else_is_none(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    assert not holds_graphs(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"X: found arrays x, expected X \[jets, particles"):
        both(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(InputError, match="a whole HDF5 file"):
        both(tmp_path / "a.zip")
    shutil.copy(tmp_path / "a.npz", tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: "):
        both(tmp_path / "a.pt")


def test_damaged_archives_are_refused_or_read(tmp_path):
    """Bytes of the directory at the end of a zip file, by which its parts are found."""
    jets, _ = jets_of()
    torch.save(graphs_of(jets[:3]), tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    first = whole.index(b"PK\x01\x02")  # of the directory
    generator = np.random.default_rng(1)
    messages = []
    for case in range(150):
        bytes_ = bytearray(whole)
        for place in generator.integers(first, len(whole), 1 + case % 3):
            bytes_[place] = generator.integers(256)
        path = tmp_path / f"{case}.pt"
        path.write_bytes(bytes_)
        assert isinstance(holds_graphs(path), bool)
        try:
            load_graphs(path)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize(
    "kind",
    [
        lambda x: x.requires_grad_(),
        lambda x: x.double(),
        lambda x: x.double().requires_grad_() * 1,
        lambda x: torch.nn.Parameter(x),
        lambda x: x.T.contiguous().T,
        lambda x: x.to_sparse().to_dense(),
    ],
)
def test_every_kind_of_tensor_is_read(tmp_path, kind):
    jets, _ = jets_of()
    graphs = graphs_of(jets)
    for graph in graphs:
        graph.x, graph.y = (
            kind(graph.x).detach().requires_grad_(kind(graph.x).requires_grad),
            graph.y,
        )
    torch.save(graphs, tmp_path / "a.pt")
    assert_same(both(tmp_path / "a.pt"), jets)


def test_half_precision_is_read(tmp_path):
    jets, _ = jets_of()
    graphs = graphs_of(jets)
    for graph in graphs:
        graph.x = graph.x.bfloat16()
    torch.save(graphs, tmp_path / "a.pt")
    read = both(tmp_path / "a.pt")
    assert read.multiplicity.tolist() == jets.multiplicity.tolist()
    ptrel = read.particle_features[..., 2]
    np.testing.assert_allclose(ptrel, jets.particle_features[..., 2], atol=0.005)


@pytest.mark.parametrize(
    "x",
    [
        "text",
        ["a", "b"],
        {"a": 1},
        torch.ones(3, 4, dtype=torch.complex64),
        [[1.0, 2.0], [1.0]],
        torch.ones(4),
        torch.ones(3, 4, 1),
        torch.ones(0, 4),
        [],
        7,
    ],
)
def test_particles_of_other_types_are_refused(tmp_path, x):
    jets, _ = jets_of()
    graphs = graphs_of(jets)
    graphs[5].x = x
    torch.save(graphs, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"graph 5: (x|edge)"):
        both(tmp_path / "a.pt")


STATS = {
    "text": "zscore",
    "a list": [0.0, 1.0],
    "a tensor": torch.ones(4, 2),
    "a number": 3,
    "numbers as text": {c: {"method": "zscore", "mean": "0", "std": "1"} for c in ("E", "px")},
    "NaN": {
        c: {"method": "zscore", "mean": 0.0, "std": float("nan")} for c in ("E", "px", "py", "pz")
    },
    "infinity": {
        c: {"method": "minmax", "min": 0.0, "max": float("inf")} for c in ("E", "px", "py", "pz")
    },
    "too few columns": {"E": {"method": "zscore", "mean": 0.0, "std": 1.0}},
    "a list in a column": {c: [0.0, 1.0] for c in ("E", "px", "py", "pz")},
    "tensors of two": {
        c: {"method": "zscore", "mean": torch.ones(2), "std": torch.ones(2)}
        for c in ("E", "px", "py", "pz")
    },
    "another method": {c: {"method": "log", "mean": 0.0} for c in ("E", "px", "py", "pz")},
}


@pytest.mark.parametrize("stats", STATS)
@pytest.mark.parametrize("place", ["metadata", "graph"])
def test_statistics_that_undo_nothing_are_refused(tmp_path, stats, place):
    jets, _ = jets_of(30)
    graphs, metadata = graphs_of(jets), {}
    if place == "metadata":
        metadata = {"particle_norm_stats": STATS[stats]}
    else:
        for graph in graphs:
            graph.particle_norm_stats = STATS[stats]
    torch.save({"graphs": graphs, "metadata": metadata}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="graph 0: particle_norm_stats: found"):
        both(tmp_path / "a.pt")


def test_statistics_as_tensors_of_one_number_are_taken(tmp_path):
    jets, _ = jets_of()
    graphs, stats = normalized(graphs_of(jets), minmax)
    for columns in stats.values():
        for column in columns.values():
            column |= {name: torch.tensor(column[name]) for name in ("min", "max")}
    torch.save({"graphs": graphs, "metadata": stats}, tmp_path / "a.pt")
    assert_same(both(tmp_path / "a.pt"), jets, atol=2e-4)


@pytest.mark.parametrize("metadata", ["text", [1, 2], torch.ones(2), 7])
def test_metadata_of_another_type_are_refused(tmp_path, metadata):
    jets, _ = jets_of(5)
    torch.save({"graphs": graphs_of(jets), "metadata": metadata}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="metadata: found"):
        both(tmp_path / "a.pt")


class Other:
    """Nothing that is loaded."""


def test_torchs_advice_to_switch_the_check_off_is_never_quoted(tmp_path):
    graph = Data(x=torch.ones(2, 4))
    graph.other = Other()
    torch.save([graph], tmp_path / "class.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(2)), tmp_path / "script.pt")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"graphs": [Other()]}, protocol=4))
    (tmp_path / "numpy.pt").write_bytes(pickle.dumps(np.ones(3)))
    for path in sorted(tmp_path.glob("*.pt")):
        with pytest.raises(InputError) as caught:
            load_graphs(path)
        assert not re.search(r"weights_only|[Rr]e-?run|allowlist|add_safe", str(caught.value)), path
        with pytest.raises(InputError):
            both(path)

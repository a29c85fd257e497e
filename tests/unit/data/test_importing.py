import pickle

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch_geometric.data import Data

from hypervae.cli import cli
from hypervae.data import importing
from hypervae.data.graph_loading import load_graphs
from hypervae.data.importing import import_shard
from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from hypervae.kinematics import four_momenta
from tests.unit.data.test_jets import make_jets


def zscore(values, mean, std):
    return (values - mean) / std, {"method": "zscore", "mean": mean, "std": std}


def minmax(values, low, high):
    return (values - low) / (high - low), {"method": "minmax", "min": low, "max": high}


def graphs_of(jets, jet_type="g", labels=True, turn=0.0):
    """Graphs as the reference implementation writes them, before its normalization."""
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    c, s = np.cos(turn), np.sin(turn)
    px, py = momenta[..., 1].copy(), momenta[..., 2].copy()
    momenta[..., 1], momenta[..., 2] = c * px - s * py, s * px + c * py
    graphs = []
    for row in range(len(jets)):
        pt, eta, mass, _ = jets.jet_features[row].astype(float)
        y = [JET_TYPES[jet_type], np.log(pt), eta, np.log(mass)]
        graphs.append(
            Data(
                x=torch.tensor(momenta[row][jets.mask[row]], dtype=torch.float),
                edge_index=torch.zeros((2, 3), dtype=torch.long),
                edge_attr=torch.zeros((3, 5)),
                hyperedge_index=torch.zeros((2, 4), dtype=torch.int32),
                y=torch.tensor(y, dtype=torch.float) if labels else None,
            )
        )
    return graphs


def normalized(graphs, scale):
    """The graphs with normalized x and y, and the statistics."""
    particle, jet = {}, {}
    for graph in graphs:
        for index, name in enumerate(("E", "px", "py", "pz")):
            graph.x[:, index], particle[name] = scale(graph.x[:, index], 3.0 + index, 50.0 + index)
        for index, name in enumerate(("pt", "eta", "mass")):
            graph.y[index + 1], jet[name] = scale(graph.y[index + 1], 0.5, 2.0 + index)
    return graphs, {"particle_norm_stats": particle, "jet_norm_stats": jet}


def save(path, content):
    torch.save(content, path)
    return path


def imported(source, jet_type="g", max_particles=5):
    path = source.with_suffix(".h5")
    done = import_shard(source, path, jet_type, max_particles)
    with ShardReader(path) as reader:
        return reader.read(), done


def assert_same(read, jets, atol=2e-5):
    np.testing.assert_allclose(read.particle_features, jets.particle_features, atol=atol)
    np.testing.assert_allclose(read.jet_features, jets.jet_features, rtol=1e-5, atol=1e-4)


def test_a_list_of_graphs(tmp_path):
    jets = make_jets(20)
    read, done = imported(save(tmp_path / "a.pt", graphs_of(jets)))
    assert_same(read, jets)
    assert read.event_id.tolist() == list(range(20))
    assert done.jets == 20
    assert done.notes == []


@pytest.mark.parametrize("scale", [zscore, minmax])
@pytest.mark.parametrize("per_graph", [False, True])
def test_the_references_normalization_is_undone(tmp_path, scale, per_graph):
    jets = make_jets(20)
    graphs, stats = normalized(graphs_of(jets), scale)
    if per_graph:
        for graph in graphs:
            for key, value in stats.items():
                graph[key] = value
        content = graphs
    else:
        content = {"graphs": graphs, "line_graphs": graphs, "metadata": stats}
    read, _ = imported(save(tmp_path / "a.pt", content))
    assert_same(read, jets, atol=2e-4)


def test_many_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 7)
    jets = make_jets(20)
    read, _ = imported(save(tmp_path / "a.pt", graphs_of(jets)))
    assert_same(read, jets)
    assert read.event_id.tolist() == list(range(20))


def test_only_the_hardest_particles_are_kept(tmp_path):
    jets = make_jets(20)
    read, _ = imported(save(tmp_path / "a.pt", graphs_of(jets)), max_particles=3)
    np.testing.assert_allclose(read.particle_features, jets.particle_features[:, :3], atol=2e-5)
    np.testing.assert_array_equal(read.jet_features[:, 3], np.minimum(jets.jet_features[:, 3], 3))


def test_graphs_of_other_types_are_left_out(tmp_path):
    gluons, tops = make_jets(4, seed=1), make_jets(6, seed=2)
    graphs = [*graphs_of(gluons, "g"), *graphs_of(tops, "t")]
    read, done = imported(save(tmp_path / "a.pt", graphs), "t")
    assert_same(read, tops)
    assert read.event_id.tolist() == [4, 5, 6, 7, 8, 9]
    assert done.notes == ["left out 4 graphs of other jet types"]
    with pytest.raises(
        InputError, match=r"a\.pt: y \(jet type\): found only g, t, expected q \(1\)"
    ):
        imported(tmp_path / "a.pt", "q")


def test_without_labels_the_particles_sum_stands_in(tmp_path):
    jets = make_jets(20)
    read, done = imported(save(tmp_path / "a.pt", graphs_of(jets, labels=False)))
    assert "20 graphs have no jet features" in done.notes[0]
    total = four_momenta(jets.particle_features, jets.jet_features).sum(axis=1)
    mine = four_momenta(read.particle_features, read.jet_features)
    np.testing.assert_allclose(mine.sum(axis=1), total, rtol=1e-4, atol=0.1)
    np.testing.assert_allclose(
        read.jet_features[:, 0], np.hypot(total[:, 1], total[:, 2]), rtol=1e-5
    )


def test_jets_with_directions_of_their_own_are_turned_to_their_axis(tmp_path):
    jets = make_jets(40, slots=5)
    read, _ = imported(save(tmp_path / "a.pt", graphs_of(jets, turn=2.5)))
    total = four_momenta(read.particle_features, read.jet_features).sum(axis=1)
    np.testing.assert_allclose(total[:, 2], 0, atol=0.05)
    np.testing.assert_allclose(
        read.particle_features[..., 2], jets.particle_features[..., 2], atol=1e-5
    )


def test_a_graph_with_one_particle_and_one_with_padding(tmp_path):
    graphs = graphs_of(make_jets(3, slots=5))
    graphs[0].x = graphs[0].x[:1]
    graphs[1].x = torch.cat([graphs[1].x, torch.zeros(3, 4)])
    count = len(graphs[1].x) - 3
    read, _ = imported(save(tmp_path / "a.pt", graphs))
    assert read.multiplicity[:2].tolist() == [1, count]


class Nasty:
    def __reduce__(self):
        return (print, ("this would have run",))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_needs_other_classes_is_refused(tmp_path, capsys, legacy):
    graph = graphs_of(make_jets(1))[0]
    graph.extra = Nasty()
    path = tmp_path / "a.pt"
    torch.save([graph], path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match=r"a\.pt: pickle: found the class .*print.*Data only"):
        imported(path)
    assert "would have run" not in capsys.readouterr().out
    assert not (tmp_path / "a.h5").exists()


def test_legacy_files_are_read(tmp_path):
    jets = make_jets(3)
    torch.save(graphs_of(jets), tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert_same(imported(tmp_path / "a.pt")[0], jets)


@pytest.mark.parametrize("legacy", [False, True])
def test_damaged_files_end_in_a_named_error(tmp_path, legacy):
    """Changed bytes and lost ends; some changes leave the file readable."""
    path = tmp_path / "a.pt"
    torch.save(graphs_of(make_jets(2)), path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = []
    for _ in range(150):
        content = bytearray(
            whole[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else whole
        )
        for place in rng.integers(len(content), size=rng.choice([1, 5, 20])):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            load_graphs(path)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all(text.startswith(str(path)) for text in refused)


def test_files_that_hold_no_graphs(tmp_path):
    with pytest.raises(InputError, match=r"none\.pt: file: found no such file"):
        imported(tmp_path / "none.pt")
    (tmp_path / "empty.pt").touch()
    with pytest.raises(InputError, match=r"empty\.pt: file: found an empty file"):
        imported(tmp_path / "empty.pt")
    whole = save(tmp_path / "a.pt", graphs_of(make_jets(50))).read_bytes()
    (tmp_path / "short.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"short\.pt: (file|pickle): found "):
        imported(tmp_path / "short.pt")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(InputError, match=r"pickle\.pt: "):
        imported(tmp_path / "pickle.pt")
    with pytest.raises(InputError, match=r"found dict with keys weights, expected a list"):
        imported(save(tmp_path / "b.pt", {"weights": torch.zeros(3)}))
    with pytest.raises(InputError, match=r"graphs: found an empty list"):
        imported(save(tmp_path / "c.pt", []))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.x.__setitem__((0, 1), np.nan), "graph 2: x: found NaN"),
        (
            lambda g: setattr(g, "x", g.x[:, :3]),
            r"graph 2: x: found shape .*, expected \[particles, 4",
        ),
        (lambda g: setattr(g, "x", None), "graph 2: x: found none"),
        (lambda g: setattr(g, "x", g.x * 0), "graph 2: x: found no particle with pT > 0"),
        (lambda g: setattr(g, "y", g.y[:2]), "graph 2: y: found 2 numbers"),
        (lambda g: g.y.__setitem__(2, np.inf), "graph 2: y: found .*inf"),
        (
            lambda g: setattr(g, "particle_norm_stats", {"E": {"method": "log"}}),
            "graph 2: particle_norm_stats: found .*log",
        ),
    ],
)
def test_bad_graphs_are_named(tmp_path, change, message):
    graphs = graphs_of(make_jets(4))
    change(graphs[2])
    with pytest.raises(InputError, match=message):
        imported(save(tmp_path / "a.pt", graphs))
    assert [file.name for file in tmp_path.iterdir()] == ["a.pt"]


def test_hdf5_is_checked_sorted_cut_and_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 7)
    jets = make_jets(20)
    with h5py.File(tmp_path / "mine.hdf5", "w") as file:
        file["particle_features"] = jets.particle_features[:, ::-1]
        file["jet_features"] = jets.jet_features
        file["split"] = np.arange(20) % 3
        file["event_id"] = np.arange(20) + 100
    done = import_shard(tmp_path / "mine.hdf5", tmp_path / "s.h5", "q", 4)
    assert done.notes == ["kept the hardest 4 of up to 5 particles"]
    with ShardReader(tmp_path / "s.h5") as reader:
        read = reader.read()
        assert reader.jet_type == "q"
        assert reader.attributes["source"] == "files (hdf5)"
    np.testing.assert_array_equal(read.particle_features, jets.particle_features[:, :4])
    assert read.split.tolist() == [i % 3 for i in range(20)]
    assert read.event_id.tolist() == list(range(100, 120))


def test_hdf5_with_fewer_slots_gets_empty_ones(tmp_path):
    jets = make_jets(20)
    write_shard(tmp_path / "mine.h5", jets, jet_type="q", source="test")
    import_shard(tmp_path / "mine.h5", tmp_path / "s.h5", "q", 30)
    with ShardReader(tmp_path / "s.h5") as reader:
        read = reader.read()
    assert read.particle_features.shape == (20, 30, 4)
    np.testing.assert_array_equal(read.particle_features[:, :5], jets.particle_features)


def test_bad_hdf5_is_refused_with_its_place(tmp_path):
    jets = make_jets(20)
    write_shard(tmp_path / "mine.h5", jets, jet_type="q", source="test")
    with pytest.raises(InputError, match="jet_type: found 'q', expected 't'"):
        import_shard(tmp_path / "mine.h5", tmp_path / "s.h5", "t", 30)
    with h5py.File(tmp_path / "mine.h5", "a") as file:
        file["particle_features"][11, 0, 1] = np.nan
    with pytest.raises(
        InputError, match=r"mine\.h5: particle_features phirel: found nan at row 11"
    ):
        import_shard(tmp_path / "mine.h5", tmp_path / "s.h5", "q", 30)
    assert not (tmp_path / "s.h5").exists()
    with pytest.raises(InputError, match=r"text\.csv: file: found no such file"):
        import_shard(tmp_path / "text.csv", tmp_path / "s.h5", "q", 30)
    with pytest.raises(InputError, match="jet type: found 'top'"):
        import_shard(tmp_path / "mine.h5", tmp_path / "s.h5", "top", 30)


def test_the_command(tmp_path):
    source = save(tmp_path / "a.pt", graphs_of(make_jets(5), "t"))
    options = ["--jet-type", "t", "--output", str(tmp_path / "s.h5")]
    result = CliRunner().invoke(cli, ["import", str(source), *options])
    assert result.exit_code == 0, result.output
    assert "5 t jets" in result.output
    with ShardReader(tmp_path / "s.h5") as reader:
        assert reader.max_particles == 30


def test_a_lack_of_memory_does_not_read_as_a_damaged_file(tmp_path, monkeypatch):
    path = tmp_path / "graphs.pt"
    torch.save([], path)

    def load(*_, **__):
        raise MemoryError

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(MemoryError):
        load_graphs(path)

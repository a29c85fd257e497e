import numpy as np
import pytest
import torch

from hypervae.config import resolve_section
from hypervae.data.importing import import_shard
from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import InputError
from hypervae.export.graphs import export_graphs
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from hypervae.generation.files import TypedReader
from hypervae.generation.generate import generate_jets
from hypervae.kinematics import four_momenta
from tests.unit.chain import JETS, SLOTS, small_jets


@pytest.fixture
def exported(chain, tmp_path):
    assert export_graphs(chain.shards[2], tmp_path / "graphs.pt") == JETS
    content = torch.load(tmp_path / "graphs.pt", weights_only=False)
    with ShardReader(chain.shards[2]) as reader:
        return tmp_path / "graphs.pt", content, reader.read()


def test_graphs_hold_the_momenta_and_the_jet(exported):
    _, content, jets = exported
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    assert content["metadata"]["jet_type"] == "q"
    for row, graph in enumerate(content["graphs"]):
        n = int(jets.multiplicity[row])
        assert graph.x.shape == (n, 4)
        np.testing.assert_allclose(graph.x, momenta[row, :n], rtol=1e-6, atol=1e-4)
        pt, eta, mass = jets.jet_features[row, :3]
        expected = [JET_TYPES["q"], np.log(pt), eta, np.log(max(mass, 1.0))]
        np.testing.assert_allclose(graph.y, expected, rtol=1e-6)


def test_edges_stand_in_both_directions(exported):
    _, content, jets = exported
    for row in (0, 1, 5):
        graph, n = content["graphs"][row], int(jets.multiplicity[row])
        pairs = {tuple(pair) for pair in graph.edge_index.T.tolist()}
        assert pairs == {(i, j) for i in range(n) for j in range(n) if i != j}
        assert graph.edge_attr.shape == (n * (n - 1), 4)
        assert torch.isfinite(graph.edge_attr).all()
        for (i, j), (ln_delta, _, ln_z, _) in zip(
            graph.edge_index.T.tolist(), graph.edge_attr.tolist(), strict=True
        ):
            one, other = jets.particle_features[row, [i, j]].astype(float)
            assert ln_delta == pytest.approx(np.log(np.hypot(*(one - other)[:2])), abs=1e-4)
            assert ln_z == pytest.approx(
                np.log(min(one[2], other[2]) / (one[2] + other[2])), abs=1e-4
            )


def test_what_is_exported_is_imported_again(exported, tmp_path):
    path, _, jets = exported
    import_shard(path, tmp_path / "back.h5", "q", SLOTS)
    with ShardReader(tmp_path / "back.h5", "q") as reader:
        back = reader.read()
    assert len(back) == len(jets)
    np.testing.assert_array_equal(back.mask, jets.mask)
    np.testing.assert_allclose(back.jet_features, jets.jet_features, rtol=1e-5, atol=1e-5)
    one, other = (four_momenta(j.particle_features, j.jet_features) for j in (jets, back))
    np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5 * one.max())
    np.testing.assert_allclose(back.particle_features, jets.particle_features, atol=1e-5)


def test_two_exports_are_the_same_file_byte_by_byte(exported, chain, tmp_path):
    export_graphs(chain.shards[2], tmp_path / "again.pt")
    assert (tmp_path / "again.pt").read_bytes() == exported[0].read_bytes()


def test_a_mixed_file_is_exported_and_imported_type_by_type(model, chain, tmp_path):
    model.float().save(tmp_path / "model", chain.normalization)
    mix = {"mix": {"q": 1, "g": 1}}
    config = resolve_section("generate", {"jets": 40, "device": "cpu", **mix})
    generate_jets(tmp_path / "model", tmp_path / "g.h5", config)
    assert export_graphs(tmp_path / "g.h5", tmp_path / "g.pt") == 40
    content = torch.load(tmp_path / "g.pt", weights_only=False)
    assert content["metadata"]["jet_type"] == "mixed"
    with TypedReader(tmp_path / "g.h5") as reader:
        types, jets = reader.types(0, 40), reader.read()
    assert [int(graph.y[0]) for graph in content["graphs"]] == types.tolist()
    for kind in "gq":
        import_shard(tmp_path / "g.pt", tmp_path / "back.h5", kind, SLOTS)
        rows = types == JET_TYPES[kind]
        with ShardReader(tmp_path / "back.h5", kind) as reader:
            back = reader.read().particle_features
        np.testing.assert_allclose(back, jets.particle_features[rows], atol=1e-5)


def test_generated_particles_are_massless(model, chain, tmp_path):
    model.float().save(tmp_path / "model", chain.normalization)
    config = resolve_section("generate", {"jets": 20, "device": "cpu"})
    generate_jets(tmp_path / "model", tmp_path / "g.h5", config, jet_type="q")
    assert export_graphs(tmp_path / "g.h5", tmp_path / "g.pt") == 20
    graphs = torch.load(tmp_path / "g.pt", weights_only=False)["graphs"]
    assert {int(graph.y[0]) for graph in graphs} == {JET_TYPES["q"]}
    for graph in graphs:
        energy, *momentum = graph.x.double().T
        norm = torch.sqrt(sum(p**2 for p in momentum))
        torch.testing.assert_close(energy, norm, rtol=1e-5, atol=0)


def test_graphs_load_without_running_code(exported):
    import torch_geometric
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import GlobalStorage

    allowed = [torch_geometric.data.Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]
    with torch.serialization.safe_globals(allowed):
        assert torch.load(exported[0], weights_only=True)["graphs"]


def test_a_shard_without_a_type_needs_one(tmp_path):
    import h5py

    write_shard(tmp_path / "s.h5", small_jets(3), source="toy")
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        del file.attrs["jet_type"]
    with pytest.raises(InputError, match="jet type"):
        export_graphs(tmp_path / "s.h5", tmp_path / "g.pt")
    assert not (tmp_path / "g.pt").exists()
    assert export_graphs(tmp_path / "s.h5", tmp_path / "g.pt", "t") == 3

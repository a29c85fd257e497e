import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

from hypervae.config import NormalizationConfig, resolve_section
from hypervae.correlators import geometry, sets
from hypervae.correlators.compute import compute_correlators
from hypervae.correlators.features import jet_targets, pair_features
from hypervae.data.jets import concatenate
from hypervae.errors import InputError
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from hypervae.hypergraph import HypergraphDataset, edge_index, hyperedge_index
from hypervae.hypergraph.dataset import undo
from hypervae.kinematics import four_momenta
from hypervae.normalization.merge import merge_normalization
from tests.unit.toys import toy_jets


def write_files(folder, particles, method="zscore", jets=40):
    """Two shards of gluon jets with up to `particles` particles, and all that belongs to them."""
    shards, correlators = [], []
    for number in range(2):
        shards.append(folder / f"g{number}.h5")
        correlators.append(folder / f"c{number}.h5")
        batch = toy_jets(jets, seed=number, jet_type="g", max_particles=particles)
        write_shard(shards[-1], batch, source="test", jet_type="g")
        compute_correlators(shards[-1], correlators[-1], resolve_section("correlators", {}))
    merge_normalization(correlators, folder / "n.h5", NormalizationConfig(method=method))
    return shards, correlators, folder / "n.h5"


@pytest.fixture(scope="module", params=["zscore", "minmax"])
def files(request, tmp_path_factory):
    return write_files(tmp_path_factory.mktemp(request.param), 14, request.param)


def all_jets(shards):
    parts = []
    for path in shards:
        with ShardReader(path) as reader:
            parts.append(reader.read())
    return concatenate(parts)


def test_a_26_particle_jet_has_17550_hyperedges(tmp_path):
    dataset = HypergraphDataset(*write_files(tmp_path, 26, jets=20))
    data = max((dataset[index] for index in range(len(dataset))), key=lambda data: len(data.x))
    assert data.x.shape == (26, 4)
    assert data.edge_index.shape == (2, 650)
    assert data.edge_attr.shape == (650, 5)
    assert data.hyperedge_attr.shape == (17550, 3)
    assert data.hyperedge_index.shape == (2, 67600)
    assert data.y.shape == (4,)
    assert int(data.hyperedge_index[1].max()) == 17549
    assert torch.bincount(data.hyperedge_index[1]).unique().tolist() == [3, 4]


def test_everything_is_undone_by_the_stats(files):
    dataset, jets = HypergraphDataset(*files), all_jets(files[0])
    merged = read_normalization(files[2])
    momenta, pairs = four_momenta(jets.particle_features, jets.jet_features), pair_features(jets)
    codes = geometry.pair_bins(jets, merged.binning)
    log_weight = np.log(np.where(jets.mask, geometry.weights(jets), 1.0))
    assert len(dataset) == len(jets)
    for row in (0, 17, 41, 79):
        data, n = dataset[row], int(jets.multiplicity[row])
        np.testing.assert_allclose(
            undo(data.x, data.particle_norm_stats), momenta[row, :n], rtol=1e-5
        )
        edges = undo(data.edge_attr, data.edge_norm_stats)
        wanted = pairs[row, : n * (n - 1) // 2]
        np.testing.assert_allclose(edges[: len(wanted), 1:], wanted, atol=1e-4)
        np.testing.assert_array_equal(edges[: len(wanted)], edges[len(wanted) :])
        np.testing.assert_allclose(
            edges[: len(wanted), 0], merged.ln_e2c[codes[row, : len(wanted)]], atol=1e-4
        )
        members = [sets.set_members(n, order) for order in (3, 4)]
        bins = np.concatenate([sets.set_bins(codes[row], n, order) for order in (3, 4)])
        ln_w = np.concatenate([log_weight[row][part].sum(axis=1) for part in members])
        found = undo(data.hyperedge_attr, data.hyperedge_norm_stats)
        np.testing.assert_allclose(found[:, -1], ln_w, atol=1e-4)
        np.testing.assert_allclose(found[:, :2], merged.ln_ratio[:, bins].T, atol=1e-4)
        np.testing.assert_allclose(
            undo(data.y[1:], data.jet_norm_stats), jet_targets(jets)[row], atol=1e-4
        )
        assert int(data.y[0]) == 0


def test_edges_and_hyperedges_join_what_their_features_describe(files):
    data = HypergraphDataset(*files)[3]
    n = len(data.x)
    first, second = data.edge_index[:, : n * (n - 1) // 2]
    momenta = undo(data.x, data.particle_norm_stats)
    # ln m^2 of massless particles, from the momenta of the two ends
    metric = torch.tensor([1.0, -1.0, -1.0, -1.0])
    m2 = 2 * (momenta[first] * momenta[second] * metric).sum(-1)
    ln_m2 = undo(data.edge_attr, data.edge_norm_stats)[: len(first), 4]
    clear = m2 > 1  # GeV^2: below, float32 momenta cancel
    assert clear.sum() > 10
    np.testing.assert_allclose(ln_m2[clear], m2[clear].log(), atol=1e-2)
    nodes, edges = data.hyperedge_index
    assert nodes[edges == 0].tolist() == [0, 1, 2]
    last = data.hyperedge_index[0][edges == edges.max()]
    assert last.tolist() == [n - 4, n - 3, n - 2, n - 1]


def test_the_parts_of_the_split_are_the_whole(files):
    sizes = [len(HypergraphDataset(*files, split=part)) for part in ("train", "validation", "test")]
    assert sum(sizes) == 80
    assert min(sizes) > 0


def test_graphs_can_be_batched(files):
    dataset = HypergraphDataset(*files)
    batch = next(iter(DataLoader([dataset[0], dataset[1]], batch_size=2)))
    assert len(batch.x) == len(dataset[0].x) + len(dataset[1].x)
    assert batch.edge_index.max() == len(batch.x) - 1


def test_files_of_others_are_refused(files, tmp_path):
    other = write_files(tmp_path, 14, jets=30)
    with pytest.raises(InputError):
        HypergraphDataset(other[0], other[1], files[2])


def test_an_index_outside_is_an_index_error(files):
    dataset = HypergraphDataset(*files)
    assert torch.equal(dataset[-1].x, dataset[79].x)
    with pytest.raises(IndexError):
        dataset[80]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_particles(n):
    assert edge_index(n).shape == (2, n * (n - 1))
    incidences = sum(order * sets.set_count(n, order) for order in (3, 4))
    assert hyperedge_index(n, (3, 4)).shape == (2, incidences)

import shutil

import h5py
import numpy as np
import pytest
import torch

from hypervae.config import resolve_section
from hypervae.correlators.stage import compute_correlators
from hypervae.data.shard import ShardReader, write_shard
from hypervae.data.split import SPLITS, split_of
from hypervae.errors import InputError
from hypervae.model import ModelConfig
from hypervae.normalization.sources import find_sources
from hypervae.training import loader as loader_module
from hypervae.training.loader import JetLoader
from tests.unit.chain import CORRELATORS, JETS, SPLIT, small_jets


@pytest.fixture
def make(chain):
    def make(split="train", batch_size=16, seed=1, encoder="binned"):
        merged = chain.merged
        return JetLoader(
            find_sources(chain.shards, chain.correlators, merged, chain.normalization),
            merged,
            jet_types=["q", "g"],
            split=split,
            split_config=SPLIT,
            batch_size=batch_size,
            model=ModelConfig.of({"hyperedge_encoder": encoder, "hyperedge_decoder": "binned"}),
            seed=seed,
        )

    return make


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request, monkeypatch):
    """Blocks that mix, and blocks so small that jets are left over at every turn."""
    if request.param == "many blocks":
        monkeypatch.setattr(loader_module, "_BLOCK", 23)
        monkeypatch.setattr(loader_module, "_MIXED", 3)


def keys(batches):
    """A number for each jet, by its momenta."""
    return [tuple(np.round(row[:2].flatten().tolist(), 6)) for b in batches for row in b.momenta]


def expected_jets(chain, split):
    for path in chain.shards:
        with ShardReader(path) as reader:
            jets = reader.read()
        yield jets[split_of(jets, **SPLIT) == SPLITS[split]]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("split", SPLITS)
def test_every_jet_of_the_split_once_an_epoch(chain, make, split):
    loader = make(split)
    batches = list(loader.epoch(0))
    assert len(batches) == len(loader)
    assert [len(batch) for batch in batches[:-1]] == [16] * (len(batches) - 1)
    found = keys(batches)
    assert len(found) == len(set(found)) == loader.n_jets
    counts = sum(len(jets) for jets in expected_jets(chain, split))
    assert loader.n_jets == counts
    # in all splits together each jet stands once
    whole = [key for name in SPLITS for key in keys(make(name).epoch(0))]
    assert len(set(whole)) == len(whole) == len(chain.shards) * JETS


@pytest.mark.usefixtures("blocks")
def test_order_depends_on_seed_and_epoch_alone(make):
    first = keys(make().epoch(0))
    loader = make()
    list(loader.epoch(1))
    assert keys(loader.epoch(0)) == first
    for other in (make().epoch(1), make(seed=2).epoch(0)):
        other = keys(other)
        assert other != first
        assert sorted(other) == sorted(first)


@pytest.mark.usefixtures("blocks")
def test_jets_of_all_shards_and_types_mix(make):
    kinds = [set(batch.jet_type.tolist()) for batch in make().epoch(0)]
    assert {0, 1} in kinds


def test_without_shuffling_the_order_is_that_of_the_files(chain, make):
    loader = make("validation", batch_size=1000)
    (batch,) = loader.epoch(0, shuffle=False)
    expected = np.concatenate(
        [jets.particle_features for jets in expected_jets(chain, "validation")]
    )
    np.testing.assert_array_equal(batch.coordinates, expected[..., :3])


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("first", [0, 1, 4, 100])
def test_an_epoch_is_taken_up_where_it_was_left(make, first):
    loader = make()
    whole = list(loader.epoch(3))
    rest = list(loader.epoch(3, first_batch=first))
    assert len(rest) == max(len(whole) - first, 0)
    assert keys(rest) == keys(whole[first:])
    for one, other in zip(rest, whole[first:], strict=True):
        assert torch.equal(one.hyperedges, other.hyperedges)
        assert torch.equal(one.edges, other.edges)


@pytest.mark.usefixtures("blocks")
def test_types_keep_their_index(chain, make):
    heavy = {}
    for path, jet_type in zip(chain.shards, "ggqq", strict=True):
        with ShardReader(path) as reader:
            jets = reader.read()
        for row in jets.particle_features[:, :2, :3]:
            heavy[tuple(np.round(row.flatten().astype(float), 6))] = jet_type
    for batch in make(encoder="mlp").epoch(0):
        for row, kind in zip(batch.coordinates, batch.jet_type.tolist(), strict=True):
            key = tuple(np.round(row[:2].flatten().tolist(), 6))
            assert "qg"[kind] == heavy[key]


def test_at_most_a_group_of_blocks_is_in_memory(make, monkeypatch):
    monkeypatch.setattr(loader_module, "_BLOCK", 7)
    monkeypatch.setattr(loader_module, "_MIXED", 3)
    sizes = []
    concatenate = loader_module.concatenate
    monkeypatch.setattr(
        loader_module,
        "concatenate",
        lambda parts: sizes.append(sum(map(len, parts))) or concatenate(parts),
    )
    loader = make(batch_size=5)
    reads = []
    read = ShardReader.read
    monkeypatch.setattr(
        ShardReader, "read", lambda self, *rows: reads.append(rows) or read(self, *rows)
    )
    list(loader.epoch(0))
    assert reads
    assert max(sizes) <= 3 * 7 + 4  # and what is left over of the group before
    assert all(stop - start <= 7 for start, stop in reads)


def refused(match, *arguments):
    with pytest.raises(InputError, match=match):
        find_sources(*arguments)


def test_lists_of_unequal_length_are_refused(chain):
    path = chain.normalization
    refused("4 shards and 3", chain.shards, chain.correlators[1:], chain.merged, path)


def test_a_shard_that_the_normalization_does_not_know_is_refused(chain, normalization):
    _, _, path = chain.of("g")
    merged = type(normalization).read(path)
    refused("q0", chain.shards, chain.correlators, merged, path)


def changed(chain, tmp_path, seed, jet_type="g", n=JETS):
    write_shard(tmp_path / "s.h5", small_jets(n, seed, jet_type), source="toy")
    return tmp_path / "s.h5"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"seed": 1, "n": JETS - 1}, "n_jets"),
        ({"seed": 1, "jet_type": "t"}, "jet_type"),
        ({"seed": 9}, "pair"),
    ],
    ids=["number", "type", "other jets"],
)
def test_a_shard_that_is_not_of_its_correlators_is_refused(chain, tmp_path, options, match):
    shards = [changed(chain, tmp_path, **options), *chain.shards[1:]]
    refused(match, shards, chain.correlators, chain.merged, chain.normalization)


def test_lists_in_different_orders_are_refused(chain):
    shards = [chain.shards[i] for i in (1, 0, 2, 3)]
    refused("pair", shards, chain.correlators, chain.merged, chain.normalization)


def test_correlators_with_other_settings_are_refused(chain, tmp_path):
    settings = resolve_section("correlators", {**CORRELATORS, "bins": 21})
    compute_correlators(chain.shards[0], tmp_path / "c.h5", settings)
    files = [tmp_path / "c.h5", *chain.correlators[1:]]
    refused("settings", chain.shards, files, chain.merged, chain.normalization)


def test_a_shard_without_a_type_is_refused(chain, tmp_path):
    shutil.copyfile(chain.shards[0], tmp_path / "s.h5")
    shutil.copyfile(chain.correlators[0], tmp_path / "c.h5")
    for path, name in ((tmp_path / "s.h5", None), (tmp_path / "c.h5", "")):
        with h5py.File(path, "r+") as file:
            del file.attrs["jet_type"]
            if name is not None:
                file.attrs["jet_type"] = name
    refused(
        "no jet type", [tmp_path / "s.h5"], [tmp_path / "c.h5"], chain.merged, chain.normalization
    )


def test_files_of_another_kind_are_refused(chain):
    path, merged = chain.normalization, chain.merged
    refused("kind", chain.shards[:1], chain.shards[:1], merged, path)
    refused("particle_features", chain.correlators[:1], chain.correlators[:1], merged, path)

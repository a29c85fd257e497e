import dataclasses
import gc
import shutil
import tracemalloc
from itertools import islice

import h5py
import numpy as np
import psutil
import pytest
import torch

from hypervae.config import SplitConfig, resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.data.split import SPLITS, split_of
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from hypervae.normalization.sources import Source, find_sources
from tests.unit.chain import CORRELATORS, JETS, SPLIT, small_jets
from tests.unit.training.children import grandchildren

# Four windows of three blocks each, which no size of a batch divides.
SMALL = {"block_rows": 23, "window_blocks": 3}
small_blocks = pytest.mark.parametrize("blocks", [SMALL], indirect=True, ids=["many windows"])
any_blocks = pytest.mark.parametrize(
    "blocks", [{}, SMALL], indirect=True, ids=["one window", "many windows"]
)


def keys(batches):
    """What tells the jets of an epoch apart, in their order."""
    return [key for batch in batches for key in batch.key.tolist()]


def batches_of(steps):
    """Batches that stand for jets."""
    return [
        batch
        for step in steps
        for batch, weight in zip(step.batches, step.weights, strict=True)
        if weight
    ]


def assert_same(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        for one, same in zip(batch.tensors(), other.tensors(), strict=True):
            torch.testing.assert_close(one, same, rtol=0, atol=0, equal_nan=True)


def joined(parts):
    """The tensors of all batches as one, padded to the tokens of the widest."""
    if parts[0].ndim == 1:
        return torch.cat(parts)
    width = max(part.shape[1] for part in parts)
    return torch.cat(
        [
            torch.cat([part, part.new_zeros(len(part), width - part.shape[1], *part.shape[2:])], 1)
            for part in parts
        ]
    )


def expected_jets(chain, split):
    for path in chain.shards:
        with ShardReader(path) as reader:
            jets = reader.read()
        yield jets[split_of(jets, SplitConfig.of(SPLIT)) == SPLITS[split]]


@any_blocks
@pytest.mark.parametrize("split", SPLITS)
def test_every_jet_of_the_split_once_an_epoch(chain, make_loader, split):
    loader = make_loader(split)
    batches = list(loader.batches(0, batch_size=16))
    assert [len(batch) for batch in batches[:-1]] == [16] * (len(batches) - 1)
    found = keys(batches)
    assert len(found) == len(set(found)) == loader.n_jets
    expected = np.concatenate([jets.particle_features for jets in expected_jets(chain, split)])
    assert loader.n_jets == len(expected)
    coordinates = joined([batch.coordinates for batch in batches]).flatten(1).numpy()
    wanted = expected[..., :3].reshape(len(expected), -1)
    np.testing.assert_array_equal(np.sort(coordinates, axis=0), np.sort(wanted, axis=0))
    # in all splits together each jet stands once
    whole = [key for name in SPLITS for key in keys(make_loader(name).batches(0, batch_size=50))]
    assert len(set(whole)) == len(whole) == len(chain.shards) * JETS


@any_blocks
def test_order_depends_on_seed_and_epoch_alone(make_loader):
    def order(loader, epoch):
        return joined([batch.momenta for batch in loader.batches(epoch, batch_size=16)])[
            :, 0
        ].tolist()

    first = order(make_loader(), 0)
    loader = make_loader()
    order(loader, 1)
    assert order(loader, 0) == first
    for other in (order(make_loader(), 1), order(make_loader(seed=2), 0)):
        assert other != first
        assert sorted(other) == sorted(first)


@any_blocks
@pytest.mark.parametrize(
    ("jets_per_step", "batch_size", "world"),
    [(16, 16, 1), (16, 8, 1), (16, 8, 2), (16, 3, 1), (16, 3, 3), (7, 100, 2), (500, 32, 1)],
)
def test_steps_have_the_same_jets_however_they_are_cut(
    make_loader, jets_per_step, batch_size, world
):
    whole = list(make_loader().batches(3, batch_size=1000))
    order = keys(whole)
    ranks = [
        list(
            make_loader().steps(
                3, jets_per_step=jets_per_step, batch_size=batch_size, rank=rank, world=world
            )
        )
        for rank in range(world)
    ]
    starts = range(0, len(order), jets_per_step)
    assert all(len(steps) == len(starts) for steps in ranks)
    for start, *steps in zip(starts, *ranks, strict=True):
        wanted = order[start : start + jets_per_step]
        assert keys(batches_of(steps)) == wanted
        assert {step.jets for step in steps} == {len(wanted)}
        sizes = [sum(step.weights) for step in steps]
        assert max(sizes) - min(sizes) <= 1
        for step in steps:
            assert all(len(batch) <= batch_size for batch in step.batches)
            if sum(step.weights):
                assert step.weights == [len(batch) for batch in step.batches]
    # and the same features
    parts = batches_of(step for steps in zip(*ranks, strict=True) for step in steps)
    together, at_once = (
        [joined(tensors) for tensors in zip(*(batch.tensors() for batch in some), strict=True)]
        for some in (parts, whole)
    )
    for one, other in zip(together, at_once, strict=True):
        assert torch.equal(one, other)


def test_a_process_without_jets_gets_a_stand_in(make_loader):
    size = make_loader().n_jets - 3  # leaves 3 jets to the last step
    order = keys(make_loader().batches(0, batch_size=1000))
    last = [
        list(make_loader().steps(0, jets_per_step=size, batch_size=1000, rank=rank, world=5))[-1]
        for rank in range(5)
    ]
    assert sorted(sum(step.weights) for step in last) == [0, 0, 1, 1, 1]
    assert [key for step in last if sum(step.weights) for key in keys(step.batches)] == order[-3:]
    for step in last:
        assert step.jets == 3
        if not sum(step.weights):
            assert step.weights == [0]
            assert keys(step.batches) == [order[-3]]


@any_blocks
def test_jets_of_all_shards_and_types_mix(make_loader):
    loader = make_loader()
    kinds = [set(batch.jet_type.tolist()) for batch in loader.batches(0, batch_size=16)]
    assert {0, 1} in kinds


def test_without_shuffling_the_order_is_that_of_the_files(chain, make_loader):
    (batch,) = make_loader("validation").batches(0, batch_size=1000, shuffle=False)
    expected = np.concatenate(
        [jets.particle_features for jets in expected_jets(chain, "validation")]
    )
    np.testing.assert_array_equal(batch.coordinates, expected[..., :3])


@any_blocks
@pytest.mark.parametrize("first", [0, 1, 4, 100])
def test_an_epoch_is_taken_up_where_it_was_left(make_loader, first):
    sizes = {"jets_per_step": 16, "batch_size": 6}
    whole = list(make_loader().steps(3, **sizes))
    rest = list(make_loader().steps(3, first_step=first, **sizes))
    assert [step.weights for step in rest] == [step.weights for step in whole[first:]]
    assert_same(batches_of(rest), batches_of(whole[first:]))


@small_blocks
def test_what_lies_before_the_first_step_is_not_read(make_loader, reads):
    loader = make_loader()
    sizes = {"jets_per_step": 16, "batch_size": 16}
    steps = -(-loader.n_jets // 16)
    found = {}
    for first in (0, steps // 2, steps - 1, steps):
        reads.clear()
        list(loader.steps(0, first_step=first, **sizes))
        found[first] = len(reads)
    # in four windows; the middle step begins in the second
    assert found == {0: 12, steps // 2: 9, steps - 1: 3, steps: 0}


@small_blocks
def test_at_most_a_window_is_read_ahead(make_loader, reads):
    batches = make_loader().batches(0, batch_size=5)
    reads.clear()
    next(batches)
    assert len(reads) == 3
    assert all(stop - start <= 23 for _, start, stop in reads)
    list(batches)
    assert len(set(reads)) == len(reads) == 12


@pytest.mark.parametrize("blocks", [{"block_rows": 250, "window_blocks": 4}], indirect=True)
def test_memory_does_not_grow_with_the_jets(chain, make_loader, tmp_path):
    write_shard(tmp_path / "s.h5", small_jets(2000), source="toy")
    settings = resolve_section("correlators", CORRELATORS)
    compute_correlators(tmp_path / "s.h5", tmp_path / "c.h5", settings)
    source = Source(tmp_path / "s.h5", tmp_path / "c.h5", "g", 2000)

    def peak(copies):
        tracemalloc.start()
        loader = make_loader(sources=[source] * copies)
        jets = sum(map(len, loader.batches(0, batch_size=250)))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert jets == loader.n_jets > 1000 * copies
        return found

    peak(1)  # what is kept from now on: compiled code, caches
    assert peak(20) < 1.3 * peak(2)


@any_blocks
def test_types_keep_their_index(chain, make_loader):
    heavy = {}
    for path, jet_type in zip(chain.shards, "ggqq", strict=True):
        with ShardReader(path) as reader:
            jets = reader.read()
        for row in jets.particle_features[:, :2, :3]:
            heavy[tuple(np.round(row.flatten().astype(float), 6))] = jet_type
    for batch in make_loader(encoder="mlp").batches(0, batch_size=16):
        for row, kind in zip(batch.coordinates, batch.jet_type.tolist(), strict=True):
            key = tuple(np.round(row[:2].flatten().tolist(), 6))
            assert "qg"[kind] == heavy[key]


@any_blocks
def test_the_first_jets_of_each_type(chain, make_loader):
    expected = dict(zip("gGqQ", expected_jets(chain, "validation"), strict=True))
    found = make_loader("validation").jets(21)
    assert list(found) == ["q", "g"]
    for jet_type, n in (("q", 11), ("g", 10)):
        jets = [expected[jet_type], expected[jet_type.upper()]]
        wanted = np.concatenate([part.particle_features for part in jets])[:n]
        np.testing.assert_array_equal(found[jet_type].particle_features, wanted)
        assert found[jet_type].jet_type == jet_type
    assert list(make_loader("validation").jets(1)) == ["q"]
    everything = make_loader("validation").jets(10_000)
    assert sum(map(len, everything.values())) == make_loader("validation").n_jets


def test_jets_are_counted_without_reading_them(chain, make_loader, monkeypatch):
    expected = {split: sum(map(len, expected_jets(chain, split))) for split in SPLITS}
    sources = find_sources(chain.shards, chain.correlators, chain.merged, chain.normalization)
    monkeypatch.setattr(ShardReader, "read", None)
    assert {split: make_loader(split, sources=sources).n_jets for split in SPLITS} == expected


def test_the_files_own_splits_are_counted(chain, make_loader, tmp_path):
    jets = small_jets(50)
    jets.split = np.array([0] * 30 + [1] * 15 + [2] * 5, dtype=np.uint8)
    write_shard(tmp_path / "s.h5", jets, source="toy")
    source = Source(tmp_path / "s.h5", chain.correlators[0], "g", 50)
    for split, n in (("train", 30), ("validation", 15), ("test", 5)):
        loader = make_loader(split, sources=[source])
        assert loader.n_jets == sum(map(len, loader.jets(100).values())) == n


def test_a_split_without_jets_has_no_batches(chain, make_loader, tmp_path):
    jets = small_jets(50)
    jets.split = np.zeros(50, dtype=np.uint8)
    write_shard(tmp_path / "s.h5", jets, source="toy")
    loader = make_loader("test", sources=[Source(tmp_path / "s.h5", chain.correlators[0], "g", 50)])
    assert loader.n_jets == 0
    assert list(loader.batches(0, batch_size=4)) == []
    assert loader.jets(10) == {}


def copies(chain, tmp_path):
    """Sources that a test may change."""
    sources = find_sources(chain.shards, chain.correlators, chain.merged, chain.normalization)
    shutil.copyfile(sources[0].shard, tmp_path / "s.h5")
    shutil.copyfile(sources[0].correlators, tmp_path / "c.h5")
    changed = dataclasses.replace(
        sources[0], shard=tmp_path / "s.h5", correlators=tmp_path / "c.h5"
    )
    return [changed, *sources[1:]]


def shorten(tmp_path):
    write_shard(tmp_path / "s.h5", small_jets(JETS - 1, 1, "g"), source="toy")


def move_jets(tmp_path):
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        file["split"] = np.zeros(JETS, dtype=np.uint8)


def shorten_correlators(tmp_path):
    shorten(tmp_path)
    settings = resolve_section("correlators", CORRELATORS)
    compute_correlators(tmp_path / "s.h5", tmp_path / "c.h5", settings)
    write_shard(tmp_path / "s.h5", small_jets(JETS, 1, "g"), source="toy")


@pytest.mark.parametrize(
    ("change", "match", "workers"),
    [
        (shorten, "s.h5: n_jets: found 59 jets, expected 60", 0),
        (shorten, "s.h5: n_jets: found 59 jets, expected 60", 1),
        (move_jets, "s.h5: n_jets: found 60 train jets", 0),
        (shorten_correlators, "c.h5: n_jets: found 59, expected 60", 0),
    ],
)
def test_files_that_change_under_way_are_refused(
    chain, make_loader, tmp_path, change, match, workers
):
    # closed: the traceback would keep the loader, and its worker, into the tests that count workers
    with make_loader(sources=copies(chain, tmp_path), workers=workers) as loader:
        change(tmp_path)
        with pytest.raises(InputError, match=match) as caught:
            list(loader.batches(0, batch_size=16))
    assert caught.value.field == "n_jets"


@small_blocks
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # of more workers than cores
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing(make_loader, workers):
    before = torch.get_rng_state()
    sizes = {"jets_per_step": 40, "batch_size": 13}
    calls = [
        {"epoch": 0, **sizes},
        {"epoch": 1, **sizes},
        {"epoch": 2, **sizes},
        {"epoch": 1, **sizes, "first_step": 2},
        {"epoch": 1, "jets_per_step": 60, "batch_size": 32},
        {"epoch": 0, **sizes, "shuffle": False, "rank": 1, "world": 2},
    ]
    with make_loader(workers=workers) as loader:
        for left, call in enumerate(calls):
            alone, helped = list(make_loader().steps(**call)), list(loader.steps(**call))
            assert len(alone) > 1
            assert [(step.jets, step.weights) for step in helped] == [
                (step.jets, step.weights) for step in alone
            ]
            assert_same(batches_of(helped), batches_of(alone))
            # an epoch that is left after so many steps changes nothing for the next call
            list(islice(loader.steps(7, **sizes), left % 3))
    assert torch.equal(torch.get_rng_state(), before)


def worker_processes(others=()):
    """Children of the server that forks workers, without some that were there before."""
    return [process for process in grandchildren() if process not in others]


def test_workers_are_kept_until_the_loader_is_closed(make_loader):
    others = worker_processes()
    with make_loader(workers=2) as loader:
        loader.close()
        list(loader.batches(0, batch_size=16))
        workers = worker_processes(others)
        assert len(workers) == 2
        list(loader.batches(1, batch_size=16))
        assert worker_processes(others) == workers
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    loader.close()
    with make_loader() as alone:
        list(alone.batches(0, batch_size=16))
    alone.close()


def test_workers_end_with_the_loader(make_loader):
    others = worker_processes()
    loader = make_loader(workers=1)
    next(loader.batches(0, batch_size=16))
    workers = worker_processes(others)
    assert len(workers) == 1
    gc.disable()  # no cycle keeps them
    try:
        del loader
        assert psutil.wait_procs(workers, timeout=20)[1] == []
    finally:
        gc.enable()

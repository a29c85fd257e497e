"""From a shard to a correlator file and back."""

import os

import h5py
import numpy as np
import pytest

from hypervae.config import resolve_section
from hypervae.correlators import compute, geometry
from hypervae.correlators.binning import Binning
from hypervae.data.jets import Jets
from hypervae.data.split import split_of
from hypervae.errors import InputError
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets

CONFIG = resolve_section("correlators", {"bins": 50})


def make_shard(path, jets):
    write_shard(path, jets, source="toys")
    return path


def assert_same(one, two, rtol=1e-12):
    assert one.n_jets == two.n_jets
    for name in ("enc", "enc_squares", "enc_cross", "pairs", "sets", "multiplicity"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=rtol, atol=1e-15)
    assert one.moments.keys() == two.moments.keys()
    for name, moments in one.moments.items():
        there = two.moments[name].to_array()
        np.testing.assert_allclose(moments.to_array(), there, rtol=rtol, atol=1e-9)


@pytest.fixture
def computed(tmp_path):
    jets = toy_jets(80)
    compute.compute_correlators(
        make_shard(tmp_path / "shard.h5", jets), tmp_path / "out.h5", CONFIG
    )
    return jets, tmp_path / "out.h5"


def test_the_file_gives_back_what_was_computed(computed):
    jets, path = computed
    pair_bins = geometry.pair_bins(jets, Binning.of(CONFIG))
    with CorrelatorReader(path) as reader:
        assert (reader.n_jets, reader.max_particles, reader.jet_type) == (80, 30, "g")
        assert reader.settings == CONFIG
        np.testing.assert_array_equal(reader.edges, Binning.of(CONFIG).edges)
        np.testing.assert_array_equal(reader.pair_bins(), pair_bins)
        np.testing.assert_array_equal(reader.pair_bins(7, 9), pair_bins[7:9])
        assert reader.pair_bins().dtype == np.uint8
        assert_same(reader.sums("all"), compute.jet_sums(jets, pair_bins, CONFIG))


def test_training_sums_hold_each_training_jet_once(computed):
    jets, path = computed
    train = split_of(jets, CONFIG.split) == 0
    assert 0 < train.sum() < len(jets)
    pair_bins = geometry.pair_bins(jets, Binning.of(CONFIG))
    with CorrelatorReader(path) as reader:
        assert_same(reader.sums("train"), compute.jet_sums(jets[train], pair_bins[train], CONFIG))
        assert reader.sums("train").n_jets == train.sum()
        assert reader.sums("all").n_jets == len(jets)


def test_sums_mean_what_they_say(computed):
    jets, path = computed
    counts = jets.multiplicity
    with CorrelatorReader(path) as reader:
        sums = reader.sums("all")
    np.testing.assert_allclose(sums.enc.sum(axis=1), 80, rtol=1e-12)
    assert sums.pairs.sum() == (counts * (counts - 1) // 2).sum() == sums.moments["ln_kt"].count
    np.testing.assert_array_equal(sums.multiplicity, np.bincount(counts, minlength=31))
    assert sums.sets[1].sum() == sums.moments["ln_w4"].count
    particles = jets.particle_features[jets.mask].astype(float)
    assert sums.moments["phirel"].mean == pytest.approx(particles[:, 1].mean(), abs=1e-12)
    assert sums.moments["ln_ptrel"].width == pytest.approx(np.log(particles[:, 2]).std())
    assert sums.moments["ln_mass"].mean == pytest.approx(np.log(jets.jet_features[:, 2]).mean())


def test_how_many_jets_are_in_memory_changes_nothing(computed, tmp_path, monkeypatch):
    _, path = computed
    monkeypatch.setattr(compute, "PAIRS_AT_ONCE", 435 * 7)
    compute.compute_correlators(tmp_path / "shard.h5", tmp_path / "small.h5", CONFIG)
    with CorrelatorReader(path) as one, CorrelatorReader(tmp_path / "small.h5") as two:
        assert one.content == two.content
        np.testing.assert_array_equal(one.pair_bins(), two.pair_bins())
        for split in ("train", "all"):
            assert_same(one.sums(split), two.sums(split))


def test_a_batch_is_bounded_in_pairs(tmp_path, monkeypatch):
    """150 particles take 25 times the memory of 30, so that a batch has a 25th of the jets."""
    sizes = []
    real = compute.jet_sums
    monkeypatch.setattr(
        compute, "jet_sums", lambda jets, *a, **k: sizes.append(len(jets)) or real(jets, *a, **k)
    )
    monkeypatch.setattr(compute, "PAIRS_AT_ONCE", 10 * 150 * 149 // 2)
    shard = make_shard(tmp_path / "shard.h5", toy_jets(25, max_particles=150))
    compute.compute_correlators(shard, tmp_path / "out.h5", CONFIG)
    assert max(sizes) <= 10
    assert sum(sizes) == 25


def test_a_shard_without_training_jets_has_no_training_sums(tmp_path):
    jets = toy_jets(5)
    jets.split = np.array([1, 2, 2, 1, 2], np.uint8)
    compute.compute_correlators(make_shard(tmp_path / "s.h5", jets), tmp_path / "out.h5", CONFIG)
    with CorrelatorReader(tmp_path / "out.h5") as reader:
        assert reader.sums("train") is None
        assert reader.sums("all").n_jets == 5


@pytest.mark.parametrize("slots", [1, 2, 30])
def test_jets_of_one_particle(tmp_path, slots):
    features = np.zeros((4, slots, 4), np.float32)
    features[:, 0] = [0.1, 0, 0.9, 1]
    jet_features = np.tile(np.array([1000, 0.5, 0, 1], np.float32), (4, 1))
    jets = Jets(features, jet_features, jet_type="t")
    compute.compute_correlators(make_shard(tmp_path / "s.h5", jets), tmp_path / "out.h5", CONFIG)
    with CorrelatorReader(tmp_path / "out.h5") as reader:
        sums = reader.sums("all")
        assert reader.pair_bins().shape == (4, slots * (slots - 1) // 2)
    np.testing.assert_allclose(sums.enc[:, 0], 4, rtol=1e-12)
    assert sums.pairs.sum() == sums.sets.sum() == 0


def test_more_bins_than_a_byte_holds_are_stored_in_two(tmp_path):
    config = resolve_section("correlators", {"bins": 1000})
    jets = toy_jets(10)
    compute.compute_correlators(make_shard(tmp_path / "s.h5", jets), tmp_path / "out.h5", config)
    with CorrelatorReader(tmp_path / "out.h5") as reader:
        stored = reader.pair_bins()
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, geometry.pair_bins(jets, Binning.of(config)))


def test_a_bad_jet_leaves_nothing_behind_and_the_old_file_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(compute, "PAIRS_AT_ONCE", 435 * 5)  # so that writing has begun
    shard = make_shard(tmp_path / "shard.h5", toy_jets(20))
    with h5py.File(shard, "r+") as file:
        file["particle_features"][17, 2, 0] = np.nan
    for old in (None, b"an older result"):
        if old:
            (tmp_path / "out.h5").write_bytes(old)
        before = sorted(os.listdir(tmp_path))
        with pytest.raises(InputError, match=r"etarel.*nan at row 17, particle 2"):
            compute.compute_correlators(shard, tmp_path / "out.h5", CONFIG)
        assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "out.h5").read_bytes() == b"an older result"


def test_the_same_shard_gives_the_same_file(computed, tmp_path):
    _, path = computed
    compute.compute_correlators(tmp_path / "shard.h5", tmp_path / "again.h5", CONFIG)
    assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()


@pytest.mark.parametrize("keep", [0, 100, 0.5, -1])
def test_a_truncated_file_is_refused(computed, keep):
    _, path = computed
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match=r"out\.h5"):
        CorrelatorReader(path)


@pytest.mark.parametrize("name", ["pair_bins", "edges", "all", "train/enc", "all/moments"])
def test_a_missing_entry_is_named(computed, name):
    _, path = computed
    with h5py.File(path, "r+") as file:
        del file[name]

    def read_all():
        with CorrelatorReader(path) as reader:
            return reader.sums("train"), reader.sums("all")

    with pytest.raises(InputError, match=name.split("/")[-1]):
        read_all()


def test_a_wrong_shape_is_named(computed):
    _, path = computed
    with h5py.File(path, "r+") as file:
        del file["pair_bins"]
        file["pair_bins"] = np.zeros((80, 7), np.uint8)
    with pytest.raises(InputError, match=r"pair_bins: found shape \(80, 7\), .* \(80, 435\)"):
        CorrelatorReader(path)


def test_a_shard_is_no_correlator_file(computed, tmp_path):
    with pytest.raises(InputError, match="kind"):
        CorrelatorReader(tmp_path / "shard.h5")
    with pytest.raises(InputError, match="no such file"):
        CorrelatorReader(tmp_path / "nowhere.h5")

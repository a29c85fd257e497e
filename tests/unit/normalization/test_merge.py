"""One shard or many: the same numbers, and those of a single pass over all features."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypervae.config import NormalizationConfig, resolve_section
from hypervae.correlators import compute, features, geometry, kernel, sets
from hypervae.correlators.binning import Binning
from hypervae.data.split import split_of
from hypervae.errors import InputError
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.normalization.merge import merge_normalization
from hypervae.normalization.tables import correlator_tables
from tests.unit.toys import toy_jets

# Few bins and a narrow range: some bins are empty, some pairs lie outside.
CONFIG = resolve_section(
    "correlators",
    {"bins": 60, "range": [5e-3, 0.4], "hyperedges": {"orders": [3, 4], "max_particles": 9}},
)
COUNT = 40


def population(count=COUNT):
    jets = toy_jets(count, max_particles=14)
    jets.event_id = np.arange(count)
    return jets


def correlator_file(path, jets, config=CONFIG):
    shard = path.with_suffix(".shard.h5")
    write_shard(shard, jets, source="toys")
    compute.compute_correlators(shard, path, config)
    return path


def merged(path, files, method="zscore"):
    merge_normalization(files, path, NormalizationConfig(method=method))
    return read_normalization(path)


def single_pass(jets):
    """Mean, width, low and high of every feature of the training jets, in plain NumPy."""
    jets = jets[split_of(jets, CONFIG.split) == 0]
    binning = Binning.of(CONFIG)
    codes, counts = geometry.pair_bins(jets, binning), jets.multiplicity
    weight = geometry.weights(jets)
    orders = CONFIG.orders
    total, _, _ = kernel.correlate(weight, counts, codes, orders, binning.size)
    enc = dict(zip(orders, total[0], strict=True))
    ln_e2c, ln_ratio = correlator_tables(enc, len(jets), [3, 4])

    present = geometry.pair_indices(14)[1] < counts[:, None]
    edge = [ln_e2c[codes[present]], *features.pair_features(jets)[present].T]
    hyperedges = []
    for jet in range(len(jets)):
        for order in (3, 4):
            members = sets.set_members(min(counts[jet], 9), order)
            bins = sets.set_bins(codes[jet], min(counts[jet], 9), order)
            ln_w = np.log(weight[jet][members]).sum(axis=1)
            hyperedges.append(np.vstack([ln_ratio[:, bins], ln_w]))
    particles = jets.particle_features[jets.mask].astype(np.float64)
    particles[:, 2] = np.log(particles[:, 2])
    pt = (jets.particle_features[..., 2] * jets.jet_features[:, None, 0])[jets.mask]
    columns = {
        "edge": edge,
        "hyperedge": np.hstack(hyperedges),
        "jet": features.jet_targets(jets).T,
        "particle": particles[:, :3].T,
    }
    stats = {
        name: np.array([[x.mean(), x.std(), x.min(), x.max()] for x in rows])
        for name, rows in columns.items()
    }
    return jets, stats, ln_e2c, ln_ratio, np.sqrt((pt.astype(np.float64) ** 2).mean())


@given(st.lists(st.integers(0, 4), min_size=COUNT, max_size=COUNT), st.integers(0, 2**31))
@settings(max_examples=12)
def test_any_partition_gives_the_numbers_of_a_single_pass(owners, seed):
    order = np.random.default_rng(seed).permutation(COUNT)
    jets = population()[order]
    wanted_jets, stats, ln_e2c, ln_ratio, scale = single_pass(population())
    with tempfile.TemporaryDirectory() as folder:
        files = [
            correlator_file(Path(folder) / f"{owner}.h5", jets[np.array(owners) == owner])
            for owner in set(owners)
        ]
        found = {
            method: merged(Path(folder) / f"{method}.h5", files, method)
            for method in ("zscore", "minmax")
        }
    zscore, minmax = found["zscore"], found["minmax"]
    np.testing.assert_allclose(zscore.ln_e2c, ln_e2c, rtol=0, atol=1e-12)
    np.testing.assert_allclose(zscore.ln_ratio, ln_ratio, rtol=0, atol=1e-12)
    for name, values in stats.items():
        mean, width, low, high = values.T
        precision = 1e-12 * width
        for got, wanted in (
            (getattr(zscore, name).offset, mean),
            (getattr(zscore, name).scale, width),
            (getattr(minmax, name).offset, low),
            (getattr(minmax, name).scale, high - low),
        ):
            assert np.all(np.abs(got - wanted) <= precision), (name, got, wanted)
    assert zscore.momentum_scale == pytest.approx(scale, rel=1e-7)  # pt is a float32
    assert zscore.n_jets == len(wanted_jets)
    counts = np.bincount(wanted_jets.multiplicity, minlength=15)
    np.testing.assert_array_equal(zscore.multiplicity, counts)


def test_names_and_order_of_the_files_change_nothing(tmp_path):
    jets = population()
    files = [correlator_file(tmp_path / f"{k}.h5", jets[k : k + 10]) for k in range(0, COUNT, 10)]
    merged(tmp_path / "one.h5", files)
    renamed = [Path(shutil.copy(file, tmp_path / f"{9 - k}.h5")) for k, file in enumerate(files)]
    merged(tmp_path / "two.h5", [renamed[k] for k in (2, 0, 3, 1)])
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_only_training_jets_count(tmp_path):
    jets = population()
    jets.split = (np.arange(COUNT) % 3).astype(np.uint8)
    everything = merged(tmp_path / "a.h5", [correlator_file(tmp_path / "1.h5", jets)])
    training = merged(
        tmp_path / "b.h5", [correlator_file(tmp_path / "2.h5", jets[jets.split == 0])]
    )
    assert everything.n_jets == training.n_jets == (jets.split == 0).sum()
    np.testing.assert_array_equal(everything.edge.scale, training.edge.scale)
    np.testing.assert_array_equal(everything.ln_e2c, training.ln_e2c)


def test_what_the_file_says_of_itself(tmp_path):
    files = [
        correlator_file(tmp_path / f"{kind}.h5", toy_jets(10, jet_type=kind, max_particles=14))
        for kind in ("t", "g")
    ]
    found = merged(tmp_path / "n.h5", files)
    assert found.jet_types == ("g", "t")
    assert found.settings == CONFIG
    assert found.hyperedge_orders == [3, 4]
    assert found.binning == Binning.of(CONFIG)
    assert found.max_particles == 14
    assert found.edge.names == features.EDGE_FEATURES
    assert found.hyperedge.names == features.hyperedge_features([3, 4])
    assert len(found.contents) == 2


def test_the_digest_tells_other_jets(tmp_path):
    jets = population()
    one = merged(tmp_path / "1n.h5", [correlator_file(tmp_path / "1.h5", jets)])
    two = merged(tmp_path / "2n.h5", [correlator_file(tmp_path / "2.h5", jets[1:])])
    assert one.digest != two.digest


@pytest.mark.parametrize(
    "other",
    [{"bins": 61}, {"exponent": 2}, {"split": {"seed": 9}}, {"hyperedges": {"orders": [3]}}],
)
def test_other_settings_are_refused(tmp_path, other):
    jets = population()
    section = CONFIG.replace(**other)
    files = [
        correlator_file(tmp_path / "a.h5", jets[:20]),
        correlator_file(tmp_path / "b.h5", jets[20:], resolve_section("correlators", section)),
    ]
    with pytest.raises(InputError, match=r"b\.h5: settings: .*a\.h5"):
        merge_normalization(files, tmp_path / "n.h5", NormalizationConfig())
    assert not (tmp_path / "n.h5").exists()


def test_another_number_of_particles_is_refused(tmp_path):
    files = [
        correlator_file(tmp_path / "a.h5", population()),
        correlator_file(tmp_path / "b.h5", toy_jets(5, max_particles=20)),
    ]
    with pytest.raises(InputError, match="max_particles: found 20, expected 14"):
        merge_normalization(files, tmp_path / "n.h5", NormalizationConfig())


def test_the_same_jets_twice_are_refused(tmp_path):
    file = correlator_file(tmp_path / "a.h5", population())
    copy = Path(shutil.copy(file, tmp_path / "b.h5"))
    with pytest.raises(InputError, match=r"b\.h5: jets: found the same jets as .*a\.h5"):
        merge_normalization([file, copy], tmp_path / "n.h5", NormalizationConfig())


def test_without_a_training_jet_there_is_no_normalization(tmp_path):
    jets = population()
    jets.split = np.full(COUNT, 2, np.uint8)
    file = correlator_file(tmp_path / "a.h5", jets)
    with pytest.raises(InputError, match="no training jet"):
        merge_normalization([file], tmp_path / "n.h5", NormalizationConfig())
    with pytest.raises(InputError, match="no correlator files"):
        merge_normalization([], tmp_path / "n.h5", NormalizationConfig())


def test_training_jets_in_some_shards_suffice(tmp_path):
    jets = population()
    jets.split = np.repeat([0, 2], COUNT // 2).astype(np.uint8)
    files = [
        correlator_file(tmp_path / "a.h5", jets[: COUNT // 2]),
        correlator_file(tmp_path / "b.h5", jets[COUNT // 2 :]),
    ]
    assert merged(tmp_path / "n.h5", files).n_jets == COUNT // 2


def test_single_particles_scale_by_one(tmp_path):
    jets = toy_jets(4, max_particles=14)
    jets.particle_features[:, 1:] = 0
    found = merged(tmp_path / "n.h5", [correlator_file(tmp_path / "a.h5", jets)])
    np.testing.assert_array_equal(found.edge.scale, 1)
    np.testing.assert_array_equal(found.hyperedge.scale, 1)
    assert np.all(np.isfinite(found.ln_e2c))
    assert np.all(np.isfinite(found.jet.forward(features.jet_targets(jets))))


def test_another_file_is_no_normalization(tmp_path):
    file = correlator_file(tmp_path / "a.h5", population())
    with pytest.raises(InputError, match="kind: found 'correlators', expected 'normalization'"):
        read_normalization(file)

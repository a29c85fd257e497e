import h5py
import numpy as np
import pytest

from hypervae.config import SplitConfig
from hypervae.data.jet_checks import check_jets
from hypervae.data.jets import Jets
from hypervae.errors import InputError
from hypervae.evaluation.inputs import (
    RealJets,
    broken_jets,
    check_particles,
    read_generated,
    read_real,
)
from tests.unit.toys import toy_jets

SPLIT = SplitConfig(seed=1, fractions=(0.6, 0.1, 0.3))


@pytest.fixture
def shard(tmp_path):
    """Write jets as a shard; without checks, so that broken ones get through."""

    def write(jets, name="jets.h5", **attributes):
        with h5py.File(tmp_path / name, "w") as file:
            file["particle_features"] = jets.particle_features
            file["jet_features"] = jets.jet_features
            for column in ("split", "event_id"):
                if getattr(jets, column) is not None:
                    file[column] = getattr(jets, column)
            file.attrs.update({"jet_type": jets.jet_type, **attributes})
        return tmp_path / name

    return write


def breaking(name):
    """How to break row 3 of some jets."""
    return {
        "NaN particle": lambda p, j: p.__setitem__((3, 0, 0), np.nan),
        "infinite jet pt": lambda p, j: j.__setitem__((3, 0), np.inf),
        "negative ptrel": lambda p, j: p.__setitem__((3, 0, 2), -0.1),
        "mask of 0.5": lambda p, j: p.__setitem__((3, 0, 3), 0.5),
        "pT without a mask": lambda p, j: p.__setitem__((3, 0, 3), 0),
        "no pT": lambda p, j: p.__setitem__((3, 0, 2), 0),
        "no particles": lambda p, j: p.__setitem__(3, 0),
        "negative jet pt": lambda p, j: j.__setitem__((3, 0), -5),
        "negative mass": lambda p, j: j.__setitem__((3, 2), -50),
    }[name]


BREAKS = {
    "NaN particle": "non_finite",
    "infinite jet pt": "non_finite",
    "negative ptrel": "unphysical",
    "mask of 0.5": "unphysical",
    "pT without a mask": "unphysical",
    "no pT": "unphysical",
    "no particles": "unphysical",
    "negative jet pt": "unphysical",
    "negative mass": "unphysical",
}


@pytest.mark.parametrize(("fault", "reason"), BREAKS.items())
def test_broken_generated_jets_are_counted_and_left_out(shard, fault, reason):
    jets = toy_jets(10)
    breaking(fault)(jets.particle_features, jets.jet_features)
    # What counts as broken is what the check of every other jet refuses.
    with pytest.raises(InputError):
        check_jets(jets, "jets")
    found = read_generated(shard(jets), None, 100)
    assert found.read == 10
    assert found.broken == {"non_finite": 0, "unphysical": 0} | {reason: 1}
    np.testing.assert_array_equal(found.jets.jet_features, np.delete(jets.jet_features, 3, axis=0))


@pytest.mark.parametrize(("column", "value"), [(0, 800.0), (0, -1e30), (2, 1e20), (1, -1e5)])
def test_jets_beyond_all_reason_are_left_out(shard, column, value):
    # Finite; but their sums overflow.
    jets = toy_jets(10)
    if column == 1:
        jets.jet_features[3, 1] = value
    else:
        jets.particle_features[3, 0, column] = value
    with pytest.raises(InputError, match="row 3"):
        check_jets(jets, "jets")
    found = read_generated(shard(jets), None, 100)
    assert found.broken == {"non_finite": 0, "unphysical": 1}


def test_good_jets_are_not_broken():
    assert not any(rows.any() for rows in broken_jets(toy_jets(50)).values())


def test_all_broken_is_an_error_with_the_count(shard):
    jets = toy_jets(5)
    jets.particle_features[:4, 0, 1] = np.nan
    with pytest.raises(InputError, match=r"4 non_finite, 0 unphysical.*1 to compare"):
        read_generated(shard(jets), None, 100)


def test_generated_jets_are_sorted_and_limited_and_name_their_model(shard):
    jets = toy_jets(10)
    jets.particle_features[0, :2] = jets.particle_features[0, 1::-1].copy()
    found = read_generated(shard(jets, settings='{"model": "gluon"}'), None, 4)
    assert (len(found.jets), found.read, found.model) == (4, 4, "gluon")
    assert (np.diff(found.jets.particle_features[..., 2]) <= 0).all()


def test_no_jets_at_all(shard):
    with pytest.raises(InputError, match="expected at least one jet"):
        read_generated(shard(toy_jets(5)[:0]), None, 10)
    with pytest.raises(InputError, match="expected at least one jet"):
        read_real([shard(toy_jets(5)[:0])], "g", SPLIT, 10)


def test_single_jet_and_unknown_type(shard, tmp_path):
    with pytest.raises(InputError, match="at least 2"):
        read_generated(shard(toy_jets(1)), None, 10)
    bare = shard(toy_jets(5), "bare.h5")
    with h5py.File(bare, "a") as file:
        del file.attrs["jet_type"]
    with pytest.raises(InputError, match="--jet-type"):
        read_generated(bare, None, 10)
    assert read_generated(bare, "g", 10).jets.jet_type == "g"


def test_real_jets_by_split_from_many_shards(shard):
    batches = []
    for seed in (1, 2):
        jets = toy_jets(30, seed)
        jets.split = np.repeat(np.array([0, 1, 2], dtype=np.uint8), 10)
        batches.append(jets)
    files = [shard(jets, f"{number}.h5") for number, jets in enumerate(batches)]
    found = read_real(files, "g", SPLIT, 1000)
    for jets, part in ((found.train, slice(0, 10)), (found.test, slice(20, 30))):
        expected = np.concatenate([batch.jet_features[part] for batch in batches])
        np.testing.assert_array_equal(jets.jet_features, expected)
    assert len(read_real(files, "g", SPLIT, 13).test) == 13


def test_samples_do_not_share_jets(shard):
    file = shard(toy_jets(300))
    found = read_real([file], "g", SPLIT, 1000)
    test, train = (set(map(tuple, jets.jet_features)) for jets in (found.test, found.train))
    assert len(test) > 60
    assert len(train) > 150
    assert not test & train


def test_real_jets_with_nan_or_without_held_out_ones_are_refused(shard):
    jets = toy_jets(30)
    jets.split = np.zeros(30, dtype=np.uint8)
    with pytest.raises(InputError, match="test jets: found 0 to compare"):
        read_real([shard(jets)], "g", SPLIT, 1000)
    jets = toy_jets(30)
    jets.particle_features[3, 0, 0] = np.nan
    with pytest.raises(InputError, match=r"etarel.*nan at row 3"):
        read_real([shard(jets)], "g", SPLIT, 1000)
    with pytest.raises(InputError, match="jet_type"):
        read_real([shard(toy_jets(30, jet_type="q"))], "g", SPLIT, 1000)


def test_slots_matter_only_where_particles_fill_them():
    def real(jets):
        return RealJets(jets, jets, jets.particle_features.shape[1])

    full = toy_jets(20, max_particles=40, jet_type="t")
    padded = Jets(
        np.pad(toy_jets(20).particle_features, ((0, 0), (0, 10), (0, 0))), toy_jets(20).jet_features
    )
    assert full.multiplicity.max() > 30
    check_particles(toy_jets(20), real(padded))
    check_particles(padded, real(toy_jets(20)))
    with pytest.raises(InputError, match="generated jets: particles: found up to"):
        check_particles(full, real(toy_jets(20)))
    with pytest.raises(InputError, match="test jets: particles: found up to"):
        check_particles(toy_jets(20), real(full))


def test_shards_of_different_slots_are_joined(shard):
    files = [shard(toy_jets(30), "a.h5"), shard(toy_jets(30, max_particles=35), "b.h5")]
    found = read_real(files, "g", SPLIT, 1000)
    assert found.test.particle_features.shape[1:] == (35, 4)
    assert found.slots == 30


def test_held_out_jets_alone_are_cut_in_two(shard):
    jets = toy_jets(200)
    jets.event_id = np.arange(200) // 2
    jets.split = np.full(200, 2, dtype=np.uint8)
    found = read_real([shard(jets)], "g", SPLIT, 1000)
    assert found.halved
    assert len(found.test) + len(found.train) == 200
    assert min(len(found.test), len(found.train)) > 60
    assert not set(found.test.event_id) & set(found.train.event_id)
    with pytest.raises(InputError, match="real jets of a half of 2"):
        read_real([shard(jets[:2])], "g", SPLIT, 1000)

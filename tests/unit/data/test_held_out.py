"""The first test jets of each type, and what is refused."""

import numpy as np
import pytest

from hypervae.config import SplitConfig
from hypervae.data.held_out import read_held_out
from hypervae.data.jets import concatenate
from hypervae.data.split import TEST, split_of
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from tests.unit.chain import SLOTS, SPLIT, small_jets

DIVIDED = SplitConfig.of(SPLIT)


@pytest.fixture
def shards(tmp_path):
    """Two shards of each of two types, that of a type far from each other."""
    paths = []
    for shard in range(2):
        for jet_type in "gq":
            paths.append(tmp_path / f"{jet_type}{shard}.h5")
            write_shard(paths[-1], small_jets(40, shard, jet_type), source="toy")
    return paths


def held_out(shards, jet_types="gq", jets=1000, slots=SLOTS, **options):
    return read_held_out(shards, jet_types, DIVIDED, jets=jets, max_particles=slots, **options)


def all_test_jets(shards, jet_type):
    found = []
    for path in shards:
        if path.name.startswith(jet_type):
            with ShardReader(path) as reader:
                jets = reader.read()
            found.append(jets[split_of(jets, DIVIDED) == TEST])
    return concatenate(found)


@pytest.mark.parametrize("order", ["gq", "qg"])
def test_the_test_jets_of_each_type_in_the_order_of_the_types(shards, order):
    found = held_out(shards, order)
    assert list(found) == list(order)
    for jet_type, jets in found.items():
        expected = all_test_jets(shards, jet_type)
        assert jets.jet_type == jet_type
        np.testing.assert_array_equal(jets.particle_features, expected.particle_features)
        np.testing.assert_array_equal(jets.jet_features, expected.jet_features)


def test_the_first_ones_where_fewer_are_wanted(shards):
    every, first = held_out(shards), held_out(shards, jets=3)
    for jet_type, jets in first.items():
        assert len(jets) == 3
        np.testing.assert_array_equal(jets.jet_features, every[jet_type].jet_features[:3])


def test_jets_are_cut_to_the_slots(shards):
    whole, cut = held_out(shards)["g"], held_out(shards, slots=5)["g"]
    assert cut.particle_features.shape[1] == 5
    np.testing.assert_array_equal(cut.particle_features, whole.particle_features[:, :5])
    np.testing.assert_array_equal(cut.jet_features[:, 3], np.minimum(whole.multiplicity, 5))


def test_another_type_is_refused(shards):
    with pytest.raises(InputError, match=r"q0\.h5: jet_type: found 'q', expected 'g'"):
        held_out(shards, "g")
    with pytest.raises(InputError, match="jet_type: found 'g', expected one of q, t"):
        held_out(shards, "qt")


def test_too_few_test_jets_are_refused(shards):
    with pytest.raises(InputError, match="test jets of type t: found 0, expected at least 1"):
        held_out(shards, "gqt")
    count = len(held_out(shards)["q"])
    assert len(held_out(shards, fewest=count)["q"]) == count
    with pytest.raises(InputError, match=r"g0\.h5 and 3 more: test jets of type"):
        held_out(shards, fewest=1000)
    with pytest.raises(InputError, match="no shards"):
        held_out([])

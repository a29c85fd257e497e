"""Shards, their correlator files and the normalization belong together, or are refused."""

import shutil

import h5py
import pytest

from hypervae.config import resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.errors import InputError
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.normalization.sources import find_sources
from tests.unit.chain import CORRELATORS, JETS, small_jets


def refused(match, *arguments):
    with pytest.raises(InputError, match=match):
        find_sources(*arguments)


def test_lists_of_unequal_length_are_refused(chain):
    path = chain.normalization
    refused("4 shards and 3", chain.shards, chain.correlators[1:], chain.merged, path)


def test_a_shard_that_the_normalization_does_not_know_is_refused(chain, normalization):
    _, _, path = chain.of("g")
    merged = read_normalization(path)
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

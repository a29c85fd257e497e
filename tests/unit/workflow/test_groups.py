"""Shards that one job makes: which types, and patterns that name the shards of the plan."""

import re

import pytest

from hypervae.errors import ConfigError
from hypervae.workflow import Plan
from hypervae.workflow.groups import ShardGroups
from hypervae.workflow.staleness import Staleness


def plan(size, shards=200):
    types = {
        "g": {"source": "pythia", "shards": shards},
        "q": {"source": "jetnet", "shards": shards},
        "t": {"source": "files", "paths": ["t.h5"]},
    }
    data = {"jet_types": types, "shards_per_job": size}
    return Plan({"data": data, "models": {"m": {"jet_types": ["g"]}}})


@pytest.mark.parametrize("size", [1, 10, 100])
def test_groups_hold_each_shard_once(size):
    found = plan(size)
    groups = ShardGroups(found)
    for jet_type, ending in (("g", ".h5"), ("q", "-of-00200.h5")):
        blocks = [f"{at:05d}"[: 5 - (len(str(size)) - 1)] for at in range(0, 200, size)]
        assert all(re.fullmatch(groups.block, block) for block in blocks)
        files = [
            pattern.format(block=block, ending=ending)
            for block in blocks
            for pattern in groups.files("f")
        ]
        assert files == [f"f/{shard}.h5" for shard in found.shards(jet_type)]
        indices = " ".join(groups.indices(block) for block in blocks).split()
        assert [int(index) for index in indices] == list(map(found.shard_index, found.shards("g")))


def test_own_files_stay_jobs_of_their_own():
    groups = ShardGroups(plan(10))
    assert (groups.alone(), groups.together()) == ("t", "g|q")
    assert (groups.alone("pythia"), groups.together("pythia")) == ("(?!)", "g")
    alone = ShardGroups(plan(1))
    assert (alone.alone(), alone.together()) == ("g|q|t", "(?!)")


def test_the_time_limit_grows_with_the_group_up_to_a_day():
    assert ShardGroups(plan(1)).minutes(120) == 120
    assert ShardGroups(plan(10)).minutes(120) == 1200
    assert ShardGroups(plan(100)).minutes(120) == 1440


def test_numbers_of_shards_fill_groups():
    with pytest.raises(ConfigError, match=r"data\.jet_types\.g\.shards.*15.*multiple of.*10"):
        plan(10, shards=15)


def test_groups_make_correlators_stale_and_no_jets():
    one, ten = Staleness(plan(1)), Staleness(plan(10))
    for subcommand, jet_type, shard in (
        ("simulate", "g", ""), ("split", "q", ""), ("import", "t", "t"), ("correlators", "t", "t"),
    ):  # fmt: skip
        texts = [of.decides(subcommand, "", jet_type, shard) for of in (one, ten)]
        assert texts[0] == texts[1]
    assert one.decides("correlators", "", "g") != ten.decides("correlators", "", "g")

"""The benchmark of the recipe's parts: variants are what they say, and each is trained once."""

import argparse
import json

import pytest

from benchmarks import ablations, budget, quality
from benchmarks.ablations import VARIANTS, Variant
from hypervae.config import resolve_section
from hypervae.formats.shard_writer import write_shard
from tests.unit.benchmarks.test_quality import RECIPE
from tests.unit.chain import small_jets

JETS = 60


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_recipe_that_differs_from_the_default(name):
    recipe = VARIANTS[name].recipe()
    resolve_section("train", {**recipe["train"], "model": recipe["model"]})
    others = [variant for other, variant in VARIANTS.items() if other != name]
    assert VARIANTS[name] not in others


def test_changes_reach_the_sections_within():
    changed = VARIANTS["trunk full"].recipe()["model"]
    default = VARIANTS["default"].recipe()["model"]
    assert changed["hierarchical"].pop("trunk") == "lgatr"
    assert changed.pop("lgatr") == "full"
    default["hierarchical"].pop("trunk")
    default.pop("lgatr")
    assert changed == default


def test_a_variant_is_trained_once_and_rebuilds_jets(tmp_path, monkeypatch):
    for module in (ablations, quality):
        monkeypatch.setattr(module, "SHARD", JETS)
    monkeypatch.setattr(ablations, "REBUILT", 10)
    monkeypatch.setattr(budget, "WARM", 1)
    monkeypatch.setattr(budget, "TIMED", 1)
    data = tmp_path / "g"
    data.mkdir()
    for shard in range(6):
        write_shard(data / f"{shard}.h5", small_jets(JETS, seed=shard), source="test")
    options = argparse.Namespace(type="g", seed=1, cpu_seconds=0.1, shards=6)
    few = Variant(**RECIPE, jets=JETS // 2, evaluations=1, anew=True)
    found = ablations.measure(few, data, tmp_path, options)
    assert 0 < found["emd"][0] < 1
    assert found["emd"][1] > 0
    assert found["nats"] == 0  # nothing is learned beside the scaffold
    assert found["jets_seen"] > 0

    monkeypatch.delattr(ablations, "fit")
    again = Variant(**RECIPE, jets=JETS // 2, evaluations=2, anew=True)
    other = ablations.measure(again, data, tmp_path, options)
    assert other["cpu_seconds"] == found["cpu_seconds"]
    assert json.dumps(other)

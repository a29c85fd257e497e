"""Jet sources: what the workflow knows of them, from their modules alone."""

import pytest

from hypervae.config import SourceConfig, data, resolve_config
from hypervae.data.sources import registry
from hypervae.data.sources.files import shard_files
from hypervae.data.sources.interface import JetSource
from hypervae.data.sources.registry import JET_SOURCES
from hypervae.errors import ConfigError
from hypervae.workflow import Plan, plan

TOY = JetSource(lambda source: [f"toy{index}" for index in range(source.shards)])


def names(**settings):
    source = SourceConfig.of(settings)
    return list(JET_SOURCES[source.source].shard_names(source))


def test_names_of_shards():
    assert names(source="pythia", shards=2) == ["00000", "00001"]
    assert names(source="jetnet", shards=2) == ["00000-of-00002", "00001-of-00002"]
    assert names(source="files", paths=["b/my jets.h5", "a.pt"]) == ["a", "my_jets"]


@pytest.mark.parametrize("name", JET_SOURCES)
def test_names_of_shards_are_sorted_and_fit_into_paths(name):
    found = names(source=name, shards=12, paths=["c.h5", "b.h5"])
    assert list(found) == sorted(found)
    assert all(part.replace("-", "").replace("_", "").isalnum() for part in found)


def test_files_of_one_name_are_refused():
    source = SourceConfig(source="files", paths=("a/x.h5", "b/x.pt"))
    with pytest.raises(ConfigError, match=r"paths: found b/x\.pt and a/x\.h5, expected files"):
        shard_files(source)


def test_what_a_source_must_have_is_asked_for():
    config = {
        "data": {"jet_types": {"g": {"source": "files"}}},
        "models": {"m": {"jet_types": ["g"]}},
    }
    with pytest.raises(ConfigError, match=r"data\.jet_types\.g\.paths: found no paths"):
        resolve_config(config)


def test_a_registered_source_is_accepted_without_more(monkeypatch):
    for module in (registry, data, plan):
        monkeypatch.setattr(module, "JET_SOURCES", {**JET_SOURCES, "toy": TOY})
    config = {
        "data": {"jet_types": {"g": {"source": "toy", "shards": 2}}},
        "models": {"m": {"jet_types": ["g"]}},
    }
    assert Plan(config).shards("g") == ["toy0", "toy1"]


def test_an_unknown_source_is_named():
    names = ", ".join(JET_SOURCES)
    with pytest.raises(ConfigError, match=rf'source: found "herwig" .*one of {names}'):
        SourceConfig.of({"source": "herwig"})

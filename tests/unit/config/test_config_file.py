"""config/config.yaml is what a user edits: it shows every key with a comment, and its default."""

import re
from pathlib import Path

import pytest
import yaml

from hypervae.config import resolve_config

FOLDER = Path(__file__).parents[3] / "config"
DEFAULT = FOLDER / "config.yaml"


def leaves(section, path=()):
    for name, value in section.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def keys_with_lines(text):
    """Each key of a block-style YAML text with its line."""
    path = []
    for line in text.splitlines():
        found = re.match(r"( *)([A-Za-z0-9_]+):(.*)", line)
        if found:
            depth = len(found[1]) // 2
            path = [*path[:depth], found[2]]
            yield tuple(path), found[3]


@pytest.fixture(scope="module")
def text():
    return DEFAULT.read_text(encoding="utf-8")


def test_it_lists_every_key(text):
    given = yaml.safe_load(text)
    listed = {path for path, _ in leaves(given)}
    for path, _ in leaves(resolve_config(given).to_dict()):
        if path[:2] == ("data", "jet_types"):
            continue  # each source uses some of these keys
        assert path in listed, f"{'.'.join(path)} is not in {DEFAULT.name}"


def test_a_value_that_is_not_the_default_says_so(text):
    given = yaml.safe_load(text)
    bare = resolve_config(
        {"data": {"jet_types": given["data"]["jet_types"]}, "models": given["models"]}
    ).to_dict()
    defaults = dict(leaves(bare))
    lines = dict(keys_with_lines(text))
    others = 0
    for path, value in leaves(resolve_config(given).to_dict()):
        said = re.search(r"; default: (.*)$", lines.get(path, ""))
        assert (said is not None) == (value != defaults[path]), path
        if said:
            assert yaml.safe_load(said[1]) == defaults[path]
            others += 1
    assert others  # the recipe is not the plain model


def test_every_key_of_a_source_is_shown_at_least_once(text):
    for key in ("source", "shards", "jets_per_shard", "paths"):
        assert re.search(rf"^ +#? +{key}: .*#", text, flags=re.MULTILINE), key


def test_every_key_has_a_comment(text):
    """Of jet types and of models, which repeat the same keys, the first entry."""
    seen = {}
    for path, line in keys_with_lines(text):
        if path[:2] == ("data", "jet_types") and len(path) == 4:
            path = ("data", "jet_types", "*", path[3])
        if path[0] == "models" and len(path) == 3:
            path = ("models", "*", path[2])
        entry = path[:2] == ("data", "jet_types") and len(path) == 3
        if not entry and not (path[0] == "models" and len(path) == 2):
            seen.setdefault(path, line)
    sections = {("data",), ("normalization",)}  # their keys are commented one by one
    silent = [".".join(p) for p, line in seen.items() if "#" not in line and p not in sections]
    assert not silent
    assert len(seen) > 70


# sweep.yaml is read by hypervae sweep (tests/unit/sweep)
CONFIGS = sorted(file for file in FOLDER.glob("*.yaml") if file.name != "sweep.yaml")


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_each_config_of_the_project_resolves(file):
    resolve_config(yaml.safe_load(file.read_text(encoding="utf-8")))

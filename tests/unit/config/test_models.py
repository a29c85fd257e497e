import copy
import json

import pytest
import yaml
from pydantic import ValidationError

from hypervae.config import (
    STAGES,
    SourceConfig,
    WorkflowConfig,
    decisive,
    keys_of,
    resolve_config,
    resolve_section,
)
from hypervae.errors import ConfigError
from hypervae.workflow import Plan

SMALLEST = {
    "data": {"jet_types": {"g": {"source": "pythia"}}},
    "models": {"gluons": {"jet_types": ["g"]}},
}


def changed(key, value):
    config = copy.deepcopy(SMALLEST)
    section = config
    *above, last = key.split(".")
    for name in above:
        section = section.setdefault(name, {})
    section[last] = value
    return config


def test_defaults_are_filled_in_at_every_depth():
    config = resolve_config(SMALLEST)
    assert config.data.jet_types["g"] == SourceConfig(source="pythia", shards=3, jets_per_shard=800)
    assert config.correlators.orders == (2, 3, 4)
    assert config.data.simulation.pt_hat.t == (1000.0, 1010.0)
    assert config.train.loss_weights.jet_features == 1.0
    assert config.to_dict()["models"] == SMALLEST["models"]


def test_resolving_changes_no_input_and_what_it_gives_is_frozen():
    given = copy.deepcopy(SMALLEST)
    config = resolve_config(given)
    assert given == SMALLEST
    with pytest.raises(ValidationError, match="frozen"):
        config.train.epochs = 3
    config.to_dict()["correlators"]["orders"].append(9)
    assert resolve_config(given) == config


def test_a_copy_with_other_values_is_checked():
    train = resolve_section("train", {"epochs": 3})
    assert train.replace(batch_size=8).to_dict() == {**train.to_dict(), "batch_size": 8}
    with pytest.raises(ConfigError, match=r"epochs: found 0 \(integer\), expected at least 1"):
        train.replace(epochs=0)


def test_resolving_twice_changes_nothing():
    once = resolve_config(SMALLEST)
    assert resolve_config(once) == once
    assert resolve_config(once.to_dict()) == once
    assert resolve_config(yaml.safe_load(yaml.safe_dump(once.to_dict()))) == once


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        # unknown keys, at every depth
        ("foo", 1, "config: foo: unknown key, expected one of data, correlators"),
        ("correlators.bin", 1, r"correlators\.bin: unknown key.*did you mean 'bins'"),
        ("train.loss_weights.jet", 1, r"train\.loss_weights\.jet: unknown key.*particle, edge"),
        ("data.jet_types.g.shard", 1, r"data\.jet_types\.g\.shard: unknown key.*'shards'"),
        ("data.jet_types.x", {"source": "pythia"}, r"data\.jet_types\.x: .*one of g, q, t, w, z"),
        ("models.gluons.types", ["g"], r"models\.gluons\.types: unknown key.*jet_types"),
        ("train.3", 1, r"train\.3: unknown key"),
        # missing keys
        ("data.jet_types.g", {}, r"data\.jet_types\.g: required key missing: source"),
        # wrong types
        ("train.epochs", "many", r'train\.epochs: found "many" \(text\), expected integer'),
        ("train.epochs", "--3", r'train\.epochs: found "--3" \(text\), expected integer'),
        ("train.epochs", "²", r"train\.epochs: found .* \(text\), expected integer"),
        ("train.epochs", 2.5, r"train\.epochs: found 2\.5 \(number\), expected integer"),
        ("train.epochs", True, r"train\.epochs: found true \(true/false\), expected integer"),
        ("train.epochs", None, r"train\.epochs: found null \(nothing\), expected integer"),
        ("train.clip", "much", r'train\.clip: found "much" \(text\), expected number'),
        ("train.clip", False, r"train\.clip: found false \(true/false\), expected number"),
        ("train.clip", float("nan"), r"train\.clip: found .*nan.*expected number"),
        ("train.clip", float("inf"), r"train\.clip: found .*inf.*expected number"),
        ("train.clip", "nan", r"train\.clip: found .*nan.*expected number"),
        ("correlators", [1], r"correlators: found \[1\] \(list\), expected object"),
        ("correlators.orders", 2, r"correlators\.orders: found 2 \(integer\), expected array"),
        ("data.split.fractions", [0.5, "a", 0.5], r"data\.split\.fractions\.1: found \"a\""),
        # ranges
        ("correlators.bins", 0, r"correlators\.bins: found 0 \(integer\), expected at least 1"),
        ("correlators.bins", 65_001, r"correlators\.bins: .*expected at most 65000"),
        ("correlators.exponent", 0, r"correlators\.exponent: .*expected more than 0"),
        ("correlators.range", [0, 1], r"correlators\.range\.0: .*expected at least 1e-09"),
        ("correlators.range", [1], r"correlators\.range: .*expected at least 2 entries"),
        ("correlators.orders", [2, 7], r"correlators\.orders\.1: .*expected at most 6"),
        ("correlators.orders", [2, 2], r"correlators\.orders: .*expected no entry twice"),
        ("correlators.orders", [3, 4], r"correlators\.orders: .*expected 2 among them"),
        ("train.ema", 1, r"train\.ema: .*expected less than 1"),
        ("model.lgatr", "slom", r'model\.lgatr: found "slom" \(text\), expected one of slim, full'),
        ("data.jetnet.particles", 50, r"data\.jetnet\.particles: .*expected one of 30, 150"),
        ("models", {}, r"models: .*expected at least 1 entries"),
        ("models", {"a b": {"jet_types": ["g"]}}, r"models\.a b: unknown name; expected a name"),
        ("models", {"a" * 101: {"jet_types": ["g"]}}, r"models\.a+: unknown name; expected a name"),
        # between keys
        ("correlators.range", [2, 1], r"correlators\.range: .*expected low < high"),
        ("correlators.range", [1, 1], r"correlators\.range: .*expected low < high"),
        ("data.simulation.jet_pt", [9, 8], r"data\.simulation\.jet_pt: .*expected low < high"),
        ("data.simulation.pt_hat", {"q": [9, 8]}, r"data\.simulation\.pt_hat\.q: .*low < high"),
        ("data.split.fractions", [0.5, 0.5, 0.5], r"data\.split\.fractions: .*sum of 1\.5, exp"),
        ("hyperedges.orders", [5], r"hyperedges\.orders: found 5, .*correlators\.orders \[2, 3, 4"),
        (
            "models",
            {"tops": {"jet_types": ["g"]}, "Tops": {"jet_types": ["g"]}},
            r"models\.Tops: found it beside tops, expected names that differ by more than case",
        ),
        ("models.gluons.jet_types", ["q"], r"models\.gluons\.jet_types: found 'q'.*\(g\)"),
        ("data.jet_types.g.source", "files", r"data\.jet_types\.g\.paths: found no paths"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_full_key(key, value, message):
    with pytest.raises(ConfigError, match=message):
        resolve_config(changed(key, value))


def test_mistakes_without_end_are_counted():
    wrong = ["a"] * 1000
    for key in ("evaluate.metrics", "correlators.range", "model.references", "train.betas"):
        section, name = key.split(".")
        with pytest.raises(ConfigError) as caught:
            resolve_config(SMALLEST | {section: {name: wrong}})
        lines = str(caught.value).splitlines()
        assert len(lines) <= 21
        assert len(str(caught.value)) < 30_000
        assert all(line.startswith("config: ") for line in lines)


def test_a_list_whose_entry_is_wrong_has_enough_entries():
    with pytest.raises(ConfigError) as caught:
        resolve_config(SMALLEST | {"correlators": {"orders": ["a"]}})
    (line,) = str(caught.value).splitlines()
    assert line.startswith("config: correlators.orders.0: found ")


def test_every_mistake_is_named_once():
    config = changed("train.epochs", "x") | {"foo": 1, "model": {"blocks": 0}}
    with pytest.raises(ConfigError) as caught:
        resolve_config(config)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["foo", "model.blocks", "train.epochs"]
    with pytest.raises(ConfigError) as caught:
        resolve_config({})
    assert str(caught.value) == "config: (top level): required key missing: data, models"


@pytest.mark.parametrize("config", [None, [], 3, "text"])
def test_a_config_is_a_mapping(config):
    with pytest.raises(ConfigError, match="expected keys with values"):
        resolve_config(config)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("train: {learning_rate: 1e-4}", 1e-4, float),  # YAML 1.1 reads text
        ("train: {learning_rate: 1}", 1.0, float),
        ("train: {epochs: 2.0e+1}", 20, int),  # YAML reads a float
        ("train: {epochs: ' 20'}", 20, int),  # the workflow's --config gives text
        ("train: {precision: 32}", "32", str),
    ],
)
def test_numbers_as_people_write_them(text, value, kind):
    (key,) = yaml.safe_load(text)["train"]
    found = getattr(resolve_config(SMALLEST | yaml.safe_load(text)).train, key)
    assert found == value
    assert type(found) is kind


def test_a_model_may_be_called_by_a_number():
    config = SMALLEST | {"models": {1: {"jet_types": ["g"]}}}
    assert list(resolve_config(config).models) == ["1"]


def test_how_a_number_is_written_makes_nothing_stale():
    one = Plan(changed("correlators.range", [1e-4, 2])).section("correlators")
    two = Plan(changed("correlators.range", ["1e-4", 2.0])).section("correlators")
    assert one == two


def test_every_section_resolves_from_nothing():
    for stage in STAGES:
        assert resolve_section(stage, resolve_section(stage, {})) == resolve_section(stage, {})


@pytest.mark.parametrize("stage", list(STAGES))
def test_what_the_workflow_hands_to_a_stage_is_complete(stage):
    """Nothing that a stage computes with is a default that its section does not show."""
    section = json.loads(Plan(SMALLEST).section(stage))
    assert decisive(resolve_section(stage, section)) == section


@pytest.mark.parametrize(
    ("stage", "section", "message"),
    [
        ("correlators", {"bins": 0}, "config: bins: found 0"),
        ("correlators", {"data": 1}, "config: data: unknown key"),
        ("correlators", {"range": [3, 2]}, r"range: found \[3\.0, 2\.0\], expected low < high"),
        ("correlators", {"split": {"fractions": [1, 1, 1]}}, "config: split.fractions: .*sum of 3"),
        (
            "correlators",
            {"orders": [2], "hyperedges": {"orders": [3]}},
            "hyperedges.orders: found 3",
        ),
        ("simulate", {"pt_hat": {"g": [2, 1]}}, "pt_hat.g: .*low < high"),
        ("train", {"model": {"blocks": 0}}, "model.blocks: found 0"),
        ("plot", 3, "expected keys with values"),
    ],
)
def test_a_mistake_in_a_section_is_named(stage, section, message):
    with pytest.raises(ConfigError, match=message):
        resolve_section(stage, section)


def test_every_key_has_a_default_a_meaning_and_what_it_reruns():
    keys = list(keys_of(WorkflowConfig))
    assert len(keys) > 120
    for key in keys:
        assert key.meaning, key.name
        assert key.reruns, key.name
    required = {"data.jet_types.*.source", "models.*.jet_types"}
    assert {key.name for key in keys if key.required} == required


@pytest.mark.parametrize(
    "values", [{"models": {"a" * 99_999: {}}}, {"b" * 99_999: 1}, {"train": {"c" * 99_999: {}}}]
)
def test_a_name_of_any_length_is_a_short_message(values):
    with pytest.raises(ConfigError, match=r"[abc]{117}\.\.\.: unknown") as caught:
        resolve_config(SMALLEST | values)
    assert len(str(caught.value)) < 2500

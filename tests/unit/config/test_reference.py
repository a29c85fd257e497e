"""What is written from the models of the config: it is current, and says what the models say."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hypervae.config import keys_of, resolve_config
from hypervae.config.reference import files, json_schema, reference_page, with_comments
from hypervae.config.whole import WorkflowConfig

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("index", range(2))
def test_what_is_written_from_the_models_is_current(index):
    path, text = list(files(ROOT))[index]
    assert path.read_text(encoding="utf-8") == text, (
        f"{path.relative_to(ROOT)} is not current: run python -m hypervae.config.reference"
    )


def test_the_schema_takes_what_the_models_take():
    schema = json.loads(json_schema())
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    assert not list(check.iter_errors(config))
    assert not list(check.iter_errors(resolve_config(config).to_dict()))
    for section, key, value in (
        ("train", "epochs", 0),
        ("correlators", "orders", [2, 7]),
        ("model", "hyperedge_encoder", "no such mode"),
        ("plot", "dots", 3),
    ):
        wrong = {**config, section: {**config[section], key: value}}
        assert [error.path[0] for error in check.iter_errors(wrong)] == [section]


def test_the_page_has_every_key_with_its_meaning():
    page = reference_page()
    for key in keys_of(WorkflowConfig):
        assert f"## {'.'.join(key.path[:-1])}\n" in page
        assert f"| `{key.path[-1]}` |" in page
        assert key.sentence in page


def test_comments_stand_behind_the_first_of_equal_entries():
    models = "models:\n  a: # mine\n    jet_types: [q]\n  b:\n    jet_types: [g]\n"
    text = models + "plot:\n  bins: 7 # old\n"
    lines = with_comments(text).splitlines()
    assert lines[1] == "  a: # mine"
    assert lines[2].startswith("    jet_types: [q] # jet types that this model learns")
    assert lines[4] == "    jet_types: [g]"
    assert lines[6] == "  bins: 7 # bins of the overlays; default: 40"
    assert yaml.safe_load("\n".join(lines)) == yaml.safe_load(text)
    assert with_comments(with_comments(text)) == with_comments(text)

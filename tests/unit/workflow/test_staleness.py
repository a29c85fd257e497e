"""What Snakemake compares of each job: named values, digests of the user's files, and of code."""

import json
import re
from pathlib import Path

import pytest

from hypervae.config import WorkflowConfig, keys_of
from hypervae.workflow import Plan
from hypervae.workflow.matrix import PAGE, RULES, condition, module_rows, page, stale_rules
from hypervae.workflow.staleness import Staleness

ROOT = Path(__file__).resolve().parents[3]
KEYS = list(keys_of(WorkflowConfig))


def staleness(**sections):
    config = {
        "data": {"jet_types": {"q": {"source": "pythia"}}},
        "models": {"m": {"jet_types": ["q"]}},
        **sections,
    }
    return Staleness(Plan(config))


def test_swapped_values_are_seen():
    def of(jets, particles):
        source = {"source": "pythia", "jets_per_shard": jets}
        data = {"max_particles": particles, "jet_types": {"q": source}}
        return staleness(data=data).decides("simulate", jet_type="q")

    assert of(30, 60) != of(60, 30)


def test_a_prestaged_file_counts_by_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def of(folder):
        data = {"jet_types": {"q": {"source": "jetnet"}}, "jetnet": {"directory": folder}}
        return staleness(data=data).decides("download", jet_type="q")

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "q.hdf5").write_text("same")
    before = of("a")
    assert of("./b/") == before
    (tmp_path / "a" / "q.hdf5").write_text("another")
    assert of("a") != before


def test_a_given_model_counts_by_what_it_holds_but_not_one_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def of(place):
        models = {"m": {"jet_types": ["q"]}, "n": {"jet_types": ["q"], "init_from": place}}
        return staleness(models=models).decides("train", "n")

    before = of("mine"), of("results/models/m")
    for folder in ("mine", "results/models/m"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "weights.safetensors").write_text("w")
    assert of("mine") != before[0]
    assert of("results/models/m") == before[1]  # Snakemake knows when that one is new


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_a_key_makes_stale_what_it_says(key):
    """Of all keys: what is compared agrees with what the config's comments say."""
    rules = stale_rules(key)
    if key.reruns == "nothing":
        assert rules == ()
        return
    assert rules
    named = re.match(r"[a-z]+_[a-z_]+", key.reruns)
    if named and named[0] in RULES:
        first = rules[0]
        assert named[0] in rules
        if not key.name.startswith("models."):
            assert first == named[0] or key.name.startswith("data.split")


def test_conditions_are_told():
    told = {key.name: condition(key) for key in KEYS}
    assert told["model.sparse_gp"] == "`model.lgatr` is full"
    assert told["model.one_shot.alpha"] == (
        "`model.decoder` is one_shot and `model.one_shot.distance` is hyperbolic"
    )
    assert told["train.seed"] == ""


@pytest.mark.parametrize(
    ("changes", "other"),
    [
        ({"model": {"lgatr": "slim"}}, {"model": {"lgatr": "slim", "sparse_gp": True}}),
        ({"train": {"steps": 5}}, {"train": {"steps": 5, "epochs": 99}}),
        ({}, {"model": {"hierarchical": {"subjets": 5}}}),  # the default decoder is another
        ({}, {"model": {"hyperedge_samples": 7}}),
        ({}, {"train": {"kl_cycles": 9, "adamw_ratio": 0.5}}),
        ({}, {"train": {"execution": {"workers": 3}, "keep_every": 1}}),
    ],
)
def test_what_means_nothing_beside_other_keys_is_not_compared(changes, other):
    assert staleness(**changes).decides("train", "m") == staleness(**other).decides("train", "m")


def test_the_tables_of_the_docs_are_true():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert page(text) == text, "run: python -m hypervae.workflow.matrix"


def test_each_module_stands_in_one_row():
    names = [name for row in module_rows().values() for name in row]
    assert len(names) == len(set(names))
    assert "io.*" in module_rows()[()]


RULE_FILES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_each_rule_has_one_param_that_is_compared(path):
    """`decides`; all other params are functions of input, and shell texts go through one_line."""
    text = path.read_text()
    for rule in re.split(r"^(?=rule |use rule )", text, flags=re.MULTILINE)[1:]:
        name = rule.split(":")[0]
        params = re.search(r"^    params:\n((?:        .*\n|\n)+)", rule, re.MULTILINE)
        assert params, name
        entries = re.findall(r"^        (\w+)=(.*)$", params[1], re.MULTILINE)
        compared = [
            key
            for key, value in entries
            if not re.match(
                r"lambda wildcards, (input|output):|library_command|shard_command|section\("
                r"|execution\(|fixed\(|shard_index|model_types|simulation,",
                value,
            )
        ]
        assert compared == ["decides"], name
        if "shell:" in rule:
            assert re.search(r"shell:\n        one_line\(\n", rule), name


def test_the_texts_are_sorted_json():
    text = staleness().decides("train", "m")
    assert text == json.dumps(json.loads(text), sort_keys=True)

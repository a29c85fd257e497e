"""Texts in YAML that mean something else to YAML than to who wrote them."""

import json
import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hypervae.cli.options import read_section
from hypervae.config.yaml_text import DEEPEST, read_yaml, read_yaml_file
from hypervae.errors import ConfigError
from hypervae.sweep.plan import merged_configs

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

#: What is written, and what the message says.
REFUSED = {
    "a section twice": ("train: {epochs: 3}\nmodel: {}\ntrain: {seed: 2}\n", "train: found twice"),
    "a key twice": ("train: {epochs: 3, epochs: 4}", r"train\.epochs: found twice"),
    "deep inside": ("a: {b: [{c: 1, c: 2}]}", r"a\.b\.0\.c: found twice"),
    "twice in JSON": ('{"train": {"seed": 1, "seed": 2}}', "seed: found twice"),
    "two merges": ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", r"b\.<<: found twice"),
    "a model 010": (
        "models: {010: {jet_types: [t]}}",
        r'010: found a key that YAML reads as 8.*"01',
    ),
    "a model on": ("models: {on: {jet_types: [t]}}", "on: found a key that YAML reads as True"),
    "a model ~": ("models: {~: {jet_types: [t]}}", "~: found a key that YAML reads as None"),
    "a model null": ("models: {null: {}}", "null: found a key that YAML reads as None"),
    "a model 1_0": ("models: {1_0: {}}", "1_0: found a key that YAML reads as 10"),
    "a model 1:30": ("models: {1:30: {}}", "1:30: found a key that YAML reads as 90"),
    "a model 0x1f": ("models: {0x1f: {}}", "0x1f: found a key that YAML reads as 31"),
    "a model 1.50": ("models: {1.50: {}}", r"1\.50: found a key that YAML reads as 1\.5"),
    "no name": ("models: {[a]: {}}", "a key that is a list"),
    "octal": ("train: {epochs: 010}", r"train\.epochs: found 010, which YAML reads as 8"),
    "sexagesimal": ("train: {epochs: 1:30}", r"train\.epochs: found 1:30, which YAML reads as 90"),
    "sexagesimal, parts": ("a: 1:30.5", "a: found 1:30.5, which YAML reads as 90.5"),
    "a tab": ("train:\n\tepochs: 3\n", "not valid YAML"),
    "an anchor in itself": ("a: &a {b: *a}", r"a\.b: found an anchor that holds itself"),
    "a list in itself": ("a: &a [*a]", "found an anchor that holds itself"),
    "an unknown anchor": ("a: *b", "not valid YAML"),
    "billion laughs": (LAUGHS, "more than 200000 values"),
    "very deep": ("{a: " * 60 + "1" + "}" * 60, "keys within keys"),
    "deeper than Python": ("[" * 20_000, "without end"),
    "deep JSON": ('{"a":' * 20_000, "without end"),
    "two documents": ("a: 1\n---\nb: 2\n", "not valid YAML"),
    "an object": ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
    "no date": ("a: 2026-13-45", "not valid YAML"),
    "a control character": ("a: \x07", "not valid YAML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_yaml_would_change_is_refused_by_name(case):
    text, message = REFUSED[case]
    start = time.process_time()
    with pytest.raises(ConfigError, match=message) as caught:
        read_yaml(text, "my.yaml")
    assert str(caught.value).startswith("my.yaml: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    assert time.process_time() - start < 5


@pytest.mark.parametrize("case", sorted(set(REFUSED) - {"deep JSON", "two merges"}))
def test_all_that_reads_a_config_refuses_it(case, tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(REFUSED[case][0])
    for read in (lambda: read_section(str(path)), lambda: merged_configs([path])):
        with pytest.raises(ConfigError, match=r"my\.yaml: "):
            read()


def test_bytes_that_are_no_text(tmp_path):
    for content in (b"a: \xff\xfe", b"\x00" * 99, b"a: 1\n\x80", "a: ä".encode("latin-1")):
        (tmp_path / "c.yaml").write_bytes(content)
        with pytest.raises(ConfigError, match=r"c\.yaml: found (no text|what is not valid)"):
            read_yaml_file(tmp_path / "c.yaml")
    for name in ("none.yaml", "", "a" * 300):
        with pytest.raises(ConfigError, match="found"):
            read_yaml_file(tmp_path / name)


def test_what_is_fine_is_read_as_yaml_reads_it(tmp_path):
    text = (
        "a: &a {x: 1, y: 1e-4, z: [1.0e-3, 2, text, no, ~]}\nb:\n  <<: *a\n  x: 2\n1: {t: 0x10}\n"
        "'on': yes\nc: [*a, *a]\nd: 0.5\ne: 00.5\nf: '010'\ng: 2026-11-27\n"
    )
    assert read_yaml(text, "t") == yaml.safe_load(text)
    assert read_yaml('{"a": [1, {"b": null}]}', "t") == {"a": [1, {"b": None}]}
    assert read_yaml("{a: 1, b: {c: 2}}", "t") == {"a": 1, "b": {"c": 2}}
    assert read_yaml("", "t") is None
    (tmp_path / "bom.yaml").write_bytes("\ufeffa: ü\r\n".encode())
    assert read_yaml_file(tmp_path / "bom.yaml") == {"a": "ü"}


NAMES = st.text(st.characters(categories=["L", "N", "P", "Z"]), min_size=1, max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150)
@given(VALUES)
def test_what_a_program_writes_comes_back(values):
    assert read_yaml(yaml.safe_dump(values, allow_unicode=True), "t") == values
    assert read_yaml(json.dumps({"a": values}), "t") == {"a": values}


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab:{}[]&*<->|~!'\"#\n\t 01.%?,"), max_size=40))
def test_any_text_is_read_or_refused(text):
    with suppress(ConfigError):
        read_yaml(text, "t")


def test_a_config_of_many_files_is_no_billion_laughs():
    paths = [f"/data/jets/{number:06d}.h5" for number in range(50_000)]
    text = json.dumps({"data": {"jet_types": {"t": {"source": "files", "paths": paths}}}})
    assert read_yaml(text, "t")["data"]["jet_types"]["t"]["paths"] == paths
    deep: dict = {}
    inside = deep
    for _ in range(DEEPEST - 2):
        inside["a"] = inside = {}
    assert read_yaml(yaml.safe_dump(deep), "t") == deep

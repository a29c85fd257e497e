"""``--config`` and the options made from the models of the config."""

import json
import sys

import click
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.cli.options import read_section, section_options
from hypervae.config import resolve_section
from hypervae.errors import ConfigError


def run(stage, *arguments):
    """The config that a command of this stage is called with."""
    found = {}

    @click.command()
    @click.option("--other", default="unset")
    @section_options(stage)
    def command(config, other):
        found.update(config=config, other=other)

    done = CliRunner().invoke(command, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return found["config"]


def test_without_anything_there_are_the_defaults():
    for stage in ("simulate", "correlators", "train", "evaluate", "plot"):
        assert run(stage) == resolve_section(stage, {})


@pytest.mark.parametrize(
    "text",
    [
        '{"bins": 77, "range": [1e-3, 1]}',
        '  {"range": [0.001, 1.0], "bins": 77}\n',
        "{bins: 77, range: [1e-3, 1]}",
        "bins: 77\nrange: [1.0e-3, 1]",
        "range:\n- 0.001\n- 1\nbins:\n  77",
    ],
)
def test_the_config_is_a_text_or_a_file(text, tmp_path):
    wanted = resolve_section("correlators", {"bins": 77, "range": [1e-3, 1.0]})
    assert run("correlators", "--config", text) == wanted
    (tmp_path / "section.yaml").write_text(text)
    assert run("correlators", "--config", str(tmp_path / "section.yaml")) == wanted


def test_json_is_read_without_yaml(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)  # an import of it fails
    assert read_section('{"bins": 77}') == {"bins": 77}
    with pytest.raises(ImportError):
        read_section("{bins: 77}")


def test_an_empty_file_means_the_defaults(tmp_path):
    (tmp_path / "section.yaml").write_text("# nothing\n")
    assert run("plot", "--config", str(tmp_path / "section.yaml")) == resolve_section("plot", {})


def test_options_win_over_the_config():
    config = json.dumps({"bins": 77, "exponent": 2, "hyperedges": {"max_particles": 5}})
    arguments = ["--bins", "8", "--hyperedges.orders", "[3]", "--split.seed", "4"]
    found = run("correlators", "--config", config, *arguments)
    assert (found.bins, found.exponent, found.split.seed) == (8, 2.0, 4)
    assert found.hyperedges.to_dict() == {"orders": [3], "max_particles": 5}


@pytest.mark.parametrize(
    ("stage", "option", "value", "path", "wanted"),
    [
        ("train", "--learning-rate", "1e-4", ("learning_rate",), 1e-4),
        ("train", "--loss-weights.jet-features", "3", ("loss_weights", "jet_features"), 3.0),
        ("train", "--execution.device", "cpu", ("execution", "device"), "cpu"),
        ("train", "--model.lgatr", "full", ("model", "lgatr"), "full"),
        ("train", "--precision", "32", ("precision",), "32"),
        ("train", "--gumbel-temperature", "[2, 1]", ("gumbel_temperature",), (2.0, 1.0)),
        ("simulate", "--pt-hat.g", "[400, 500]", ("pt_hat", "g"), (400.0, 500.0)),
        ("download", "--directory", "data/jetnet", ("directory",), "data/jetnet"),
        ("normalize", "--method", "minmax", ("method",), "minmax"),
    ],
)
def test_every_kind_of_value_has_an_option(stage, option, value, path, wanted):
    found = run(stage, option, value)
    for name in path:
        found = getattr(found, name)
    assert found == wanted


def leaves(section, path=()):
    for name, value in section.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


@pytest.mark.parametrize(
    "stage",
    [
        "simulate",
        "download",
        "correlators",
        "normalize",
        "train",
        "generate",
        "evaluate",
        "equivariance",
        "reconstruct",
        "plot",
    ],
)
def test_every_key_is_an_option_and_takes_its_own_default(stage):
    defaults = resolve_section(stage, {})
    arguments = []
    for path, value in leaves(defaults.to_dict()):
        name = ".".join(path).replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{name}" if value else f"--no-{name}")
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        arguments += [f"--{name}", text or "''"]
    assert run(stage, *arguments) == defaults


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "nowhere.yaml",
            r"--config: found 'nowhere\.yaml', expected a mapping or an existing file",
        ),
        ("{bins: [1", "--config: found what is not valid YAML or JSON"),
        ('{"bins": 1, "bin": 2}', "bin: unknown key"),
        ("bins: many", r'bins: found "many" \(text\), expected integer'),
    ],
)
def test_a_wrong_config_is_named(config, message):
    with pytest.raises(ConfigError, match=message):
        run("correlators", "--config", config)


def test_a_file_that_is_no_mapping_is_named(tmp_path):
    (tmp_path / "list").write_text("- 1\n- 2\n")
    with pytest.raises(ConfigError, match="found list, expected keys with values"):
        read_section(str(tmp_path / "list"))
    (tmp_path / "binary").write_bytes(b"\x89HDF\r\n\xff\xfe")
    with pytest.raises(ConfigError, match="binary: found no text"):
        read_section(str(tmp_path / "binary"))


def test_an_option_below_a_key_that_is_no_section():
    with pytest.raises(ConfigError, match=r"hyperedges: found 3 \(integer\)"):
        run("correlators", "--config", "hyperedges: 3", "--hyperedges.orders", "[3]")
    assert run("correlators", "--config", "{hyperedges: }", "--hyperedges.orders", "[3]")


def test_help_says_what_a_key_means_and_its_default():
    @click.command()
    @section_options("correlators")
    def command(config):
        """Nothing."""

    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "--bins N logarithmic R_L bins [200]" in text
    assert "--weight pt|energy" in text
    assert "--hyperedges.max-particles N" in text


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    for text in ('{"a": 1}', "a: 1"):
        (tmp_path / "c").write_text(text, encoding="utf-8-sig")
        assert read_section(str(tmp_path / "c")) == {"a": 1}


def test_a_file_that_looks_like_an_option_is_told_how(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-mine.h5").touch()
    done = CliRunner().invoke(cli, ["validate", "-mine.h5"])
    assert str(done.exception) == (
        "found -mine.h5, which looks like an option; expected ./-mine.h5 for the file"
    )
    assert "found no such option" in CliRunner().invoke(cli, ["validate", "-other.h5"]).output
    for words in (["./-mine.h5"], ["--", "-mine.h5"]):
        assert "an empty file" in str(CliRunner().invoke(cli, ["validate", *words]).exception)

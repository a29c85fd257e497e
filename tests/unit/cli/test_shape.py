"""Subcommands alike: one name for one thing, lists with commas, flags, suffixes, help, examples."""

import json
import re
import shlex

import click
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.cli.shape import Command, words
from hypervae.config import resolve_section
from hypervae.formats.shard_writer import write_shard
from hypervae.io.lock import WriterLock
from tests.unit.cli.subcommands import COMMANDS, run
from tests.unit.toys import toy_jets


def options_of(command):
    return {name: one for one in command.params for name in one.opts if name.startswith("--")}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_sections_and_an_example_that_parses(name):
    text = run(*name.split(), "--help").output
    assert "\nOptions:\n" in text
    example = re.search(r"\nExamples?:\n(.*)", text, re.DOTALL)[1].splitlines()[0].strip()
    program, *arguments = shlex.split(example)
    assert program == "hypervae"
    assert arguments[: len(name.split())] == name.split()
    COMMANDS[name].make_context(name, arguments[len(name.split()) :])


def test_config_keys_stand_in_the_sections_that_they_belong_to():
    text = run("train", "--help").output
    titles = re.findall(r"^Settings \(section ([\w.]+) of the config\):$", text, re.MULTILINE)
    assert titles[0] == "train"
    assert {"train.execution", "train.loss_weights", "model", "split"} <= set(titles)


def test_one_name_for_one_thing():
    """What is handed over by the same option is the same kind of thing."""
    kinds = {}
    for command in COMMANDS.values():
        for name, option in options_of(command).items():
            if name in ("--shards", "--correlators", "--model", "--output-dir", "--generated"):
                kinds.setdefault(name, set()).add(type(option.type).__name__)
    assert set(kinds) == {"--shards", "--correlators", "--model", "--output-dir", "--generated"}
    assert all(len(found) == 1 for found in kinds.values()), kinds


@pytest.mark.parametrize(
    ("line", "option", "suffixes"),
    [
        ("generate --pretrained t", "--output", ".h5 or .hdf5; hypervae export"),
        ("simulate --jet-type t", "--output", ".h5 or .hdf5"),
        ("import --input x --jet-type t", "--output", ".h5 or .hdf5"),
        ("correlators --input x", "--output", ".h5 or .hdf5"),
        ("correlators --input x --output y.h5", "--plot", ".png or .pdf or .svg"),
        ("correlators --input x --output y.h5", "--table", ".csv"),
        ("evaluate --generated x --real y", "--output", ".json"),
        ("evaluate --generated x --real y --output r.json", "--arrays", ".h5 or .hdf5"),
        ("plot history --input x", "--output", ".png or .pdf or .svg"),
        ("plot history --input x --output f.png", "--output-pdf", ".pdf"),
        ("equivariance --model m --shards x", "--output", ".json"),
    ],
)
def test_a_suffix_of_another_format_is_refused(line, option, suffixes):
    done = run(*line.split(), option, "g.npz")
    assert done.exit_code == 2
    text = " ".join(done.output.split())
    assert (
        f"hypervae: error: {option}: found g.npz, expected a name that ends in {suffixes}" in text
    )


@pytest.mark.parametrize(
    ("line", "now"),
    [
        ("normalize --inputs x --output n.h5", {"correlators": "x"}),
        ("simulate --jet-type t --shard 3 --output x.h5", {"shard": 3}),
        ("simulate --jet-type t --shard=3 --output x.h5", {"shard": 3}),
        (
            "split --input x --jet-type t --shard 1 --shards 3 --output x.h5",
            {"shard": 1, "shards": 3},
        ),
        ("evaluate --generated x --real y --output r.json --model toy", {"model": "toy"}),
        ("evaluate --generated x --shards y --output r.json", {"real": "y"}),
        ("plot observables --arrays a.h5 --folder figures", {"output_dir": "figures"}),
    ],
)
def test_former_names_are_understood_and_not_shown(line, now):
    name = next(name for name in COMMANDS if line.startswith(f"{name} "))
    command = COMMANDS[name]
    context = command.make_context(name, line.removeprefix(name).split())
    assert {key: str(context.params[key]) for key in now} == {k: str(v) for k, v in now.items()}
    for former in command.renamed:
        assert not re.search(rf"{former}\b(?!-)", command.get_help(context).replace("Example", ""))


@pytest.mark.parametrize("orders", ["2,3", "[2, 3]", "[2,3]", "2, 3"])
def test_lists_with_commas_or_in_brackets(orders, shard, tmp_path):
    done = run("correlators", "--input", shard, "--output", tmp_path / "c.h5", "--orders", orders)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"wrote {tmp_path / 'c.h5'}\n"
    from hypervae.formats.correlator_curves import read_correlators

    assert read_correlators(tmp_path / "c.h5").means.orders == (2, 3)


def test_words_of_a_list():
    assert words("--x", "q,g,t") == words("--x", "[q, g, t]") == ["q", "g", "t"]
    assert words("--x", None) is None
    with pytest.raises(click.BadParameter, match="found ''"):
        words("--x", "")


@pytest.fixture
def shard(tmp_path):
    write_shard(tmp_path / "shard.h5", toy_jets(60, jet_type="t"), source="toys")
    return tmp_path / "shard.h5"


def test_two_point_correlators_need_no_word_on_hyperedges(shard, tmp_path):
    done = run("correlators", "--input", shard, "--output", tmp_path / "c.h5", "--orders", "[2]")
    assert done.exit_code == 0, done.output
    assert resolve_section("correlators", {"orders": [2]}).hyperedges.orders == ()
    assert resolve_section("correlators", {"orders": [2, 4]}).hyperedges.orders == (4,)
    assert resolve_section("correlators", {}).hyperedges.orders == (3, 4)


def test_the_input_is_an_option_or_an_argument(shard, tmp_path):
    for number, given in enumerate((["--input", shard], [shard])):
        output = tmp_path / f"{number}.h5"
        done = run("import", *given, "--jet-type", "t", "--output", output)
        assert done.exit_code == 0, done.output
    for given, found in (([], "none"), (["--input", shard, shard], f"{shard} and")):
        done = run("import", *given, "--jet-type", "t", "--output", tmp_path / "n.h5")
        assert done.exit_code == 2
        assert f"--input: found {found}" in " ".join(done.output.split())


def test_a_test_file_is_enough_for_real_and_arrays_may_be_left_out(tmp_path):
    jets = toy_jets(200, jet_type="t")
    jets.split = np.full(200, 2, dtype=np.uint8)
    write_shard(tmp_path / "test.h5", jets, source="toys")
    write_shard(tmp_path / "made.h5", toy_jets(100, seed=3, jet_type="t"), source="toys")
    results = tmp_path / "r.json"
    given = ["--generated", tmp_path / "made.h5", "--output", results, "--metrics", "w1_mass"]
    done = run("evaluate", *given, "--real", tmp_path / "test.h5")
    assert done.exit_code == 0, done.output
    assert done.output.endswith(f"wrote {results}\n")
    assert "note: no training jets were at hand" in done.output
    found = json.loads(results.read_text())
    assert found["sizes"]["test"] + found["sizes"]["train"] == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.h5", "r.json", "test.h5"]


def test_plot_says_what_it_wrote(shard, tmp_path):
    correlators = tmp_path / "c.h5"
    assert run("correlators", "--input", shard, "--output", correlators).exit_code == 0
    given = ["--input", correlators, "--output", tmp_path / "f.svg", "--dpi", 40]
    done = run("plot", "correlators", *given, "--output-pdf", tmp_path / "f.pdf")
    assert done.output == f"wrote {tmp_path / 'f.svg'}\nwrote {tmp_path / 'f.pdf'}\n"
    assert "<svg" in (tmp_path / "f.svg").read_text()


@pytest.mark.parametrize("option", ["--output", "--output-pdf"])
def test_a_command_leaves_alone_what_another_process_writes(shard, tmp_path, option):
    correlators, taken = tmp_path / "c.h5", tmp_path / "taken.pdf"
    assert run("correlators", "--input", shard, "--output", correlators).exit_code == 0
    given = {"--input": correlators, "--output": tmp_path / "f.png", option: taken}
    with WriterLock(taken):
        done = run("plot", "correlators", *(word for pair in given.items() for word in pair))
    assert f"{taken}: being written by process" in str(done.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.h5", "shard.h5"]


def test_every_boolean_is_a_flag():
    for name, command in COMMANDS.items():
        for option in options_of(command).values():
            assert option.type.name != "boolean" or option.is_flag, name
    context = COMMANDS["simulate"].make_context(
        "simulate", ["--jet-type", "t", "--output", "x.h5", "--qed-radiation"]
    )
    assert context.params["key_qed_radiation"] is True


def test_the_shell_completes_commands_and_options(monkeypatch):
    def complete(line, word):
        environment = {"_HYPERVAE_COMPLETE": "bash_complete", "COMP_WORDS": line}
        environment["COMP_CWORD"] = str(word)
        return CliRunner().invoke(cli, [], env=environment, prog_name="hypervae").output

    assert "plain,correlators" in complete("hypervae corr", 1)
    found = complete("hypervae normalize --", 2)
    assert "plain,--correlators" in found
    assert "--inputs" not in found


def test_every_command_has_the_shape():
    assert all(isinstance(command, Command) for command in COMMANDS.values())

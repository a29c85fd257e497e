"""A file that stands twice among those that a command reads together is refused before any work."""

import os

import click
import pytest

from hypervae.cli.shape import FILE_LIST, InputPath, NamesFiles
from hypervae.errors import ConfigError
from hypervae.io import write_list
from hypervae.io.targets import check_once
from tests.unit.cli.subcommands import COMMANDS, line, parameters, run
from tests.unit.cli.test_overwriting import SAME_FILE, refused, state

# The first bytes of HDF5, and nothing that a command could read: it is refused before.
CONTENT = b"\x89HDF\r\n\x1a\n" + b"a file of the user's" * 50


def several(command):
    """Options that take several files which are read together."""
    for one, option in parameters(command, InputPath):
        if one.type.is_list and one.type.once:
            yield option


LISTS = [(name, option) for name, command in COMMANDS.items() for option in several(command)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("mine.h5", "other.h5"):
        (tmp_path / name).write_bytes(CONTENT)
    return tmp_path


def test_the_lists_of_all_subcommands_are_found():
    assert {
        ("enc", "--input"),
        ("normalize", "--correlators"),
        ("train", "--shards"),
        ("train", "--correlators"),
        ("evaluate", "--real"),
        ("reconstruct", "--shards"),
        ("equivariance", "--shards"),
    } <= set(LISTS)


@pytest.mark.parametrize("form", SAME_FILE)
@pytest.mark.parametrize(("name", "option"), LISTS)
def test_a_file_twice_is_refused_whatever_links_lead_there(name, option, form, folder):
    mine, other = folder / "mine.h5", folder / "other.h5"
    again = form(mine)
    before = state(mine)
    write_list(folder / "list.txt", [other, again])
    write_list(folder / "both.txt", [mine, other, again])
    for given in (
        f"{mine},{other},{again}",
        f"{mine},{folder / 'list.txt'}",
        f"{folder / 'both.txt'}",
    ):
        done = run(*line(name, folder, {option: given}))
        refused(done, f"{option}: found {again}", "expected each file once")
        assert ("twice" if again == mine else f"which is {mine}") in str(done.exception)
    assert state(mine) == before
    assert not list(folder.glob("made-*"))


@pytest.mark.parametrize(("name", "option"), LISTS)
def test_a_list_twice_and_files_that_differ(name, option, folder):
    write_list(folder / "list.txt", [folder / "mine.h5"])
    given = f"{folder / 'list.txt'},{folder / 'list.txt'}"
    done = run(*line(name, folder, {option: given}))
    refused(done, f"{option}: found {folder / 'list.txt'} twice, expected each file once")
    done = run(*line(name, folder, {option: f"{folder / 'mine.h5'},{folder / 'other.h5'}"}))
    assert "each file once" not in str(done.exception)  # what else is wrong is no matter here


def test_files_of_different_meaning_may_be_one(folder):
    mine = folder / "mine.h5"
    for words in (
        ["evaluate", "--generated", mine, "--real", mine, "--output", folder / "r.json"],
        ["enc", "--input", mine, "--response", f"{mine},{mine}", "--table", folder / "t.csv"],
        ["validate", mine, mine],
    ):
        done = run(*words)
        assert done.exception is not None
        assert "each file once" not in str(done.exception)


def test_results_are_one_list_by_option_and_argument(folder):
    result, pages = folder / "r.json", ["--table", folder / "t.csv", "--output", folder / "f.png"]
    result.write_text("{}")
    for words in (
        [result, result],
        ["--results", result, "--results", f"B={result}"],
        ["--results", result, result],
    ):
        done = run("plot", "summary", *words, *pages)
        refused(done, f"found {result} twice, expected each file once")


def test_every_type_that_takes_several_files_is_known():
    """A new type of list says whether each file is given once."""
    for name, command in COMMANDS.items():
        for one in command.params:
            if isinstance(one.type, click.Path) and getattr(one.type, "is_list", False):
                assert one.type is FILE_LIST or (name, one.name) == ("enc", "response")
            if isinstance(one.type, NamesFiles):
                assert one.type.once


def test_files_that_are_missing_or_differ_by_name_alone(tmp_path):
    a, b = tmp_path / "a.h5", tmp_path / "b.h5"
    check_once("--input", [a, b])
    a.write_bytes(b"")
    b.write_bytes(b"")
    check_once("--input", [a, b])
    check_once("--input", [])
    os.unlink(b)
    with pytest.raises(ConfigError, match=r"--input: found .*b\.h5 twice"):
        check_once("--input", [a, b, b])

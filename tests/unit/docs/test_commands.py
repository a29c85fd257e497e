"""Each command in the documentation is one that the command line takes."""

import click
import pytest

from hypervae.cli import cli
from tests.unit.docs.pages import PAGES, ROOT, commands, words

FOUND = [(page, found) for page in PAGES for found in commands(page)]


def command_of(found):
    """The command that words name, and the words after its name; None of a group alone."""
    command, rest = cli, list(found)
    while isinstance(command, click.Group) and rest and not rest[0].startswith(("-", "...")):
        inner = command.get_command(click.Context(command), rest[0])
        assert inner is not None, f"no subcommand {rest[0]}"
        command, rest = inner, rest[1:]
    return command, rest


def options_of(command):
    """All names of its options, and of those of its subcommands (`hypervae plot ... --output`)."""
    names = {"--help", "-h", "--version"}
    for option in command.params:
        names |= {*option.opts, *option.secondary_opts}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            names |= options_of(command.get_command(context, inner))
    return names


@pytest.mark.parametrize(
    ("page", "found"),
    FOUND,
    ids=[f"{page.relative_to(ROOT)}-{'_'.join(found)[:40]}" for page, found in FOUND],
)
def test_subcommands_and_options_exist(page, found):
    command, rest = command_of(found)
    given = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert given <= options_of(command)


@pytest.mark.parametrize(
    "name", ["tutorial", "how-to/evaluate-jets", "how-to/own-jets", "training"]
)
def test_commands_that_are_written_out_are_complete(name):
    whole = [found for found in commands(ROOT / f"docs/{name}.md") if "--output" in found]
    assert whole
    for found in whole:
        command, rest = command_of(found)
        command.make_context(" ".join(found), rest)  # raises where something is missing or wrong


def test_commands_are_found():
    line = "$ echo x > y; hypervae generate --pretrained t \\  # here"
    assert list(words(line.replace("\\  ", ""))) == [["generate", "--pretrained", "t"]]
    assert list(words("from hypervae import HyperVAE; hypervae.evaluation")) == []
    assert len(FOUND) > 40

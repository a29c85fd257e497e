"""Every subcommand, taken from the registry, and command lines for each that parse."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from hypervae.cli import SUBCOMMANDS, cli
from hypervae.cli.shape import InputPath, NamesFiles, OutputFile, OutputFolder


def _commands():
    context = click.Context(cli)
    for name in SUBCOMMANDS:
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            for below, one in command.commands.items():
                yield f"{name} {below}", one
        else:
            yield name, command


#: Those of plot too, by their words.
COMMANDS = dict(_commands())


def run(*arguments):
    """Run a command line in this process."""
    return CliRunner().invoke(cli, list(map(str, arguments)))


def parameters(command, kind):
    """Its parameters of a type, each with how it is called on the command line."""
    for one in command.params:
        if isinstance(one.type, kind):
            yield one, one.opts[0] if isinstance(one, click.Option) else None


def reads(command):
    """Parameters that name files that must stay as they are."""
    for one, option in parameters(command, (InputPath, NamesFiles)):
        if getattr(one.type, "stays", True):
            yield one, option


def writes(command):
    """Parameters that name files that are written."""
    return parameters(command, OutputFile)


def value_of(parameter, folder: Path):
    """Something that parses."""
    kind = parameter.type
    if isinstance(kind, OutputFile):
        return folder / f"made-{parameter.name}{(kind.suffixes or ('.pt',))[0]}"
    if isinstance(kind, OutputFolder):
        return folder / f"made-{parameter.name}"
    if isinstance(kind, InputPath) and not kind.file_okay:
        return folder
    if isinstance(kind, InputPath | NamesFiles):
        return folder / f"given-{parameter.name}"
    if isinstance(kind, click.Choice):
        return kind.choices[0]
    if isinstance(kind, click.IntRange):
        return kind.min or 1
    return "t"


def line(name: str, folder: Path, given: dict[str | None, object]) -> list[object]:
    """A command line with what is given (None: an argument), and what else is required."""
    words = name.split()
    for one in COMMANDS[name].params:
        option = one.opts[0] if isinstance(one, click.Option) else None
        if one.required and option not in given:
            given = {**given, option: value_of(one, folder)}
    for option, value in given.items():
        words += [value] if option is None else [option, value]
    return words

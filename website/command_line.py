"""The page of the command line: the help of each subcommand, as it is shown in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import click

from hypervae.cli import cli

_WIDTH = 80  # of a block of code on the page


def helps(program: str = "hypervae") -> str:
    """The help of all subcommands, in Markdown.

    Parameters
    ----------
    program : str
        What is typed.

    Returns
    -------
    str
    """
    return "\n".join(_sections(cli, program, None))


def _sections(command: click.Command, name: str, above: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=name,
        parent=above,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        **command.context_settings,
    )
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            if below is not None:
                yield from _sections(below, inner, context)

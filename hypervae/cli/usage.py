"""What is wrong with a command line, in one line: the option, what was found and expected."""

from __future__ import annotations

import re

import click

DECIDES_RESULTS_OF = ()

# How click says what a value is not.
_IS_NOT = re.compile(r"(?P<found>.+?) is not (?:a valid )?(?P<expected>.+?)\.?", re.DOTALL)
_NOTHING_THERE = re.compile(r"(?P<kind>File|Path|Directory) (?P<name>.+) does not exist\.?")
_EXTRA = re.compile(r"Got unexpected extra arguments? \((?P<words>.*)\)", re.DOTALL)


def described(error: click.ClickException) -> str:
    """A mistake of a command line.

    Parameters
    ----------
    error : click.ClickException

    Returns
    -------
    str
        One line, which names the help.
    """
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "hypervae"
    line = " ".join(_said(error).split())
    return f"{line} ({command} --help)"


def _said(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption):
        near = " or ".join(sorted(error.possibilities or []))
        return f"{error.option_name}: found no such option, expected {near or 'another'}"
    if isinstance(error, click.MissingParameter):
        kind = error.param.type.name if error.param is not None else "value"
        return f"{_name(error)}: found none, expected {_with_article(kind)}"
    if isinstance(error, click.BadParameter):
        return f"{_name(error)}: {_value(error.message)}"
    if isinstance(error, click.BadOptionUsage):
        if "does not take" in error.message:
            return f"{error.option_name}: found a value, expected none"
        return f"{error.option_name}: found no value, expected one"
    if extra := _EXTRA.fullmatch(error.message):
        return f"found {extra['words']}, expected options and their values alone"
    if isinstance(error, click.UsageError) and error.message.startswith("No such command"):
        name = error.message.removeprefix("No such command").strip(" .").split(". ")[0]
        group = error.ctx.command if error.ctx is not None else None
        names = group.list_commands(error.ctx) if isinstance(group, click.Group) else []  # type: ignore[arg-type]
        return f"found no such command as {name}, expected one of {', '.join(names)}"
    return error.format_message()


def _name(error: click.BadParameter) -> str:
    """The option, as it is given."""
    if error.param_hint is not None:
        hint = error.param_hint
        return (hint if isinstance(hint, str) else " / ".join(hint)).strip("'\"")
    if error.param is None:
        return "an argument"
    return (
        error.param.opts[0]
        if isinstance(error.param, click.Option)
        else (error.param.human_readable_name or "an argument")
    )


def _value(message: str) -> str:
    if message.startswith("found"):
        return message
    if match := _NOTHING_THERE.fullmatch(message):
        return f"found no {match['kind'].lower()} {match['name']}, expected one that exists"
    if match := _IS_NOT.fullmatch(message):
        return f"found {match['found']}, expected {_with_article(match['expected'])}"
    return f"found {message.rstrip('.')}, expected another value"


def _with_article(what: str) -> str:
    if what.startswith(("one of", "in the range", "a ", "an ")):
        return what.replace("in the range", "a number in the range", 1)
    what = what.removesuffix(" range")
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"

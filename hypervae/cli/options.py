"""``--config``, and one option for each key of a section."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hypervae.cli.shape import KeyOption, NamesFiles
from hypervae.config import STAGES, Key, keys_of, resolve_section
from hypervae.config.yaml_text import read_yaml, read_yaml_file
from hypervae.errors import ConfigError


def section_options(stage: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command ``--config`` and an option per key; it is called with ``config``, checked.

    Parameters
    ----------
    stage : str
        The subcommand, as in `hypervae.config.STAGES`.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        keys = [key for key in keys_of(STAGES[stage].config) if key.value_type != "object"]

        @functools.wraps(function)
        def command(config: str | None, **options: Any) -> None:
            section = read_section(config)
            for key in keys:
                value = options.pop(_parameter(key.path))
                if value is not None:
                    _put(section, key.path, _parse(value, key))
            function(config=resolve_section(stage, section), **options)

        decorated: Callable[..., None] = command
        for key in reversed(keys):
            decorated = _key_option(stage, key)(decorated)
        return click.option(
            "--config",
            cls=KeyOption,
            section=_title(stage, ()),
            type=NamesFiles("text", config_files),
            metavar="JSON|YAML|FILE",
            help="The section as a JSON or YAML text or file; single options below win.",
        )(decorated)

    return decorate


def read_section(config: str | None) -> dict[str, Any]:
    """Read what was given with ``--config``: a text in JSON or YAML, or the path of such a file.

    Parameters
    ----------
    config : str, optional
        Text or path; None for an empty section.

    Returns
    -------
    dict
        Keys and values, not checked yet.
    """
    if config is None:
        return {}
    for path in config_files(config):
        if not os.path.isfile(path):
            raise ConfigError(f"--config: found {config!r}, expected a mapping or an existing file")
        return _mapping(read_yaml_file(path, f"--config: {path}"))
    return _mapping(read_yaml(config, "--config"))


def _mapping(section: Any) -> dict[str, Any]:
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(f"--config: found {type(section).__name__}, expected keys with values")
    return section


def config_files(config: str) -> list[Path]:
    """The file that was given with ``--config``; none where it is a text.

    Parameters
    ----------
    config : str

    Returns
    -------
    list of Path
    """
    # A mapping on the command line starts with a brace, or has a colon before a blank or line end.
    is_text = config.lstrip().startswith("{") or re.search(r":(\s|$)", config)
    return [] if is_text else [Path(config)]


def _parameter(path: tuple[str, ...]) -> str:
    return "key_" + "__".join(path)


def _key_option(stage: str, key: Key) -> Callable[[Callable[..., None]], Callable[..., None]]:
    name, flag = key.name.replace("_", "-"), key.value_type == "boolean"
    return click.option(
        f"--{name}/--no-{name}" if flag else f"--{name}",
        _parameter(key.path),
        metavar=None if flag else _metavar(key),
        default=None,
        help=_help(key),
        cls=KeyOption,
        section=_title(stage, key.path[:-1]),
    )


def _title(stage: str, below: tuple[str, ...]) -> str:
    """What stands above options in the help: of which section of the config they are."""
    if not below:
        return f"Settings (section {STAGES[stage].section} of the config)"
    if below[0] in STAGES[stage].attached:
        return f"Settings (section {'.'.join(below)} of the config)"
    return f"Settings (section {'.'.join((STAGES[stage].section, *below))} of the config)"


def _parse(value: str | bool, key: Key) -> Any:
    if isinstance(value, bool):
        return value
    if key.value_type == "array" and not value.lstrip().startswith("["):
        value = f"[{value}]"  # 2,3 is meant as it is meant in brackets
    try:
        return read_yaml(value, f"--{key.name.replace('_', '-')}")
    except ConfigError:
        if key.value_type == "string":
            return value
        raise


def _put(section: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(section.get(name), dict):
            if section.get(name) is not None:  # the check of the whole section refuses it
                return
            section[name] = {}
        section = section[name]
    section[path[-1]] = value


def _metavar(key: Key) -> str:
    if key.value_type == "string" and key.choices:
        return "|".join(key.choices)
    metavars = {"integer": "N", "number": "X", "array": "A,B,..."}
    return metavars.get(key.value_type, "TEXT")


def _help(key: Key) -> str:
    if key.required:
        return key.sentence
    default = key.default
    if isinstance(default, bool):
        default = "on" if default else "off"
    elif isinstance(default, list):
        default = ",".join(map(str, default))
    return f"{key.sentence}  [{default}]"

"""What is written from the models of the config: reference page, comments, JSON schema.

``python -m hypervae.config.reference`` in a checkout writes ``docs/config.md`` and the comments in
``config/config.yaml``; a test says where one of them is not current. With ``--schema`` it prints
the JSON schema, for editors that complete and check YAML.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hypervae.config.base import Section
from hypervae.config.keys import Key, keys_of, section_at
from hypervae.config.whole import STAGES, WorkflowConfig

REFERENCE = Path("docs/config.md")
DEFAULT = Path("config/config.yaml")

_COMMAND = "python -m hypervae.config.reference"
_PAGE = f"""# Config reference

Every key of the config, written by `{_COMMAND}` from the models in `hypervae/config`, the one
authority. [config/README.md](../config/README.md) says how to use them. The key `b` of the section
`a` stands as `b:` below `a:`; a subcommand takes the keys of its own section as options, and those
of further sections with their names: `hypervae train --epochs 20 --model.latent-dim 64`. `*` stands
for any name.
"""
# More choices than these are not listed: the meaning says where they are explained.
_MOST = 12


def json_schema() -> str:
    """The JSON schema of the workflow's config.

    Returns
    -------
    str
    """
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"written by {_COMMAND} from the models in hypervae/config",
        **_without_titles(WorkflowConfig.model_json_schema()),
    }
    return json.dumps(schema, indent=1) + "\n"


def _without_titles(schema: Any) -> Any:
    """A schema without titles, which repeat the names of keys."""
    if isinstance(schema, list):
        return [_without_titles(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_titles(inner)
        for name, inner in schema.items()
        if not (name == "title" and isinstance(inner, str))
    }


def reference_page() -> str:
    """The page of the docs, in Markdown.

    Returns
    -------
    str
    """
    sections: dict[tuple[str, ...], list[Key]] = {}
    for key in keys_of(WorkflowConfig):
        sections.setdefault(key.path[:-1], []).append(key)
    parts = [_PAGE]
    for path, keys in sections.items():
        section = section_at(WorkflowConfig, path)
        about = (section.__doc__ or "").strip()
        takers = [name for name, stage in STAGES.items() if stage.section == path[-1]]
        if takers:
            about += f" Taken by `hypervae {takers[0]}`."
        if section.reruns:
            about += f" A change reruns {section.reruns}, where no other is said."
        parts += [f"## {'.'.join(path)}", "", about, ""]
        parts += ["| key | values | default | meaning |", "|---|---|---|---|"]
        parts += [_row(key, section) for key in keys]
        parts.append("")
    return "\n".join(parts)


def _row(key: Key, section: type[Section]) -> str:
    default = "required" if key.required else f"`{_flow(key.default)}`"
    meaning = key.sentence + _reruns(key, section)
    return f"| `{key.path[-1]}` | {_values(key)} | {default} | {meaning} |"


def _values(key: Key) -> str:
    """What may be given."""
    words_of = {"boolean": "true, false", "array": "list", "object": "mapping", "string": "text"}
    words = [words_of.get(key.value_type, key.value_type)]
    if key.choices:
        shown = ", ".join(key.choices) if len(key.choices) <= _MOST else "names"
        words = [shown] if key.value_type in ("string", "integer") else [f"{words[0]} of {shown}"]
    return ", ".join([*words, key.bounds] if key.bounds else words)


def _flow(value: Any) -> str:
    """A value as YAML writes it on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _reruns(key: Key, section: type[Section]) -> str:
    """What a change of a key makes stale, where its section does not say it."""
    return f"; reruns {key.reruns}" if key.reruns != section.reruns else ""


def comment_of(key: Key, section: type[Section]) -> str:
    """What stands behind a key in the config file.

    Parameters
    ----------
    key : Key
    section : type
        The section that holds the key, whose own comment says what its keys rerun.

    Returns
    -------
    str
    """
    named = [re.search(rf"\b{re.escape(name)}\b", key.meaning) for name in key.choices]
    text = key.sentence
    # Names out of a registry stand in the reference page: a config file need not follow it.
    if not all(named) and len(named) <= _MOST and not key.registered:
        text += f"; {'one of ' if key.value_type == 'string' else 'of '}{', '.join(key.choices)}"
    return text + _reruns(key, section)


def comment_of_section(section: type[Section]) -> str:
    """What stands behind the name of a section in the config file.

    Parameters
    ----------
    section : type

    Returns
    -------
    str
    """
    meaning = (section.__doc__ or "").strip().removesuffix(".")
    if section.reruns in ("", "nothing"):
        return meaning
    return f"{meaning}; each key reruns {section.reruns}"


def with_comments(text: str) -> str:
    """A config file, each of whose keys has its comment, with the default where it has another.

    Parameters
    ----------
    text : str
        In block style, two blanks of indentation a level. Of entries that repeat the same keys, as
        jet types and models do, the first gets the comments.

    Returns
    -------
    str
    """
    comments = _comments(WorkflowConfig)
    keys = {key.path: key for key in keys_of(WorkflowConfig)}
    done: set[tuple[str, ...]] = set()
    path: list[str] = []
    lines = []
    for line in text.splitlines():
        found = re.match(r"( *)([A-Za-z0-9_]+):([^#]*)(#.*)?$", line)
        if found:
            path = [*path[: len(found[1]) // 2], found[2]]
            general = _general(path)
            if general in comments and general not in done:
                done.add(general)
                line = f"{found[1]}{found[2]}:{found[3].rstrip()} # {comments[general]}"
                if general in keys and "*" not in general:
                    line += _default_of(keys[general], yaml.safe_load(found[3]))
        lines.append(line)
    return "\n".join(lines) + "\n"


def _default_of(key: Key, value: Any) -> str:
    """What stands behind a value in the config file that is not the key's default."""
    return "" if value == key.default else f"; default: {_flow(key.default)}"


def _general(path: list[str]) -> tuple[str, ...]:
    """A path with the star for names of jet types and models."""
    if path[:2] == ["data", "jet_types"] and len(path) > 2:
        return ("data", "jet_types", "*", *path[3:])
    if path[:1] == ["models"] and len(path) > 1:
        return ("models", "*", *path[2:])
    return tuple(path)


def _comments(section: type[Section]) -> Mapping[tuple[str, ...], str]:
    """The comment of each key and section, by path."""
    comments = {}
    for key in keys_of(section):
        comments[key.path] = comment_of(key, section_at(section, key.path[:-1]))
        for depth in range(1, len(key.path)):
            above = key.path[:depth]
            if above[-1] != "*" and above not in comments:
                comments[above] = _comment_above(section, above)
    return comments


def _comment_above(section: type[Section], path: tuple[str, ...]) -> str:
    field = section_at(section, path[:-1]).model_fields[path[-1]]
    if field.description:  # of a mapping from names to sections
        extra = field.json_schema_extra
        reruns = extra.get("reruns") if isinstance(extra, dict) else None
        return field.description + (f"; a new one reruns {reruns}" if reruns else "")
    return comment_of_section(section_at(section, path))


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Each file that is written from the models, with what it should hold.

    Parameters
    ----------
    root : Path
        The checkout.

    Yields
    ------
    tuple of Path and str
    """
    yield root / REFERENCE, reference_page()
    default = root / DEFAULT
    yield default, with_comments(default.read_text(encoding="utf-8"))


def main() -> None:
    """Write the files of this checkout, or print the schema."""
    from hypervae.io import write_text

    if "--schema" in sys.argv[1:]:
        print(json_schema(), end="")
        return
    for path, text in files(Path(__file__).resolve().parents[2]):
        write_text(path, text)


if __name__ == "__main__":
    main()

"""What is wrong with a config, one line for each mistake: the key, what was found and expected.

pydantic finds the mistakes; here they are put into words.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, get_args

from hypervae.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from hypervae.config.base import Section

#: So many are said at once.
MOST_MISTAKES = 20
_EXPECTED = {
    "int_type": "expected integer",
    "float_type": "expected number",
    "finite_number": "expected number",
    "bool_type": "expected boolean",
    "string_type": "expected string",
    "tuple_type": "expected array",
    "model_type": "expected object",
    "dict_type": "expected object",
    "greater_than_equal": "expected at least {ge:g}",
    "greater_than": "expected more than {gt:g}",
    "less_than_equal": "expected at most {le:g}",
    "less_than": "expected less than {lt:g}",
    "too_short": "expected at least {min_length} entries",
    "too_long": "expected at most {max_length} entries",
    "string_pattern_mismatch": "expected a name like {pattern}",
}


def text_keys(values: Any) -> Any:
    """Nested mappings with every key as text: YAML reads a model called 1 as a number.

    Parameters
    ----------
    values : object
        As YAML gives them.

    Returns
    -------
    object
        Of the same structure.

    Raises
    ------
    ConfigError
        If there is no mapping at the top.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"config: found {show(values)}, expected keys with values")
    return _text_keys(values, ())


# Sections within each other, at most: no key is as deep.
_DEEPEST = 40


def _text_keys(value: Any, path: tuple[str, ...]) -> Any:
    if len(path) > _DEEPEST:
        raise ConfigError(f"config: {_name(path[:3])}: found values within values without end")
    if isinstance(value, list):
        return [_text_keys(inner, (*path, str(place))) for place, inner in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    texts = {}
    for name, inner in value.items():
        place = _name(path) or "(top level)"
        if isinstance(name, bool | bytes | tuple | None) or name != name:
            raise ConfigError(
                f"config: {place}: found {show(name)} as a key, expected a name in quotes"
            )
        if str(name) in texts:
            raise ConfigError(f"config: {_name((*path, str(name)))}: found twice, expected once")
        texts[str(name)] = _text_keys(inner, (*path, str(name)))
    return texts


def explain(error: ValidationError, section: type[Section], above: str = "") -> str:
    """Words for what is wrong with a section.

    Parameters
    ----------
    error : ValidationError
    section : type
        The section that was checked.
    above : str
        What stands before the names of its keys.

    Returns
    -------
    str
    """
    errors = error.errors(include_url=False)
    lines: list[str] = []
    for one in sorted(errors, key=lambda one: [str(part) for part in one["loc"]]):
        if one["type"] == "too_short" and len(one["input"]) >= one["ctx"]["min_length"]:
            continue  # of its entries, one is wrong, and that is said
        lines += _missing(one, errors) if one["type"] == "missing" else _lines(one, section)
    different = list(dict.fromkeys(lines))
    further = len(different) - MOST_MISTAKES
    if further > 1:
        different[MOST_MISTAKES:] = [f"{further} further mistakes, expected none"]
    return "\n".join(f"config: {above}{line}" for line in different)


def show(value: Any) -> str:
    """A value with its type in words.

    Parameters
    ----------
    value : object
        As YAML gives it.

    Returns
    -------
    str
    """
    types = {bool: "true/false", str: "text", int: "integer", float: "number", list: "list"}
    types |= {date: "date", datetime: "date", bytes: "bytes", set: "set", tuple: "list"}
    name = "nothing" if value is None else types.get(type(value), "section")
    endless = isinstance(value, float) and not math.isfinite(value)
    text = str(value) if endless else json.dumps(value, default=str)
    return f"{_shortened(text, 80)} ({name})"


def _name(path: Iterable[int | str]) -> str:
    return ".".join(_shortened(str(word), 120) for word in path)


def _shortened(text: str, most: int) -> str:
    return text if len(text) < most else text[: most - 3] + "..."


def _missing(error: Any, errors: list[Any]) -> list[str]:
    """All keys that are missing beside each other in one line."""
    above = error["loc"][:-1]
    names = [
        str(other["loc"][-1])
        for other in errors
        if other["type"] == "missing" and other["loc"][:-1] == above
    ]
    return [f"{_name(above) or '(top level)'}: required key missing: {', '.join(names)}"]


def _lines(error: Any, section: type[Section]) -> Iterator[str]:
    path, context = error["loc"], error.get("ctx", {})
    if error["type"] == "between_keys":
        for mistake in context["mistakes"]:
            full = _name((*path, mistake.key))
            yield f"{full}: found {mistake.found:.200}, expected {mistake.expected}"
    elif error["type"] == "extra_forbidden":
        known = list(_section_at(section, path[:-1]).model_fields)
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield f"{_name(path)}: unknown key, expected one of {', '.join(known)}{hint}"
    elif path and path[-1] == "[key]":
        yield f"{_name(path[:-1])}: unknown name; {_expected(error)}"
    else:
        found = context.get("found") or show(error["input"])
        yield f"{_name(path)}: found {found:.200}, {_expected(error)}"


def _expected(error: Any) -> str:
    context = error.get("ctx", {})
    if error["type"] == "literal_error":
        values = re.findall(r"'([^']*)'|(\d+)", context["expected"])
        return "expected one of " + ", ".join(text or number for text, number in values)
    words = _EXPECTED.get(error["type"])
    return words.format(**context) if words else error["msg"]


def _section_at(section: type[Section], path: tuple[int | str, ...]) -> type[Section]:
    """The section at a path below another."""
    inside: Any = section
    for name in path:
        if hasattr(inside, "model_fields"):
            inside = inside.model_fields[name].annotation
        else:  # a mapping from names to sections
            inside = get_args(inside)[1]
    return inside

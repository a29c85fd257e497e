"""The keys of a section one by one, as help, comments and the reference page show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from hypervae.config.base import OneOf, Section


@dataclass(frozen=True)
class Key:
    """A key that holds a value.

    Parameters
    ----------
    path : tuple of str
        Names from the top; ``"*"`` where any name may stand.
    meaning, unit, reruns : str
        As the section's model has them; unit and reruns may be empty.
    value_type : str
        JSON's name of the type of its values: string, number, integer, boolean, array or object.
    bounds : str
        What values are allowed, e.g. ``"at least 1"``; empty if all of its type are.
    choices : tuple of str
        All values, or all entries of a list, where they are few; else empty.
    registered : bool
        Whether the choices come from a registry.
    required : bool
    default : object
        None if required.
    """

    path: tuple[str, ...]
    meaning: str
    unit: str
    reruns: str
    value_type: str
    bounds: str
    choices: tuple[str, ...]
    registered: bool
    required: bool
    default: Any

    @property
    def name(self) -> str:
        """The path as people write it, with dots."""
        return ".".join(self.path)

    @property
    def sentence(self) -> str:
        """The meaning with the unit, which stands before what is said of single values."""
        if not self.unit:
            return self.meaning
        first, mark, rest = re.split(r"(; | \(|$)", self.meaning, maxsplit=1)
        return f"{first} [{self.unit}]{mark}{rest}"


def keys_of(section: type[Section]) -> Iterator[Key]:
    """The keys at and below a section, in order: those of its own before those of sections within.

    They are read off the fields as they are declared: neither a validator nor a JSON schema is
    built for the options of a command, which often ends with its help.

    Parameters
    ----------
    section : type of Section
        The model of a section.

    Returns
    -------
    iterator of Key
    """
    return _walk(section, ())


def subsections(section: type[Section]) -> Iterator[tuple[str, type[Section], bool]]:
    """Sections within a section: name, model, and whether there is one for each of many names.

    Parameters
    ----------
    section : type of Section
        The model of a section.

    Yields
    ------
    name : str
    section : type of Section
    many : bool
    """
    for name, field in section.model_fields.items():
        annotation: Any = field.annotation
        if _is_section(annotation):
            yield name, annotation, False
        elif get_args(annotation) and _is_section(get_args(annotation)[-1]):
            yield name, get_args(annotation)[-1], True


def section_at(section: type[Section], path: tuple[str, ...]) -> type[Section]:
    """The section at a path below another.

    Parameters
    ----------
    section : type
    path : tuple of str
        As of a `Key`, without its own name.

    Returns
    -------
    type of Section
    """
    for name in path:
        if name != "*":
            section = {below: model for below, model, _ in subsections(section)}[name]
    return section


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _walk(section: type[Section], above: tuple[str, ...]) -> Iterator[Key]:
    below = list(subsections(section))
    inside = {name for name, _, _ in below}
    for name, field in section.model_fields.items():
        if name in inside:
            continue
        about = _unfold(field.annotation, field.metadata)
        extra: Any = field.json_schema_extra or {}
        default = field.get_default(call_default_factory=True)
        yield Key(
            path=(*above, name),
            meaning=field.description or "",
            unit=extra.get("unit", ""),
            reruns=extra.get("reruns", section.reruns),
            value_type=about.value_type,
            bounds=about.bounds,
            choices=about.choices or (about.entries.choices if about.entries else ()),
            registered=about.registered,
            required=field.is_required(),
            default=None if field.is_required() else _as_lists(default),
        )
    for name, model, many in below:
        yield from _walk(model, (*above, name, "*") if many else (*above, name))


@dataclass(frozen=True)
class _Values:
    """What a key, or an entry of it, may hold."""

    value_type: str
    choices: tuple[str, ...]
    registered: bool
    limits: Mapping[str, Any]
    entries: _Values | None  # of a list; of a mapping, its names

    @property
    def bounds(self) -> str:
        """The limits in words."""
        words = [
            f"{word} {self.limits[limit]:g}"
            for limit, word in _LIMITS.items()
            if limit in self.limits
        ]
        if self.value_type == "array":
            low, high = (self.limits.get(limit) for limit in ("min_length", "max_length"))
            if low is not None and low == high:
                words.append(f"{low} entries")
            elif low:
                words.append(f"at least {low} entries" if low > 1 else "at least one entry")
            if self.entries and self.entries.bounds:
                words.append(f"each {self.entries.bounds}")
        return ", ".join(words)


_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_VALUE_TYPES: Mapping[Any, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    tuple: "array",
    dict: "object",
}


def _unfold(annotation: Any, metadata: Iterable[Any] = ()) -> _Values:
    """What an annotation, and what is said beside it, allows."""
    said = [*metadata]
    if get_origin(annotation) is Annotated:
        annotation, *within = get_args(annotation)
        said = [*within, *said]
    rules = [
        rule for one in said for rule in (one.metadata if isinstance(one, FieldInfo) else [one])
    ]
    registries = [rule for rule in rules if isinstance(rule, OneOf)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        value_type, choices = _VALUE_TYPES[type(arguments[0])], tuple(map(str, arguments))
    else:
        value_type, choices = _VALUE_TYPES[origin or annotation], ()
    return _Values(
        value_type,
        tuple(registries[0].names()) if registries else choices,
        bool(registries),
        {name: value for rule in rules for name, value in _limits(rule)},
        _unfold(arguments[0]) if origin in (tuple, dict) else None,
    )


def _limits(rule: Any) -> Iterator[tuple[str, Any]]:
    for name in (*_LIMITS, "min_length", "max_length"):
        if hasattr(rule, name):
            yield name, getattr(rule, name)


def _as_lists(value: Any) -> Any:
    """A default as YAML and JSON have it."""
    return [_as_lists(inner) for inner in value] if isinstance(value, tuple) else value

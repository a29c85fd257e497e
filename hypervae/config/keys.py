"""The keys of a section one by one, as help, comments and the reference page show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from hypervae.config.base import Section


@dataclass(frozen=True)
class Key:
    """A key that holds a value.

    Parameters
    ----------
    path : tuple of str
        Names from the top; ``"*"`` where any name may stand.
    meaning, unit, reruns : str
        As the section's model has them; unit and reruns may be empty.
    kind : str
        JSON's name of its type: string, number, integer, boolean, array or object.
    bounds : str
        What values are allowed, e.g. ``"at least 1"``; empty if all of its kind are.
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
    kind: str
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
    """The keys at and below a section, in order."""
    schema = section.model_json_schema()
    return _walk(section, (), schema, schema.get("$defs", {}))


def subsections(section: type[Section]) -> Iterator[tuple[str, type[Section], bool]]:
    """Sections within a section: name, model, and whether there is one for each of many names."""
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
    """
    for name in path:
        if name != "*":
            section = {below: model for below, model, _ in subsections(section)}[name]
    return section


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _walk(
    section: type[Section], above: tuple[str, ...], schema: Any, models: Any
) -> Iterator[Key]:
    below = {name: (model, many) for name, model, many in subsections(section)}
    for name, shown in schema["properties"].items():
        path = (*above, name)
        if name in below:
            model, many = below[name]
            inside = models[model.__name__]
            yield from _walk(model, (*path, "*") if many else path, inside, models)
            continue
        shown = {**models.get(shown.get("$ref", "").rpartition("/")[2], {}), **shown}
        inside = shown.get("items") or shown.get("propertyNames") or {}
        yield Key(
            path=path,
            meaning=shown.get("description", ""),
            unit=shown.get("unit", ""),
            reruns=shown.get("reruns", section.reruns),
            kind=shown.get("type", "string"),
            bounds=_bounds(shown),
            choices=tuple(str(value) for value in shown.get("enum") or inside.get("enum") or ()),
            registered=shown.get("registered", False),
            required=name in schema.get("required", ()),
            default=shown.get("default"),
        )


def _bounds(shown: dict[str, Any]) -> str:
    """What a schema allows, in words."""
    words = []
    for rule, word in (
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
    ):
        if rule in shown:
            words.append(f"{word} {shown[rule]:g}")
    low, high = shown.get("minItems"), shown.get("maxItems")
    if low is not None and low == high:
        words.append(f"{low} entries")
    elif low:
        words.append(f"at least {low} entries" if low > 1 else "at least one entry")
    if "items" in shown and (inside := _bounds(shown["items"])):
        words.append(f"each {inside}")
    return ", ".join(words)

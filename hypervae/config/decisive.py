"""What of a config decides results, and which spellings of it mean the same.

A key decides no result where it says how a job runs (`EXECUTION`), or where another key of its
section has a value that makes it mean nothing (`where`). The order of a list that is a set (`SET`)
and the spelling of a path (`PATH`) mean nothing either. What a stage is compared by is `decisive`
of the sections that it is given, in the spelling of `canonical`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from hypervae.config.base import Section

#: Of a key that says how a job runs: it changes no result, so nothing is stale when it changes.
EXECUTION: Mapping[str, Any] = {"execution": True}
#: Of a list whose order means nothing.
SET: Mapping[str, Any] = {"set": True}
#: Of a path, or a list of them.
PATH: Mapping[str, Any] = {"path": True}


def where(**values: Sequence[Any]) -> Mapping[str, Any]:
    """Of a key that counts only where others of its section have certain values.

    Parameters
    ----------
    **values : sequence
        Of each other key, the values with which this one counts; one of the keys suffices.

    Returns
    -------
    mapping
        For `hypervae.config.base.key`.
    """
    return {"where": {name: list(allowed) for name, allowed in values.items()}}


def decisive(section: Section) -> dict[str, Any]:
    """The keys of a section that decide results, as JSON has them; the rest is left out.

    Parameters
    ----------
    section : Section

    Returns
    -------
    dict
    """
    values = section.to_dict()
    kept = {}
    for name, field in type(section).model_fields.items():
        if name not in values or not _counts(section, field):
            continue
        inner = getattr(section, name)
        kept[name] = decisive(inner) if isinstance(inner, Section) else values[name]
    return kept


def execution_keys(section: Section, above: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a section that say how a job runs.

    Parameters
    ----------
    section : Section
    above : str
        What stands before their names, with a dot at its end.

    Yields
    ------
    name : str
        With dots.
    value : object
    """
    for name, field in type(section).model_fields.items():
        inner = getattr(section, name)
        if _extra(field).get("execution"):
            if isinstance(inner, Section):
                yield from ((f"{above}{name}.{key}", v) for key, v in inner.to_dict().items())
            else:
                yield f"{above}{name}", inner
        elif isinstance(inner, Section):
            yield from execution_keys(inner, f"{above}{name}.")


def canonical(section: Any) -> Any:
    """A section in one spelling: sets in one order, paths as short as they can be.

    Parameters
    ----------
    section : Section
        Checked.

    Returns
    -------
    Section
        Of the same type, with the same meaning.
    """
    changes = {
        name: _plain(getattr(section, name), field)
        for name, field in type(section).model_fields.items()
    }
    changed = {name: new for name, new in changes.items() if new != getattr(section, name)}
    return section.model_copy(update=changed) if changed else section


def _plain(value: Any, field: FieldInfo) -> Any:
    about = _extra(field)
    if isinstance(value, Section):
        return canonical(value)
    if isinstance(value, dict):
        return {name: _plain(inner, field) for name, inner in value.items()}
    if about.get("path"):
        value = tuple(map(plain_path, value)) if isinstance(value, tuple) else plain_path(value)
    if about.get("set"):
        first = () if field.is_required() else field.get_default(call_default_factory=True)
        return tuple(sorted(value, key=lambda entry: (_place(entry, first), entry)))
    return value


def _place(entry: Any, first: Sequence[Any]) -> int:
    """Entries of the default come first, in its order, so that the default keeps its own."""
    return first.index(entry) if entry in first else len(first)


def plain_path(path: str) -> str:
    """A path without what changes nothing; relative where it lies in the working directory.

    A path outside stays relative or absolute, as it is, since a folder may move with what lies
    beside it.

    Parameters
    ----------
    path : str
        Empty for none.

    Returns
    -------
    str
    """
    if not path:
        return path
    plain, here = os.path.normpath(path), os.getcwd()
    if os.path.isabs(plain) and os.path.commonpath([plain, here]) == here:
        plain = os.path.relpath(plain, here)
    elif plain.startswith(os.pardir):
        inside = os.path.relpath(os.path.join(here, plain), here)
        plain = plain if inside.startswith(os.pardir) else inside
    return plain


def _counts(section: Section, field: FieldInfo) -> bool:
    about = _extra(field)
    if about.get("execution"):
        return False
    conditions = about.get("where")
    return not conditions or any(
        _among(getattr(section, name), allowed) for name, allowed in conditions.items()
    )


def _among(value: Any, allowed: Sequence[Any]) -> bool:
    if isinstance(value, tuple):
        return any(entry in allowed for entry in value)
    return value in allowed


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    extra: Any = field.json_schema_extra
    return extra or {}

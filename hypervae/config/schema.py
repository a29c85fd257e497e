"""Read the JSON schema, fill in its defaults and say clearly what is wrong with a config.

The schema, ``workflow/schemas/config.schema.yaml``, is the one authority on keys, types, defaults
and their meaning: the workflow's config is checked against it, each subcommand's ``--config``
against a section of it, and the command line's options and help are made from it.
"""

from __future__ import annotations

import copy
import difflib
import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hypervae.errors import ConfigError


@dataclass(frozen=True)
class Stage:
    """What one subcommand takes with ``--config``.

    Parameters
    ----------
    section : str
        The section whose keys stand at the top.
    attached : tuple of str
        Further sections, each under its own name.
    """

    section: str
    attached: tuple[str, ...] = ()


_STAGES = {
    "simulate": Stage("simulation"),
    "download": Stage("jetnet"),
    "correlators": Stage("correlators", ("hyperedges", "split")),
    "normalize": Stage("normalization"),
    "train": Stage("train", ("model", "split")),
    "generate": Stage("generate"),
    "evaluate": Stage("evaluate", ("split",)),
    "equivariance": Stage("equivariance"),
    "reconstruct": Stage("reconstruction"),
    "plot": Stage("plot"),
}


def stages() -> Mapping[str, Stage]:
    """The subcommands that take a section of the config."""
    return _STAGES


@functools.cache
def load_schema() -> dict[str, Any]:
    """The schema of the whole config, from the checkout or, where installed, from the package."""
    package = Path(__file__).resolve().parents[1]
    places = [
        package.parent / "workflow" / "schemas" / "config.schema.yaml",
        package / "schemas" / "config.schema.yaml",
    ]
    for place in places:
        if place.is_file():
            return yaml.safe_load(place.read_text(encoding="utf-8"))
    raise ConfigError(f"the config schema is missing: looked for {' and '.join(map(str, places))}")


def stage_schema(stage: str) -> dict[str, Any]:
    """The schema of what a subcommand takes with ``--config``."""
    whole = load_schema()
    wanted = _STAGES[stage]
    schema = copy.deepcopy(whole["$defs"][wanted.section])
    for name in wanted.attached:
        schema["properties"][name] = {"$ref": f"#/$defs/{name}"}
    schema["$defs"] = whole["$defs"]
    return schema


def resolve_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check the workflow's config and fill in the defaults.

    Parameters
    ----------
    config : mapping
        As loaded from YAML.

    Returns
    -------
    dict
        A copy with every key of the schema.

    Raises
    ------
    ConfigError
        Naming the key, what was found and what was expected, one line for each mistake.
    """
    resolved = _resolve(config, load_schema())
    mistakes = list(_cross_checks(resolved))
    if mistakes:
        raise ConfigError(_message(mistakes))
    return resolved


def resolve_section(stage: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a subcommand was given and fill in the defaults; errors as `resolve_config`."""
    resolved = _resolve(section, stage_schema(stage))
    parts = {_STAGES[stage].section: resolved}
    parts |= {name: resolved[name] for name in _STAGES[stage].attached}
    mistakes = list(_section_checks(parts))
    if mistakes:
        raise ConfigError(_message(mistakes))
    return resolved


def _resolve(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    from jsonschema import Draft202012Validator

    if not isinstance(config, Mapping):
        raise ConfigError(f"config: found {_show(config)}, expected keys with values")
    root = load_schema()
    filled = _fill(config, schema, root)
    errors = sorted(
        Draft202012Validator(schema).iter_errors(filled), key=lambda e: [str(p) for p in e.path]
    )
    if errors:
        lines = dict.fromkeys(line for error in errors for line in _explain(error))
        raise ConfigError(_message(lines))
    return filled


def _message(mistakes: Iterable[str]) -> str:
    return "config: " + "\nconfig: ".join(mistakes)


def _follow(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with its reference, if it is one, followed; keys beside the reference win."""
    if "$ref" not in schema:
        return dict(schema)
    target: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**_follow(target, root), **beside}


def _fill(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Copy `value` with defaults filled in and with numbers as the schema wants them.

    YAML 1.1 takes 1e-4 for text, 2.0e+3 for no integer and a model called 1 for a number.
    """
    schema = _follow(schema, root)
    kind = schema.get("type")
    if kind == "object" and isinstance(value, Mapping):
        known = schema.get("properties", {})
        other = schema.get("additionalProperties")
        filled = {}
        for key, item in value.items():
            key = str(key)
            inner = known.get(key, other if isinstance(other, Mapping) else {})
            filled[key] = _fill(item, inner, root)
        for key, inner in known.items():
            inner = _follow(inner, root)
            if key not in filled and "default" in inner:
                filled[key] = _fill(copy.deepcopy(inner["default"]), inner, root)
        return filled
    if kind == "array" and isinstance(value, list):
        return [_fill(item, schema.get("items", {}), root) for item in value]
    if kind == "number" and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return value
        # NaN lies within all bounds; as text it is refused
        return number if math.isfinite(number) else str(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind == "integer" and isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+\s*", value):
        return int(value)  # Snakemake's --config gives text
    if kind == "string" and "32" in schema.get("enum", ()) and value == 32:
        return "32"
    return copy.deepcopy(value)


def _show(value: Any) -> str:
    kinds = {bool: "true/false", str: "text", int: "integer", float: "number", list: "list"}
    kind = "nothing" if value is None else kinds.get(type(value), "section")
    text = json.dumps(value, default=str)
    return f"{text if len(text) < 80 else text[:77] + '...'} ({kind})"


def _explain(error: Any) -> Iterable[str]:
    """One line per mistake: the key, what was found, what was expected."""
    key = ".".join(str(part) for part in error.absolute_path) or "(top level)"
    rule, wanted = error.validator, error.validator_value
    if rule == "additionalProperties" and wanted is False:
        known = list(error.schema.get("properties", {}))
        for name in (name for name in error.instance if name not in known):
            full = f"{key}.{name}" if error.absolute_path else str(name)
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield f"{full}: unknown key, expected one of {', '.join(known)}{hint}"
        return
    if rule == "required":
        missing = [name for name in wanted if name not in error.instance]
        yield f"{key}: required key missing: {', '.join(missing)}"
        return
    if "propertyNames" in error.absolute_schema_path:
        yield f"{key}.{error.instance}: unknown name; {_expected(rule, wanted)}"
        return
    yield f"{key}: found {_show(error.instance)}, {_expected(rule, wanted)}"


def _expected(rule: str, wanted: Any) -> str:
    words = {
        "type": "expected {}",
        "enum": "expected one of {}",
        "minimum": "expected at least {}",
        "maximum": "expected at most {}",
        "exclusiveMinimum": "expected more than {}",
        "exclusiveMaximum": "expected less than {}",
        "minItems": "expected at least {} entries",
        "maxItems": "expected at most {} entries",
        "minProperties": "expected at least {} entries",
        "uniqueItems": "expected no entry twice",
        "pattern": "expected a name like {}",
        "contains": "expected {} among them",
    }
    if isinstance(wanted, Mapping):
        wanted = wanted.get("const", wanted)
    shown = ", ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
    return words.get(rule, "expected " + rule + " {}").format(shown)


def _section_checks(sections: Mapping[str, Any], above: str = "") -> Iterable[str]:
    """Checks between the keys of sections, which a schema cannot say.

    `above` stands before the names of the sections that are below ``data`` in the whole config.
    """
    for name, key, full in (
        ("correlators", "range", "correlators.range"),
        ("simulation", "jet_pt", f"{above}simulation.jet_pt"),
    ):
        low, high = sections.get(name, {}).get(key, (0, 1))
        if low >= high:
            yield f"{full}: found [{low}, {high}], expected low < high"
    for jet_type, (low, high) in sections.get("simulation", {}).get("pt_hat", {}).items():
        if low >= high:
            yield f"{above}simulation.pt_hat.{jet_type}: found [{low}, {high}], expected low < high"
    references = sections.get("model", {}).get("references", ())
    if "axis" in references and not {"time", "beam"} <= set(references):
        yield f"model.references: found {references}, expected time and beam beside axis"
    if "split" in sections:
        total = sum(sections["split"]["fractions"])
        if abs(total - 1) > 1e-9:
            yield f"{above}split.fractions: found a sum of {total:g}, expected 1"
    if "correlators" in sections and "hyperedges" in sections:
        for order in sections["hyperedges"]["orders"]:
            if order not in sections["correlators"]["orders"]:
                yield (
                    f"hyperedges.orders: found {order}, expected orders among "
                    f"correlators.orders {sections['correlators']['orders']}"
                )


def _cross_checks(config: Mapping[str, Any]) -> Iterable[str]:
    data = config["data"]
    yield from _section_checks({**data, **config}, above="data.")
    for name, source in data["jet_types"].items():
        if source["source"] == "files" and not source["paths"]:
            yield f"data.jet_types.{name}.paths: found no paths, expected some for source 'files'"
    for name, model in config["models"].items():
        for jet_type in model["jet_types"]:
            if jet_type not in data["jet_types"]:
                known = ", ".join(data["jet_types"])
                yield (
                    f"models.{name}.jet_types: found {jet_type!r}, expected types that "
                    f"data.jet_types defines ({known})"
                )

"""Keys are read off the fields of a section; they say what its JSON schema says."""

import pytest

from hypervae.config import STAGES, WorkflowConfig, keys_of

SECTIONS = {"workflow": WorkflowConfig, **{name: stage.config for name, stage in STAGES.items()}}
LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def leaves(schema, models, above=()):
    """Path, schema and whether it must be given, of every key that is no section."""
    for name, shown in schema["properties"].items():
        path = (*above, name)
        inside = shown.get("additionalProperties")
        inside = next(iter(shown.get("patternProperties", {}).values()), inside)
        at = {**models.get(shown.get("$ref", "").rpartition("/")[2], {}), **shown}
        if "properties" in at:
            yield from leaves(at, models, path)
        elif isinstance(inside, dict) and "$ref" in inside:
            yield from leaves(models[inside["$ref"].rpartition("/")[2]], models, (*path, "*"))
        else:
            yield path, at, name in schema.get("required", ())


def bounds(shown):
    words = [f"{word} {shown[rule]:g}" for rule, word in LIMITS.items() if rule in shown]
    low, high = shown.get("minItems"), shown.get("maxItems")
    if low is not None and low == high:
        words.append(f"{low} entries")
    elif low is not None:
        words.append("at least one entry" if low == 1 else f"at least {low} entries")
    if "items" in shown and (entry := bounds(shown["items"])):
        words.append(f"each {entry}")
    return ", ".join(words)


@pytest.mark.parametrize("name", SECTIONS)
def test_keys_say_what_the_schema_says(name):
    schema = SECTIONS[name].model_json_schema()
    shown = list(leaves(schema, schema.get("$defs", {})))
    keys = list(keys_of(SECTIONS[name]))
    assert len(keys) == len(shown)
    shown = {path: (leaf, required) for path, leaf, required in shown}
    for key in keys:
        leaf, required = shown[key.path]
        entries = leaf.get("items") or leaf.get("propertyNames") or {}
        assert key.value_type == leaf.get("type", "string"), key.name
        assert key.bounds == bounds(leaf), key.name
        choices = leaf.get("enum") or entries.get("enum") or ()
        assert list(key.choices) == [str(choice) for choice in choices], key.name
        assert key.meaning == leaf["description"], key.name
        assert key.unit == leaf.get("unit", ""), key.name
        assert key.required == required, key.name
        assert key.default == leaf.get("default"), key.name

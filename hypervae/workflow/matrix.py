"""What reruns when a key or a module changes: tried with each, and written into the docs.

``python -m hypervae.workflow.matrix`` writes the tables of ``docs/staleness.md`` anew.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hypervae.config import Key, WorkflowConfig, keys_of
from hypervae.config.keys import section_at
from hypervae.digest import import_closure
from hypervae.workflow.plan import Plan
from hypervae.workflow.staleness import Staleness

PAGE = Path("docs/staleness.md")
BEGIN, END = "<!-- written by {} -->", "<!-- end -->"
_COMMAND = "python -m hypervae.workflow.matrix"
_PACKAGE = Path(__file__).resolve().parents[1]

#: The rules, in the order of the DAG, with the subcommand that each calls.
RULES = {
    "simulate_shard": "simulate",
    "download_jetnet": "download",
    "split_shard": "split",
    "import_shard": "import",
    "compute_correlators": "correlators",
    "merge_normalization": "normalize",
    "train_model": "train",
    "adopt_model": "adopt",
    "generate_jets": "generate",
    "generate_mix": "generate_mix",
    "evaluate_jets": "evaluate",
    "measure_equivariance": "equivariance",
    "reconstruct_jets": "reconstruct",
    "plot_*": "plot",
}
# The source of the jets for each rule whose jobs are those of a jet type.
_SOURCES = {
    "simulate": "pythia",
    "download": "jetnet",
    "split": "jetnet",
    "import": "files",
    "correlators": "pythia",  # of any
}
_MODEL = "m"
_BASE: Mapping[str, Any] = {
    "data": {
        "jet_types": {
            "g": {"source": "pythia", "shards": 10},
            "q": {"source": "jetnet", "shards": 10},
            "t": {"source": "files", "paths": ["t.h5"]},
        },
    },
    "models": {_MODEL: {"jet_types": ["g", "q", "t"]}, "given": {"jet_types": ["t"]}},
}
# Of keys for which a value cannot be told from the default: another one.
_OTHERS: Mapping[str, Any] = {
    "data.split.fractions": [0.5, 0.2, 0.3],
    "data.jetnet.directory": "staged",
    "data.jetnet.record": "https://example.org/record",
    "data.jet_types.*.paths": ["u.h5"],
    "data.jet_types.*.layout": "pt,eta,phi",
    "data.jet_types.*.extra": "charge",
    "data.jet_types.*.jet_class": "label_Tbl",
    "correlators.orders": [2, 3, 4, 5],
    "correlators.range": [1e-3, 2.0],
    "hyperedges.orders": [3],
    "models.*.jet_types": ["g", "q"],
    "models.*.hyperedges": {"max_particles": 9},
    "models.*.model": {"blocks": 3},
    "models.*.train": {"seed": 2},
    "models.*.generate": {"seed": 2},
    "models.*.weights": "elsewhere",
    "models.*.init_from": "elsewhere",
    "model.references": ["time"],
    "model.condition": ["jet_type"],
    "model.encoder_reads": ["edges"],
    "model.heads": 2,
    "generate.mix": {"g": 1.0},
    "evaluate.metrics": ["w1"],
    "train.betas": [0.8, 0.9],
    "train.gumbel_temperature": [2.0, 0.5],
}
# Of which source a type must be, for the keys that only one source reads.
_TYPE_OF_KEY = {"jets_per_shard": "g", "shards": "q"}


def stale_rules(key: Key) -> tuple[str, ...]:
    """The rules whose jobs are stale by themselves when a key changes, where it counts.

    Parameters
    ----------
    key : Key
        Of the whole config.

    Returns
    -------
    tuple of str
        In the order of the DAG; what comes after them reruns, too.
    """
    before = _with_conditions(key, copy.deepcopy(dict(_BASE)))
    after = _put(copy.deepcopy(before), _place(key), _other(key, before))
    old, new = _texts(before), _texts(after)
    return tuple(rule for rule in RULES if old.get(rule) != new.get(rule))


def condition(key: Key) -> str:
    """Where a key counts, in words; empty where it always does.

    Parameters
    ----------
    key : Key

    Returns
    -------
    str
    """
    return " and ".join(
        " or ".join(
            f"`{'.'.join(path)}` is {' or '.join(map(str, allowed))}"
            for path, allowed in alternatives
        )
        for alternatives in _conditions(key)
    )


_Values = tuple[tuple[str, ...], list[Any]]


def _conditions(key: Key) -> list[list[_Values]]:
    """Of the key and of the sections that it lies in: keys, one of which has one of the values."""
    found = []
    for depth in range(1, len(key.path) + 1):
        above, name = key.path[: depth - 1], key.path[depth - 1]
        if name == "*":
            continue
        field = section_at(WorkflowConfig, above).model_fields[name]
        extra: Any = field.json_schema_extra or {}
        if where := extra.get("where"):
            found.append([((*above, other), values) for other, values in where.items()])
    return found


def _with_conditions(key: Key, config: dict[str, Any]) -> dict[str, Any]:
    for (path, allowed), *_ in _conditions(key):
        config = _put(config, path, allowed[0])
    if key.path[:3] == ("data", "simulation", "pt_hat"):
        config = _put(config, ("data", "jet_types", key.path[3], "source"), "pythia")
    return config


def _place(key: Key) -> tuple[str, ...]:
    if key.path[:2] == ("data", "jet_types") and len(key.path) > 2:
        return ("data", "jet_types", _TYPE_OF_KEY.get(key.path[-1], "t"), *key.path[3:])
    return tuple(_MODEL if name == "*" else name for name in key.path)


def _other(key: Key, config: Mapping[str, Any]) -> Any:
    if key.name in _OTHERS:
        return _OTHERS[key.name]
    present: Any = config
    for name in _place(key):
        present = present.get(name) if isinstance(present, Mapping) else None
    value = key.default if present is None else present
    if key.choices:
        return next(choice for choice in key.choices if str(choice) != str(value))
    if key.value_type == "boolean":
        return not value
    if key.value_type == "array":
        return [entry * 0.9 for entry in value]
    if key.value_type == "number":
        return value * 0.9 or 0.1
    return value * 2 or 1


def _put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    place = config
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
    return config


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    """By rule, what Snakemake compares, of a job of `_MODEL`."""
    plan = Plan(config)
    staleness = Staleness(plan)
    given = plan.config.models[_MODEL].weights
    texts = {}
    for rule, subcommand in RULES.items():
        if subcommand == ("train" if given else "adopt"):
            continue
        source = _SOURCES.get(subcommand)
        jobs = [("", "")]
        if source:
            types = [name for name in plan.jet_types if plan.source(name).source == source]
            jobs = [(name, plan.shards(name)[0]) for name in types]
        texts[rule] = "".join(staleness.decides(subcommand, _MODEL, *job) for job in jobs)
    return texts


def module_rows() -> dict[tuple[str, ...], list[str]]:
    """The modules by the subcommands whose digests they are in.

    Returns
    -------
    dict of tuple of str to list of str
        ``a.*`` stands for all below ``a`` that stand in no other row.
    """
    subcommands = [name for name in dict.fromkeys(RULES.values()) if name != "generate_mix"]
    closures = {name: import_closure(name) for name in subcommands}
    stages = {
        module: tuple(name for name in subcommands if module in closures[name])
        for module in _modules()
    }
    rows: dict[tuple[str, ...], list[str]] = {}

    def add(module: str, above: tuple[str, ...] | None) -> None:
        below = [name for name in stages if name.startswith(f"{module}.")]
        common = stages[module]
        if below:
            ((common, _),) = Counter(stages[name] for name in (module, *below)).most_common(1)
        shown = module.removeprefix("hypervae.")
        if common != above:
            rows.setdefault(common, []).append(f"{shown}.*" if below else shown)
        if stages[module] != common:
            rows.setdefault(stages[module], []).append(shown)
        for name in below:
            if name.count(".") == module.count(".") + 1:
                add(name, common)

    for module in stages:
        if module.count(".") == 1:
            add(module, None)
    return dict(sorted(rows.items(), key=lambda row: (not row[0], list(map(_order, row[0])))))


def _order(subcommand: str) -> int:
    return list(RULES.values()).index(subcommand)


def _modules() -> Iterable[str]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if "." in name and not name.endswith("__main__"):
            yield name


def tables() -> str:
    """Both tables, in Markdown.

    Returns
    -------
    str
    """
    lines = ["| key | makes stale by itself | where |", "|---|---|---|"]
    for key in keys_of(WorkflowConfig):
        rules = ", ".join(f"`{rule}`" for rule in stale_rules(key)) or "nothing"
        lines.append(f"| `{key.name}` | {rules} | {condition(key)} |")
    lines += ["", "| in the digest of | modules of `hypervae` |", "|---|---|"]
    for stages, modules in module_rows().items():
        names = ", ".join(f"`{name}`" for name in stages) or "none"
        lines.append(f"| {names} | {', '.join(f'`{module}`' for module in modules)} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page of the docs with the tables as they are now.

    Parameters
    ----------
    text : str
        As it was.

    Returns
    -------
    str
    """
    begin = BEGIN.format(f"`{_COMMAND}`")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

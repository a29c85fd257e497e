"""Whether the jobs of a profile fit the partitions of a cluster, before any is submitted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hypervae.errors import HyperVAEError, InputError
from hypervae.workflow.slurm.partitions import Partition

# Of the rules' own needs, as their files have them.
_RULE = re.compile(r"^(?:use rule \w+ as|rule) (\w+)", re.MULTILINE)
_NEEDS = {"runtime": re.compile(r"runtime=(\d+)"), "mem_mb": re.compile(r"mem_mb=growing\((\d+)")}
# The Slurm plugin takes no other GPU models.
_MODEL = re.compile(r"[A-Za-z0-9_.]+")


def read_profile(folder: Path) -> dict[str, Any]:
    """The content of a profile.

    Parameters
    ----------
    folder : Path
        With ``config.yaml`` in it.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If it is no profile.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise InputError(folder, "profile", found="no config.yaml", expected="a profile's folder")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise HyperVAEError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(path, "file", found=type(content).__name__, expected="keys with values")
    return content


def needs_of_rules(folder: Path) -> dict[str, dict[str, int]]:
    """What rules say that their jobs need, where it is a number.

    Parameters
    ----------
    folder : Path
        With the rules' files; without them nothing is known of any rule.

    Returns
    -------
    dict of str to dict
        ``runtime`` [min] and ``mem_mb`` by rule, for rules that become cluster jobs.
    """
    needs = {}
    for path in sorted(folder.glob("*.smk")):
        parts = _RULE.split(path.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if "localrule: True" not in body:
                found = {key: pattern.search(body) for key, pattern in _NEEDS.items()}
                needs[name] = {key: int(match[1]) for key, match in found.items() if match}
    return needs


def misfits(
    profile: Mapping[str, Any],
    partitions: Mapping[str, Partition],
    needs: Mapping[str, Mapping[str, int]],
) -> Iterator[str]:
    """What of a profile a cluster would refuse, or leave waiting for ever, with the remedy.

    Parameters
    ----------
    profile : mapping
        As of `read_profile`.
    partitions : mapping of str to Partition
    needs : mapping of str to mapping
        As of `needs_of_rules`.

    Yields
    ------
    str
        One line for a mistake, the rules that have it first.
    """
    default = profile.get("default-resources") or {}
    own = profile.get("set-resources") or {}
    lines: dict[str, list[str]] = {}
    for rule in sorted({*needs, *own}):
        job = {**default, **needs.get(rule, {}), **own.get(rule, {})}
        for line in misfits_of(job, partitions):
            lines.setdefault(line, []).append(rule)
    for line, rules in lines.items():
        yield f"{', '.join(rules)}: {line}"


def misfits_of(job: Mapping[str, Any], partitions: Mapping[str, Partition]) -> Iterator[str]:
    """What of one job a cluster would refuse, or leave waiting for ever, with the remedy.

    Parameters
    ----------
    job : mapping
        Its resources, by the names that they have in a profile.
    partitions : mapping of str to Partition

    Yields
    ------
    str
        One line for a mistake.
    """
    name = job.get("slurm_partition")
    if not name:
        chosen = next((each for each in partitions.values() if each.default), None)
        if chosen is None:
            names = ", ".join(partitions)
            yield f"slurm_partition: found none and no default here, expected one of {names}"
            return
    elif str(name) not in partitions:
        names = ", ".join(partitions)
        yield f"slurm_partition: found {name!r}, which is not here; expected one of {names}"
        return
    else:
        chosen = partitions[str(name)]
    if not chosen.up:
        yield f"partition {chosen.name}: it is down; choose another slurm_partition"
    yield from _too_large(job, chosen, partitions)
    yield from _wrong_gpus(job, chosen, partitions)


def _too_large(
    job: Mapping[str, Any], chosen: Partition, partitions: Mapping[str, Partition]
) -> Iterator[str]:
    limits = {
        "runtime": ("min", lambda each: each.minutes),
        "mem_mb": ("MB", lambda each: each.memory_mb),
        "cpus_per_task": ("CPUs", lambda each: each.cpus),
    }
    for key, (unit, limit_of) in limits.items():
        limit, wanted = limit_of(chosen), job.get(key)
        if limit is None or not isinstance(wanted, int) or wanted <= limit:
            continue
        larger = [
            each.name
            for each in partitions.values()
            if limit_of(each) is None or limit_of(each) >= wanted
        ]
        remedy = f" or slurm_partition {' or '.join(larger)}" if larger else ""
        text = f"{key}: found {wanted}, but partition {chosen.name} has {limit} {unit} at most"
        yield f"{text}; set {key}: {limit}{remedy}"


def _wrong_gpus(
    job: Mapping[str, Any], chosen: Partition, partitions: Mapping[str, Partition]
) -> Iterator[str]:
    number, model = _gpus_wanted(job)
    with_gpus = [each.name for each in partitions.values() if each.gpus]
    if not number:
        return
    if not chosen.gpus:
        where = f"slurm_partition {' or '.join(with_gpus)}" if with_gpus else "gpu: 0"
        yield f"gpu: found {number}, but partition {chosen.name} has none; set {where}"
        return
    if model and (job.get("gres") or job.get("gpu_model")) and not _MODEL.fullmatch(model):
        extra = f"\"'--gpus-per-node={model}:{number}'\""
        text = f"gpu_model: found {model!r}, but the plugin takes letters, digits, _ and . alone"
        yield f"{text}; set gpu: 0 and slurm_extra: {extra} in place of it"
    known = ", ".join(filter(None, chosen.gpus)) or "GPUs without a model's name"
    if model and model not in chosen.gpus:
        yield f"gpu_model: found {model!r}, but partition {chosen.name} has {known}"
        return
    most = chosen.gpus[model] if model else sum(chosen.gpus.values())
    if number > most:
        text = f"gpu: found {number}, but a node of {chosen.name} has {most} at most"
        yield f"{text}; set gpu: {most}"


def _gpus_wanted(job: Mapping[str, Any]) -> tuple[int, str]:
    """How many GPUs a job asks for, and of which model, in whichever way."""
    asked = str(job.get("gres") or "")
    more = f"{job.get('slurm_extra', '')} "
    extra = re.search(r"--gpus-per-(?:node|task)[= ](\S+?)['\"\s]", more)
    if extra:
        asked = f"gpu:{extra[1]}"
    if asked.startswith("gpu"):
        *_, last = parts = asked.split(":")[1:] or ["1"]
        number = int(last) if last.isdigit() else 1
        return number, "" if parts[0].isdigit() else parts[0]
    model = str(job.get("gpu_model") or "")
    return int(job.get("gpu") or (1 if model else 0)), model

"""``python -m hypervae.workflow.why``: what a run would do again, and the key or module behind it.

A dry run, read: each rule that is stale by itself, with the config key, the user's file or the
module of HyperVAE that changed, and then those that only come after them. Arguments are
Snakemake's, such as ``--configfile my.yaml``.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hypervae.digest import import_closure, module_digests
from hypervae.workflow.config_files import refused
from hypervae.workflow.staleness import MODULES

_JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):\n((?:    .*\n)+)", re.MULTILINE)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'")
# The parts of what Snakemake says, by how they begin: values of keys may hold a semicolon, too.
_PARTS = re.compile(
    "; (?=(?:Missing output|Input files updated|Updated input|Set of input|Code has|Params have|"
    "Software environment|Rules with|Forced|Job |Output file|Input is))"
)
_PARAMS = "Params have changed since last execution: "
_AFTER = "Input files updated by another job: "


def reasons(output: str, modules: Path = MODULES) -> dict[str, dict[str, int]]:
    """Why jobs would run, by rule.

    Parameters
    ----------
    output : str
        Of a dry run of Snakemake.
    modules : Path
        Where the modules behind each digest of code stand.

    Returns
    -------
    dict of str to dict of str to int
        By rule, for each cause in words the number of jobs. Rules that only come after others have
        one empty cause.
    """
    found: dict[str, dict[str, int]] = {}
    for rule, text in _JOB.findall(output):
        reason = re.search(r"^    reason: (.*)$", text, re.MULTILINE)
        if reason is None or rule == "all":
            continue
        causes = list(_causes(reason[1], modules)) or [""]
        by_cause = found.setdefault(rule, {})
        for cause in causes:
            by_cause[cause] = by_cause.get(cause, 0) + 1
    return found


def _causes(reason: str, modules: Path) -> Iterator[str]:
    for part in _PARTS.split(reason):
        if part.startswith(_PARAMS):
            yield from differences(*_before_and_now(part), modules)
        elif not part.startswith(_AFTER):
            yield part


def _before_and_now(part: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two texts of `hypervae.workflow.staleness` in what Snakemake says of params."""
    sides = re.search(r"before: (.*) now: (.*)$", part)
    contents: list[dict[str, Any]] = []
    for side in sides.groups() if sides else ("", ""):
        literal = _LITERAL.search(side)  # of several outputs with several texts, the first
        try:
            content = json.loads(ast.literal_eval(literal[0])) if literal else {}
        except ValueError:
            content = {}
        contents.append(content if isinstance(content, dict) else {})
    return contents[0], contents[1]


def differences(before: Mapping[str, Any], now: Mapping[str, Any], modules: Path) -> list[str]:
    """What differs between two texts of `hypervae.workflow.staleness`, in words.

    Parameters
    ----------
    before, now : mapping
    modules : Path
        See `reasons`.

    Returns
    -------
    list of str
    """
    if not before or ("code" in now and "code" not in before):
        return ["made by an earlier version of the workflow"]
    old, new = _flat(before), _flat(now)
    found = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        if name == "code":
            found += _changed_modules(str(old.get(name)), str(new.get(name)), modules)
        elif name.startswith("files."):
            found.append(f"file {name.removeprefix('files.')}: its content is another")
        else:
            found.append(f"{name}: {_shown(old, name)} -> {_shown(new, name)}")
    return found


def _changed_modules(before: str, now: str, modules: Path) -> list[str]:
    try:
        old = json.loads((modules / f"{before}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ["code: another version of HyperVAE"]
    (entry,) = [name for name in old if name.startswith("hypervae.cli.commands.")]
    subcommand = entry.rpartition(".")[2].removesuffix("_")
    new = module_digests(subcommand)
    changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    more = sorted(import_closure(subcommand) - old.keys())
    gone = sorted(old.keys() - new.keys())
    return [
        *(f"code: {name}" for name in changed),
        *(f"code: {name}, new to it" for name in more),
        *(f"code: {name}, no more part of it" for name in gone),
    ]


def _flat(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = value
    return flat


def _shown(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name]) if name in values else "nothing"


def report(found: Mapping[str, Mapping[str, int]]) -> str:
    """What `reasons` found, for people.

    Parameters
    ----------
    found : mapping

    Returns
    -------
    str
    """
    if not found:
        return "Nothing would run."
    lines = []
    for rule, causes in found.items():
        own = {cause: jobs for cause, jobs in causes.items() if cause}
        for cause, jobs in own.items():
            lines.append(f"{rule} ({jobs} {'job' if jobs == 1 else 'jobs'}): {cause}")
    after = [rule for rule, causes in found.items() if not any(causes)]
    if after:
        lines.append(f"after these: {', '.join(after)}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print what would run and why.

    Parameters
    ----------
    arguments : list of str
        Of Snakemake.

    Returns
    -------
    int
        The exit status: Snakemake's.
    """
    if refused(arguments):
        return 1
    command = [sys.executable, "-m", "snakemake", "--dry-run", *arguments]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        return done.returncode
    given = arguments.index("--directory") + 1 if "--directory" in arguments else 0
    place = Path(arguments[given]) if given else Path()
    print(report(reasons(done.stdout, place / MODULES)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

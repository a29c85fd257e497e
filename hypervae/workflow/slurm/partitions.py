"""What partitions a cluster has, read from what ``sinfo`` prints."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hypervae.errors import HyperVAEError

#: Partition, state, time limit, CPUs, memory [MB], generic resources; with ``-N``, a line a node.
FORMAT = "%P|%a|%l|%c|%m|%G"
_COMMAND = ("sinfo", "--Node", "--noheader", f"--format={FORMAT}")
# gpu:4, gpu:a100:4 or gpu:a100-40gb:4(S:0-1); a name may be missing, a number too
_GPU = re.compile(r"gpu(?::(?P<model>[^:,()]*[^:,()0-9][^:,()]*))?(?::(?P<number>\d+))?(?:\(.*)?$")


@dataclass
class Partition:
    """A partition, by the largest job of one node that it takes.

    Parameters
    ----------
    name : str
    up : bool
        Whether jobs start.
    default : bool
        Whether jobs that name no partition go there.
    minutes : int, optional
        Time limit; None for none.
    cpus, memory_mb : int
        Of the largest node.
    gpus : dict of str to int
        By model, the most that one node has; ``""`` for those without the name of a model.
    """

    name: str
    up: bool
    default: bool
    minutes: int | None
    cpus: int = 0
    memory_mb: int = 0
    gpus: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        gpus = ", ".join(f"{number} {model}".strip() for model, number in self.gpus.items())
        limit = "no limit" if self.minutes is None else f"{self.minutes} min"
        marks = (" (default)" if self.default else "") + ("" if self.up else " (down)")
        node = f"{self.cpus} CPUs, {self.memory_mb} MB, {gpus or 'no'} GPUs a node"
        return f"partition {self.name}{marks}: {limit}; {node}"


def ask_sinfo() -> str:
    """What ``sinfo`` prints in `FORMAT`.

    Returns
    -------
    str

    Raises
    ------
    HyperVAEError
        If it is not there, or reaches no cluster.
    """
    try:
        done = subprocess.run(_COMMAND, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise HyperVAEError("sinfo: not found; run this on a login node of the cluster") from None
    except subprocess.TimeoutExpired:
        raise HyperVAEError("sinfo: no answer within 60 s; is slurmctld up?") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise HyperVAEError(f"sinfo: {lines[-1]}; run this on a login node of the cluster")
    return done.stdout


def read_partitions(text: str) -> Mapping[str, Partition]:
    """Read what ``sinfo`` prints.

    Parameters
    ----------
    text : str
        As of `ask_sinfo`.

    Returns
    -------
    mapping of str to Partition

    Raises
    ------
    HyperVAEError
        If a line is another than `FORMAT` makes.
    """
    found: dict[str, Partition] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = line.split("|")
        if len(parts) != FORMAT.count("|") + 1:
            raise HyperVAEError(f"sinfo: found {line!r}, expected {FORMAT!r}")
        name, state, limit, cpus, memory, resources = parts
        partition = found.setdefault(
            name.rstrip("*"),
            Partition(name.rstrip("*"), state == "up", name.endswith("*"), _minutes(limit)),
        )
        partition.cpus = max(partition.cpus, _number(cpus))
        partition.memory_mb = max(partition.memory_mb, _number(memory))
        for model, number in _gpus(resources).items():
            partition.gpus[model] = max(partition.gpus.get(model, 0), number)
    return found


def _number(text: str) -> int:
    return int(re.sub(r"\D.*", "", text) or 0)


def _minutes(text: str) -> int | None:
    """Of ``days-hours:minutes:seconds``, ``minutes:seconds`` or ``infinite``."""
    if not text[:1].isdigit():
        return None
    days, _, clock = text.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    if days:  # 1-12 is a day and twelve hours
        hours, minutes = (*parts, 0)[:2]
    elif len(parts) == 3:
        hours, minutes = parts[:2]
    else:
        hours, minutes = 0, parts[0]
    return (int(days or 0) * 24 + hours) * 60 + minutes


def _gpus(resources: str) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for part in re.split(r",(?![^()]*\))", resources):
        if match := _GPU.match(part.strip()):
            found[match["model"] or ""] += int(match["number"] or 1)
    return dict(found)

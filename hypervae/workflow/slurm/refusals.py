"""What Slurm says when it refuses a job, told once as rule, mistake and remedy."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hypervae.errors import HyperVAEError
from hypervae.workflow.slurm.partitions import ask_sinfo, read_partitions
from hypervae.workflow.slurm.profile import misfits_of

# Slurm's words within those of the executor; "task" of an array, whose words stand in the log.
_SAID = re.compile(r"error message was '(.*?)'\.\n", re.DOTALL)
_RAISED = re.compile(r"submission failed with exception: (.*)", re.DOTALL)
_TASKS = re.compile(r"\(tasks (\d+)-(\d+)\)")
_PREFIX = re.compile(r"^\w+: (?:error: )?(?:Batch job submission failed: )?")

_YOURS = "sacctmgr show associations user=$USER format=account,partition,qos"
_LIMITS = "sacctmgr show qos format=name,maxsubmitpu,maxjobspu,maxwall,maxtres"
_NODES = "sinfo --Node --format='%P %l %c %m %G'"
#: Of each kind of refusal, what Slurm (21.08 and later) or its executor says, the resources that
#: are at fault, and where to look what may stand there. A job that is so refused once, always is.
KINDS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("invalid account|account \\S+ appears to be invalid", ("slurm_account",), f"`{_YOURS}`"),
    ("invalid qos", ("qos",), f"`{_YOURS}`"),
    (
        "violates accounting/qos policy|AssocMax|AssocGrp|QOSMax|QOSGrp",
        ("runtime", "mem_mb", "cpus_per_task", "gpu"),
        f"`{_LIMITS}`; where too many jobs are in the queue, lower `jobs` in the profile",
    ),
    (
        "group not permitted|not permitted to use this partition|access/permission denied",
        ("slurm_partition", "slurm_account"),
        "`scontrol show partition` (AllowGroups, AllowAccounts, AllowQos)",
    ),
    (
        "invalid partition|no partition specified|partition not available|partition\\(s\\) .*down|"
        "partition is (?:down|drained|inactive)",
        ("slurm_partition",),
        "`sinfo --summarize`",
    ),
    ("time ?limit", ("runtime", "slurm_partition"), "`sinfo --summarize`"),
    ("memory specification", ("mem_mb", "slurm_partition"), f"`{_NODES}`"),
    ("invalid gpu model", ("gpu_model",), "the table in profiles/README.md"),
    (
        "generic resource|\\bgres\\b|trackable resource",
        ("gpu", "gpu_model", "gres", "slurm_partition"),
        f"`{_NODES}`",
    ),
    (
        "node configuration|node count|processors requested|cpu count",
        ("mem_mb", "cpus_per_task", "gpu", "gpu_model", "gres", "slurm_partition"),
        f"`{_NODES}`",
    ),
)
# Kinds whose mistake `sinfo` shows.
_SHOWN = {"slurm_partition", "gpu_model"}


class Refusals:
    """The refusals that one executor has met."""

    def __init__(self) -> None:
        self._of_arrays: dict[int, str] = {}
        self._told: set[tuple[str, str]] = set()

    def told(self, job: Any, message: str | None) -> tuple[str, bool] | None:
        """The mistake and the remedy of a refused job.

        Parameters
        ----------
        job : snakemake job
            Alone or a group; its attempt becomes the last one.
        message : str, optional
            What the executor says.

        Returns
        -------
        (str, bool), optional
            Rule, Slurm's words and what to change, and whether no job of this rule was refused so
            before; None if it is of no known kind, so that another attempt may do.
        """
        said = self._of_arrays.get(id(job)) or slurms_words(message or "")
        kind = next((kind for kind in KINDS if re.search(kind[0], said, re.IGNORECASE)), None)
        if kind is None:
            return None
        rules = ", ".join(sorted(getattr(job, "rules", [job.name])))
        first = (rules, said) not in self._told
        self._told.add((rules, said))
        job.attempt = getattr(job, "restart_times", 0) + 1
        text = f"{rules}: Slurm refuses the job, and is not asked again: {said}"
        if not first:
            return text, False
        return "\n  ".join([text, *_remedies(job, rules, kind)]), True

    @contextmanager
    def listening(self, logger: Any, jobs: Sequence[Any]) -> Iterator[None]:
        """Keep what is said of a refused array, which the executor writes to its log alone.

        Parameters
        ----------
        logger : logging.Logger
        jobs : sequence of jobs
            The array's, in order.

        Yields
        ------
        None
        """
        if not isinstance(logger, logging.Logger):
            yield
            return
        handler = _Listener(self._of_arrays, jobs)
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


class _Listener(logging.Handler):
    def __init__(self, found: dict[int, str], jobs: Sequence[Any]):
        super().__init__(logging.ERROR)
        self.found, self.jobs, self.mine = found, jobs, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        tasks = _TASKS.search(text)
        if record.thread == self.mine and tasks and _SAID.search(text):
            for job in self.jobs[int(tasks[1]) - 1 : int(tasks[2])]:
                self.found[id(job)] = slurms_words(text)


def slurms_words(message: str) -> str:
    """What Slurm, or the executor before it, says in a message of the executor.

    Parameters
    ----------
    message : str

    Returns
    -------
    str
        One line; empty if the message is none of a submission.
    """
    found = _SAID.search(message) or _RAISED.search(message)
    lines = [line.strip() for line in (found[1] if found else "").splitlines()]
    return " ".join(_PREFIX.sub("", line) for line in lines if line)


def _remedies(job: Any, rules: str, kind: tuple[str, tuple[str, ...], str]) -> Iterator[str]:
    _, names, where = kind
    resources = _resources(job)
    place = f"under set-resources of {rules} in the profile, or default-resources"
    lines = _misfits(resources) if _SHOWN & {*names} else []
    if lines:
        yield from (f"{line} ({place})" for line in lines)
        return
    found = ", ".join(f"{name}: found {resources.get(name, 'none')}" for name in names)
    yield f"{found}; change it {place}. What is possible: {where}"


def _misfits(resources: Mapping[str, Any]) -> list[str]:
    try:
        return list(misfits_of(resources, read_partitions(ask_sinfo())))
    except HyperVAEError:  # a site where sinfo says nothing
        return []


def _resources(job: Any) -> dict[str, Any]:
    """As a profile would name them."""
    found = {name: job.resources.get(name) for name in _NAMES}
    if not found["cpus_per_task"]:
        found["cpus_per_task"] = getattr(job, "threads", None)
    return {name: value for name, value in found.items() if value not in (None, "")}


_NAMES = (
    *("slurm_partition", "slurm_account", "qos", "runtime", "mem_mb", "cpus_per_task"),
    *("gpu", "gpu_model", "gres", "slurm_extra"),
)

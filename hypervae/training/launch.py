"""Who started the processes of a run: torchrun, srun, or the first of them.

All three say it in variables of the environment, which a shell, a notebook or a batch script may
have left over from another job. Taken for true, they let a run wait for processes that nobody
starts.
"""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass

from lightning.fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from hypervae.errors import HyperVAEError, shown
from hypervae.slurm_job import belongs_to_its_task

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: Names the process that starts the others, to them alone.
LAUNCHER = "HYPERVAE_LAUNCHER"
# So long torchrun may take to answer [s].
_PATIENCE = 10.0
# So long processes wait for others that are known to be started [s]; torch's own default.
_LONG_PATIENCE = 1800.0
_UNSET = "unset TORCHELASTIC_RUN_ID if it is left over from another job"

_LOG = logging.getLogger(__name__)


class OwnProcesses(LightningEnvironment):
    """The first process starts the others, which know it by its number.

    Parameters
    ----------
    nodes : int
        Above 1 the variables of each node (``NODE_RANK``, ``MASTER_ADDR``, ``MASTER_PORT``) count.
    """

    def __init__(self, nodes: int = 1):
        super().__init__()
        self.nodes = nodes
        # A process that has trained leaves its name, and number 0, to all that it starts later.
        others = os.environ.get("LOCAL_RANK", "0") != "0"
        self._started = others and os.environ.get(LAUNCHER) == str(os.getppid())
        if not self._started:
            os.environ[LAUNCHER] = str(os.getpid())
            for name in ("LOCAL_RANK", "RANK", "GROUP_RANK"):
                os.environ.pop(name, None)
            if nodes == 1:
                for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
                    os.environ.pop(name, None)

    @property
    def creates_processes_externally(self) -> bool:
        """Whether this process was started by another one of the run."""
        return self._started


def launched_by(processes: int, nodes: int = 1) -> ClusterEnvironment:
    """Who starts the processes: torchrun or srun where they did, else the first process.

    Under Slurm, Lightning would requeue jobs by itself, which is Snakemake's part.

    Parameters
    ----------
    processes : int
        Of the run.
    nodes : int
        Over which they spread.

    Returns
    -------
    ClusterEnvironment

    Raises
    ------
    HyperVAEError
        If they were started by torchrun, but not these processes; or if nobody starts those of
        other nodes.
    """
    if processes == 1:
        return OwnProcesses()
    if TorchElasticEnvironment.detect():
        _check_torchrun(processes, nodes)
        return TorchElasticEnvironment()
    if os.environ.get("SLURM_STEP_NUM_TASKS") == str(processes):
        if belongs_to_its_task():
            return _srun()
        _LOG.warning("SLURM_*: variables of a job step that this process is not of; left aside")
    if nodes > 1:
        _check_by_hand(processes, nodes)
    return OwnProcesses(nodes)


def _srun() -> SLURMEnvironment:
    try:
        return SLURMEnvironment(auto_requeue=False)
    except RuntimeError as error:  # variables that do not fit together
        raise HyperVAEError(f"SLURM_*: {error}") from error


def _check_torchrun(processes: int, nodes: int) -> None:
    """Find out that torchrun started this run, and is alive."""
    size = os.environ.get("WORLD_SIZE", "")
    if size != str(processes):
        raise HyperVAEError(
            f"WORLD_SIZE: found {shown(size) or 'none'}, as torchrun sets it, expected {processes} "
            f"(train.execution.devices times nodes); {_UNSET}"
        )
    _check_number("RANK", 0, processes - 1, _UNSET)
    _check_number("LOCAL_RANK", 0, processes // nodes - 1, _UNSET)
    _check_number("GROUP_RANK", 0, nodes - 1, _UNSET)
    _check_number("MASTER_PORT", 1, 65_535, _UNSET)
    address, port = os.environ.get("MASTER_ADDR", ""), os.environ["MASTER_PORT"]
    if not _has_agent_store():
        return  # the first process answers there, later
    try:
        socket.create_connection((address, int(port)), _PATIENCE).close()
    except (OSError, UnicodeError) as error:
        raise HyperVAEError(
            f"MASTER_ADDR, MASTER_PORT: found no torchrun at {shown(address)}:{port} ({error}), "
            f"expected the one that started this process; {_UNSET}"
        ) from error


def _check_by_hand(processes: int, nodes: int) -> None:
    """Find out that someone starts the processes of all nodes."""
    if not {"NODE_RANK", "MASTER_ADDR", LAUNCHER} & set(os.environ):
        raise HyperVAEError(
            f"train.execution.nodes: found {nodes} and no launcher, expected srun or torchrun to "
            f"start {processes} processes (docs/how-to/gpus.md)"
        )
    meaning = "for processes of several nodes (docs/how-to/gpus.md)"
    for name, most in (("NODE_RANK", nodes - 1), ("MASTER_PORT", 65_535)):
        if name in os.environ:
            _check_number(name, 0, most, meaning)


def _check_number(name: str, least: int, most: int, advice: str) -> None:
    found = os.environ.get(name, "")
    if not (found.isascii() and found.isdigit() and least <= int(found) <= most):
        raise HyperVAEError(
            f"{name}: found {shown(found) or 'none'}, expected an integer from {least} to {most}; "
            f"{advice}"
        )


def _has_agent_store() -> bool:
    """Whether torchrun itself answers at its address; else the first process does."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


@dataclass(frozen=True)
class Place:
    """Where the processes of a run meet, and how long they wait for one another.

    Attributes
    ----------
    address : str
    port : int
    rank, size : int
        Of this process, and how many there are.
    hosts : bool
        Whether this one answers there.
    patience : float
        [s]
    told : str
        What of the environment says so, in words.
    advice : str
        What to do if nobody comes.
    """

    address: str
    port: int
    rank: int
    size: int
    hosts: bool
    patience: float
    told: str
    advice: str


def meeting_place(environment: ClusterEnvironment, rank: int, size: int, minutes: float) -> Place:
    """Where the processes of a run meet.

    Of those that torchrun or a person starts, variables tell alone, which may be left over: they
    are not waited for as long as those that srun, or the first process, are known to start.

    Parameters
    ----------
    environment : ClusterEnvironment
        Of `launched_by`.
    rank, size : int
        Of this process, and how many there are.
    minutes : float
        ``train.execution.rendezvous_minutes``.

    Returns
    -------
    Place
    """
    address, port = environment.main_address, environment.main_port
    names = ["MASTER_ADDR", "MASTER_PORT"]
    patience, advice = 60 * minutes, f"start all {size} of them"
    slow = f"raise train.execution.rendezvous_minutes (now {minutes:g}) where they start slowly"
    if isinstance(environment, TorchElasticEnvironment):
        names = ["RANK", "LOCAL_RANK", "WORLD_SIZE", *names, "TORCHELASTIC_RUN_ID"]
        advice = f"{_UNSET}, {slow}"
    elif isinstance(environment, OwnProcesses) and environment.nodes > 1:
        names = ["NODE_RANK", *names]
        advice = f"{advice}, unset these variables if they are left over, {slow}"
    else:
        names, patience = [], _LONG_PATIENCE
    told = ", ".join(f"{name}={os.environ.get(name) or 'none'}" for name in names)
    hosts = rank == 0 and not (
        isinstance(environment, TorchElasticEnvironment) and _has_agent_store()
    )
    return Place(
        address, port, rank, size, hosts, patience, told or "train.execution.devices", advice
    )

"""Who started the processes of a run: torchrun, srun, or the first of them.

All three say it in variables of the environment, which a shell, a notebook or a batch script may
have left over from another job. Taken for true, they let a run wait for processes that nobody
starts.
"""

from __future__ import annotations

import logging
import os
import socket

from lightning.fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from hypervae.errors import HyperVAEError
from hypervae.slurm_job import belongs_to_its_task

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: Names the process that starts the others, to them alone.
LAUNCHER = "HYPERVAE_LAUNCHER"
# So long torchrun may take to answer [s].
_PATIENCE = 10.0

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
        self._nodes = nodes
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
        _check_torchrun(processes)
        return TorchElasticEnvironment()
    if os.environ.get("SLURM_STEP_NUM_TASKS") == str(processes):
        if belongs_to_its_task():
            return _srun()
        _LOG.warning("SLURM_*: variables of a job step that this process is not of; left aside")
    if nodes > 1 and not {"NODE_RANK", "MASTER_ADDR", LAUNCHER} & set(os.environ):
        raise HyperVAEError(
            f"train.execution.nodes: found {nodes} and no launcher, expected srun or torchrun to "
            f"start {processes} processes (docs/how-to/gpus.md)"
        )
    return OwnProcesses(nodes)


def _srun() -> SLURMEnvironment:
    try:
        return SLURMEnvironment(auto_requeue=False)
    except RuntimeError as error:  # variables that do not fit together
        raise HyperVAEError(f"SLURM_*: {error}") from error


def _check_torchrun(processes: int) -> None:
    """Find out that torchrun started this run, and is alive."""
    size, advice = os.environ.get("WORLD_SIZE", ""), "unset TORCHELASTIC_RUN_ID if it is left over"
    if size != str(processes):
        raise HyperVAEError(
            f"WORLD_SIZE: found {size or 'none'}, as torchrun sets it, expected {processes} "
            f"(train.execution.devices times nodes); {advice} from another job"
        )
    address, port = os.environ.get("MASTER_ADDR", ""), os.environ.get("MASTER_PORT", "")
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return  # the first process answers there, later
    try:
        socket.create_connection((address, int(port)), _PATIENCE).close()
    except (OSError, ValueError) as error:
        raise HyperVAEError(
            f"MASTER_ADDR, MASTER_PORT: found no torchrun at {address}:{port} ({error}), expected "
            f"the one that started this process; {advice} from another job"
        ) from error

"""Variables of torchrun, srun and Lightning count where they are this run's own."""

import os
import socket

import psutil
import pytest
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from hypervae.errors import HyperVAEError
from hypervae.slurm_job import belongs_to_its_task, own_job
from hypervae.training.launch import LAUNCHER, OwnProcesses, launched_by

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "MASTER_ADDR")
OTHERS = ("MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_USE_AGENT_STORE", LAUNCHER)
SLURM = ("SLURM_STEP_NUM_TASKS", "SLURM_TASK_PID", "SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_JOB_NAME")
SLURM += ("SLURM_NTASKS_PER_NODE",)


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """None of them at first; set some."""
    for name in (*RANKS, *OTHERS, *SLURM):
        monkeypatch.setenv(name, "")  # so that what the code sets is undone, too
        monkeypatch.delenv(name)

    def set_all(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return set_all


def ended_process():
    """A number of no process."""
    return max(psutil.pids()) + 100_000


LEFT = {"RANK": 3, "LOCAL_RANK": 3, "GROUP_RANK": 1, "MASTER_ADDR": "node7", "MASTER_PORT": 1}


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("launcher", [None, 1])
def test_ranks_of_another_job_are_left_aside(processes, launcher, variables):
    variables(**LEFT, WORLD_SIZE=4, NODE_RANK=1)
    if launcher is not None:
        variables(**{LAUNCHER: launcher})  # of a process that is not this one's parent
    environment = launched_by(processes)
    assert isinstance(environment, OwnProcesses)
    assert not environment.creates_processes_externally
    assert (environment.local_rank(), environment.node_rank()) == (0, 0)
    assert environment.main_address == "127.0.0.1"


def test_a_process_that_the_first_one_started_knows_it(variables):
    variables(**LEFT, **{LAUNCHER: os.getppid()})
    environment = launched_by(2)
    assert environment.creates_processes_externally
    assert environment.local_rank() == 3
    assert environment.main_address == "node7"


@pytest.mark.parametrize("left", [{}, {"LOCAL_RANK": 0, "WORLD_SIZE": 2}])
def test_what_a_process_starts_after_its_training_is_none_of_it(left, variables):
    variables(**left, **{LAUNCHER: os.getppid()})
    assert not launched_by(2).creates_processes_externally


def test_nodes_need_a_launcher(variables):
    with pytest.raises(HyperVAEError, match=r"nodes: found 2 and no launcher, expected srun"):
        launched_by(4, 2)
    variables(NODE_RANK=1, MASTER_ADDR="node7")
    environment = launched_by(4, 2)
    assert (environment.node_rank(), environment.main_address) == (1, "node7")


TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "TORCHELASTIC_USE_AGENT_STORE": "True", "RANK": 0}


def test_torchrun_is_believed_where_it_answers(variables):
    with socket.socket() as agent:
        agent.bind(("127.0.0.1", 0))
        agent.listen()
        port = agent.getsockname()[1]
        variables(**TORCHRUN, WORLD_SIZE=2, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
        assert isinstance(launched_by(2), TorchElasticEnvironment)
    with pytest.raises(HyperVAEError, match=r"MASTER_PORT: found no torchrun at 127\.0\.0\.1"):
        launched_by(2)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"WORLD_SIZE": 8}, "WORLD_SIZE: found 8.*expected 2"),
        ({}, "WORLD_SIZE: found none.*expected 2"),
        ({"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "x"}, "MASTER_PORT: found"),
    ],
)
def test_torchrun_of_another_job_is_refused(changed, found, variables):
    variables(**TORCHRUN, **changed)
    with pytest.raises(HyperVAEError, match=rf"(?s){found}.*TORCHELASTIC_RUN_ID"):
        launched_by(2)
    assert isinstance(launched_by(1), OwnProcesses)


@pytest.mark.parametrize("task", [os.getpid, os.getppid, lambda: "", ended_process])
def test_srun_is_believed_by_what_descends_from_its_task(task, variables):
    variables(SLURM_STEP_NUM_TASKS=2, SLURM_NTASKS=2, SLURM_JOB_ID=7, SLURM_JOB_NAME="train")
    number = task()
    variables(SLURM_TASK_PID=number)
    if task is os.getpid:
        with pytest.raises(HyperVAEError, match="ntasks-per-node"):
            launched_by(2)
    variables(SLURM_NTASKS_PER_NODE=2)
    own = task is not ended_process
    assert belongs_to_its_task() == own
    assert own_job() == ("7" if own else None)
    kind = SLURMEnvironment if own else OwnProcesses
    assert isinstance(launched_by(2), kind)

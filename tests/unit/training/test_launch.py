"""Variables of torchrun, srun and Lightning count where they are this run's own."""

import os
import socket

import psutil
import pytest
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from hypervae.errors import HyperVAEError
from hypervae.slurm_job import belongs_to_its_task, own_job
from hypervae.training.launch import LAUNCHER, OwnProcesses, launched_by, meeting_place

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
TORCHRUN |= {"LOCAL_RANK": 0, "GROUP_RANK": 0}


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


NO_NUMBERS = ["", "-1", "two", "1.0", " 0", "99999", "\u00b2", "0x1"]


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "GROUP_RANK", "MASTER_PORT"])
def test_torchrun_gives_numbers_in_their_range(name, value, variables):
    variables(**TORCHRUN, WORLD_SIZE=2, MASTER_ADDR="127.0.0.1", MASTER_PORT=1)
    variables(**{name: value})
    with pytest.raises(HyperVAEError, match=rf"^{name}: found .*, expected .*TORCHELASTIC_RUN_ID"):
        launched_by(2)


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("name", ["NODE_RANK", "MASTER_PORT"])
def test_nodes_started_by_hand_have_numbers(name, value, variables):
    variables(NODE_RANK=0, MASTER_ADDR="node7", MASTER_PORT=29500)
    variables(**{name: value})
    with pytest.raises(HyperVAEError, match=rf"^{name}: found .*, expected an integer from"):
        launched_by(4, 2)


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("agent", ["True", "False"])
def test_what_variables_alone_tell_is_not_waited_for_long(rank, agent, variables):
    variables(**TORCHRUN | {"TORCHELASTIC_USE_AGENT_STORE": agent, "RANK": rank})
    variables(WORLD_SIZE=2, MASTER_ADDR="node7", MASTER_PORT=29500)
    torchrun = meeting_place(TorchElasticEnvironment(), rank, 2, 1.5)
    assert (torchrun.patience, torchrun.hosts) == (90, rank == 0 and agent == "False")
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID"):
        assert f"{name}={os.environ[name]}" in torchrun.told
    variables(NODE_RANK=rank)
    by_hand = meeting_place(OwnProcesses(2), rank, 2, 1.5)
    assert (by_hand.patience, by_hand.hosts) == (90, rank == 0)
    assert by_hand.told == f"NODE_RANK={rank}, MASTER_ADDR=node7, MASTER_PORT=29500"


def test_what_is_started_for_sure_is_waited_for(variables):
    variables(SLURM_STEP_NUM_TASKS=2, SLURM_NTASKS=2, SLURM_JOB_ID=7, SLURM_JOB_NAME="train")
    variables(SLURM_NTASKS_PER_NODE=2, SLURM_NODELIST="node7")
    for environment in (launched_by(2), OwnProcesses()):
        assert meeting_place(environment, 0, 2, 0.1).patience == 1800


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

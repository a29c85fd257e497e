"""Processes of a run meet, or end in time with who did not come and what is there instead."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from torch.distributed import TCPStore

from hypervae.config import TrainConfig
from hypervae.errors import NobodyCame, printable
from hypervae.io import write_list
from hypervae.training import rendezvous
from hypervae.training.launch import Place
from hypervae.training.rendezvous import meet
from tests.unit.chain import MODEL, SPLIT

ROOT = Path(__file__).parents[3]
# For those that are to come [s].
LONG = 120.0


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(rendezvous, "GRACE", 0.5)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def place(port, rank, *, hosts=False, size=2, patience=LONG, address="127.0.0.1"):
    return Place(address, port, rank, size, hosts, patience, f"RANK={rank}", "unset RANK")


def refused(found, port, rank, **about):
    """A meeting ends in time, and says what is found; on a loaded machine, after some more."""
    for patience in (0.5, 2.0, 8.0, 32.0):
        where = place(port, rank, patience=patience, **about)
        with pytest.raises(NobodyCame) as error:
            meet(where)
        said = str(error.value)
        assert said.isprintable()
        if said.startswith(f"RANK={rank}: found {found}"):
            break
    at = f" at {printable(where.address)}:{port} in {patience:g} s, expected {where.size} processes"
    assert said.startswith(f"RANK={rank}: found {found}")
    assert at in said
    assert said.endswith("(train.execution.devices times nodes); unset RANK")


@contextlib.contextmanager
def program(answer):
    """Something else at a port, which does as it is told with each connection."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(20)
        kept = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    kept.append(server.accept()[0])
                    with contextlib.suppress(OSError):
                        answer(kept[-1])

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for one in kept:
            one.close()


OTHERS = {
    "SSH": lambda one: one.sendall(b"SSH-2.0-OpenSSH_9\r\n"),
    "an echo": lambda one: one.sendall(one.recv(64)),
    "one that hangs up": lambda one: one.close(),
    "one that says nothing": lambda one: None,
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_program_is_no_meeting(other):
    with program(OTHERS[other]) as port:
        refused("another program", port, 1)
        refused("no way to answer the others", port, 0, hosts=True)


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(
    "address", ["127.0.0.1", "node7.invalid", "no such name", "a" * 300, "ü" * 70, "..", "n\n"]
)
def test_where_nobody_answers(address, rank):
    """The first process answers on its own machine, and so not at the address of another one."""
    if (address, rank) == ("127.0.0.1", 0):
        found = "1 of the processes, none of rank 1, 2, 3, 4, 5, 6, 7, 8, ...,"
        refused(found, free_port(), 0, hosts=True, size=10)
    else:
        refused("nobody (", free_port(), rank, hosts=rank == 0, address=address)


def test_who_does_not_come_is_named():
    there = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    refused("1 of the processes, none of rank 0, 2,", there.port, 1, size=3)


def together(*places):
    with ThreadPoolExecutor(len(places)) as pool:
        return list(pool.map(meet, places))


def test_who_meets_has_a_store_in_common():
    port = free_port()
    one, other = together(place(port, 0, hosts=True), place(port, 1))
    one.set("key", "value")
    assert other.get("key") == b"value"


def test_a_launcher_has_one_store_for_all_that_its_processes_do_in_turn():
    """The connections of the first training are of no use to the second one."""
    there = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    both = [place(there.port, rank) for rank in range(2)]
    first, _ = together(*both)
    first.set("address", "of the first")
    second, _ = together(*both)
    assert not second.check(["address"])


def test_a_process_waits_for_the_right_first_one():
    """The one before, at the same address, may be about to end."""
    before = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port = before.port
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(meet, place(port, 1))
        while not before.check(["hypervae/1"]):
            time.sleep(0.01)
        del before
        store = meet(place(port, 0, hosts=True))
        store.set("key", "value")
        assert late.result().get("key") == b"value"


def test_by_default_a_minute_is_waited():
    assert TrainConfig().execution.rendezvous_minutes == 1


LEFT = {
    "the first process": {"RANK": "0", "LOCAL_RANK": "0"},
    "another one": {"RANK": "1", "LOCAL_RANK": "1"},
    "by hand": {"NODE_RANK": "1", "TORCHELASTIC_RUN_ID": None},
}


@pytest.mark.slow
@pytest.mark.parametrize("left", LEFT)
def test_variables_left_over_end_a_training_in_one_line(left, chain, tmp_path):
    shards, correlators, normalization = chain.of("g")
    write_list(tmp_path / "shards.txt", shards)
    write_list(tmp_path / "correlators.txt", correlators)
    port = str(free_port())
    variables = {"GROUP_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    variables |= {"MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "x", **LEFT[left]}
    variables = {name: value for name, value in variables.items() if value is not None}
    nodes = 2 if left == "by hand" else 1
    execution = {"device": "cpu", "devices": 2 // nodes, "nodes": nodes, "rendezvous_minutes": 0.02}
    config = {"epochs": 1, "model": MODEL, "split": SPLIT, "execution": execution}
    command = ["train", "--threads", "1", "--shards", tmp_path / "shards.txt"]
    command += ["--correlators", tmp_path / "correlators.txt", "--normalization", normalization]
    command += ["--output-dir", tmp_path / "model", "--checkpoint-dir", tmp_path / "checkpoints"]
    done = subprocess.run(
        [sys.executable, "-m", "hypervae", *map(str, command), "--config", json.dumps(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **variables},
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"MASTER_ADDR=127.0.0.1, MASTER_PORT={port}" in line
    for name in LEFT[left].keys() & variables.keys():
        assert f"{name}={variables[name]}" in line
    assert "expected 2 processes" in line
    assert "rendezvous_minutes (now 0.02)" in line
    assert not (tmp_path / "model").exists()

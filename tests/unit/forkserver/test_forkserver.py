"""Commands that are forked from one process do what they would do by themselves, for less."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import psutil
import pytest

from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets

REPOSITORY = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux alone has pidfd_open")


@pytest.fixture
def owner(tmp_path, monkeypatch):
    """A process for whose jobs there is a server; sockets lie in a folder with a short name."""
    places = tempfile.mkdtemp(prefix="fork", dir="/tmp")
    monkeypatch.setenv("TMPDIR", places)
    monkeypatch.chdir(tmp_path)
    write_shard("q.h5", toy_jets(60, 1, "q", max_particles=8), source="test")
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()
    until(lambda: not servers(process.pid))
    shutil.rmtree(places)


def servers(owner):
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "hypervae.forkserver.server" in words and words[-1] == str(owner):
            found.append(process)
    known = {process.pid for process in found}
    return [process for process in found if parent(process) not in known]  # without forked commands


def parent(process):
    """The parent's number; one that is known to be none for a process that has just ended."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return process.pid


def until(happened, seconds=60):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def start(*arguments, owner=None, umask=0o022, **environment):
    environment = {**os.environ, **environment}
    if owner is not None:
        environment["HYPERVAE_FORKSERVER"] = str(owner)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "hypervae", *arguments],
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        umask=umask,
    )


def correlators(output, shard="q.h5", **options):
    return start("correlators", "--input", shard, "--output", output, **options)


def content(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def test_commands_at_once_share_a_server_and_write_what_they_would_write_alone(owner):
    assert correlators("alone.h5").wait() == 0

    running = [correlators(f"{number}.h5", owner=owner.pid) for number in range(4)]
    for number, process in enumerate(running):
        out, err = process.communicate()
        assert (process.returncode, out) == (0, f"wrote {number}.h5\n"), err
        assert content(f"{number}.h5") == content("alone.h5")

    assert len(servers(owner.pid)) == 1


def test_a_mistake_ends_as_it_does_alone(owner):
    ends = []
    for pid in (None, owner.pid):
        process = correlators("c.h5", shard="none.h5", owner=pid)
        ends.append((*process.communicate(), process.returncode))

    assert ends[0] == ends[1]
    assert ends[1][2] == 1
    assert "none.h5: file: found no such file" in ends[1][1]


def test_a_command_stops_with_the_job_that_asked_for_it(owner):
    pytest.importorskip("pythia8mc")
    long = ("simulate", "--jet-type", "q", "--shard-index", "0", "--jets", "1000000")
    job = start(*long, "--output", "s.h5", owner=owner.pid)
    until(lambda: any(server.children() for server in servers(owner.pid)))

    job.send_signal(signal.SIGKILL)
    job.wait()

    (server,) = servers(owner.pid)
    until(lambda: not server.children())
    assert correlators("c.h5", owner=owner.pid).wait() == 0


def test_a_client_that_asks_for_nothing_does_no_harm(owner):
    assert correlators("c.h5", owner=owner.pid).wait() == 0
    before = servers(owner.pid)
    (place,) = Path(os.environ["TMPDIR"]).glob(f"hypervae-*/{owner.pid}-*")

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place))

    assert correlators("d.h5", owner=owner.pid).wait() == 0
    assert servers(owner.pid) == before


def test_the_server_ends_with_its_owner(owner):
    assert correlators("c.h5", owner=owner.pid).wait() == 0
    assert servers(owner.pid)

    owner.kill()
    owner.wait()

    until(lambda: not servers(owner.pid))


def test_commands_end_with_the_owner(owner):
    pytest.importorskip("pythia8mc")
    long = ("simulate", "--jet-type", "q", "--shard-index", "0", "--jets", "1000000")
    job = start(*long, "--output", "s.h5", owner=owner.pid)
    until(lambda: any(server.children() for server in servers(owner.pid)))
    (command,) = servers(owner.pid)[0].children()

    owner.kill()
    owner.wait()

    assert job.wait() != 0
    until(lambda: not command.is_running())


def test_commands_of_two_environments_share_no_server(owner):
    for locking in ("TRUE", "FALSE"):
        job = correlators("c.h5", owner=owner.pid, HDF5_USE_FILE_LOCKING=locking)
        assert job.wait() == 0

    assert len(servers(owner.pid)) == 2


def test_a_command_keeps_its_umask(owner):
    modes = []
    for umask in (0o022, 0o077):
        assert correlators("c.h5", owner=owner.pid, umask=umask).wait() == 0
        modes.append(Path("c.h5").stat().st_mode & 0o777)

    assert modes == [0o644, 0o600]
    assert len(servers(owner.pid)) == 1


def test_without_an_owner_that_lives_the_command_runs_by_itself(owner):
    owner.kill()
    owner.wait()

    assert correlators("c.h5", owner=owner.pid).wait() == 0
    assert not servers(owner.pid)


def test_a_forked_command_costs_a_third_of_one_that_imports(owner):
    def seconds():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    assert correlators("warm.h5").wait() == 0  # kernels are compiled
    assert correlators("warm.h5", owner=owner.pid).wait() == 0
    before = seconds()
    for number in range(3):
        assert correlators(f"{number}.h5").wait() == 0
    alone = seconds() - before
    (server,) = servers(owner.pid)
    times = server.cpu_times()
    here, before = sum(times[:4]), seconds()
    for number in range(3):
        assert correlators(f"{number}.h5", owner=owner.pid).wait() == 0
    until(lambda: not server.children())
    assert seconds() - before + sum(server.cpu_times()[:4]) - here < alone / 3


IMPATIENT = """
import sys
from hypervae import stopped
stopped.PATIENCE = 3.0
from hypervae.errors import HyperVAEError
from hypervae.forkserver.client import run_forked
try:
    run_forked(sys.argv[1:])
except HyperVAEError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("which", ["the command", "its server"])
def test_what_is_stopped_is_named(owner, which):
    pytest.importorskip("pythia8mc")
    long = ("simulate", "--jet-type", "q", "--shard-index", "0", "--jets", "1000000")
    environment = {**os.environ, "HYPERVAE_FORKSERVER": str(owner.pid)}
    with open("errors", "w") as errors:  # which the command has open for longer
        job = subprocess.Popen(
            [sys.executable, "-c", IMPATIENT, *long, "--output", "s.h5"],
            env={**environment, "PYTHONPATH": str(REPOSITORY)},
            stderr=errors,
        )
    until(lambda: any(server.children() for server in servers(owner.pid)))
    (server,) = servers(owner.pid)
    (command,) = server.children()
    stopped = command if which == "the command" else server
    stopped.suspend()
    assert job.wait(60) == 1
    assert f"process {stopped.pid} was stopped (state T)" in Path("errors").read_text()
    if stopped is server:
        server.resume()
    until(lambda: not command.is_running())

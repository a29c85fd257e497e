"""A sweep of the tiny config whose jobs run a stand-in, without the workflow before it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from hypervae.sweep.inputs import Inputs
from hypervae.sweep.run import run_sweep

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = Path(__file__).with_name("stand_in.py")
SWEEP = {
    "config": "tiny.yaml",
    "model": "t",
    "sampler": "grid",
    "executor": "local",
    "parameters": {"model.latent_dim": [2, 3, 4, 5]},
    "objective": {"metric": "w1m"},
}
#: A sweep in a process of its own, which can be killed.
CHILD = f"""
import sys
from hypervae.logs import show_on_terminal
from hypervae.sweep import run
from hypervae.sweep.inputs import Inputs
run.PROGRAM = (sys.executable, {str(STAND_IN)!r})
run.make_inputs = lambda plan, log: Inputs(log.parents[2].parent, plan.model, tuple(plan.jet_types))
show_on_terminal()
run.run_sweep("sweep.yaml")
"""


class Project:
    """A folder to sweep in."""

    def __init__(self, folder):
        self.folder = folder
        self.sweep = folder / "results" / "sweeps" / "sweep"

    def write(self, **changes):
        """Write the sweep file."""
        text = yaml.safe_dump({**SWEEP, **changes})
        (self.folder / "sweep.yaml").write_text(text)
        return self.folder / "sweep.yaml"

    def run(self, **options):
        """Run the sweep that was written."""
        return run_sweep(self.folder / "sweep.yaml", **options)

    def start(self):
        """Start the sweep that was written in a process of its own."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", CHILD]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            # tests that run in the background of a shell without job control ignore Ctrl-C
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def calls(self):
        """What the jobs of each trial did."""
        logs = sorted(self.sweep.glob("trials/*/calls.log"))
        return {int(log.parent.name): log.read_text().split("\n")[:-1] for log in logs}

    def wait_for(self, condition, seconds=60):
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.calls()
            time.sleep(0.05)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text((ROOT / "tests/data/tiny.yaml").read_text())
    monkeypatch.setattr("hypervae.sweep.run.PROGRAM", (sys.executable, str(STAND_IN)))
    monkeypatch.setattr(
        "hypervae.sweep.run.make_inputs",
        lambda plan, log: Inputs(tmp_path, plan.model, tuple(plan.jet_types)),
    )
    made = Project(tmp_path)
    made.write()
    return made

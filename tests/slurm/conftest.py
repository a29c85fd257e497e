"""Fixtures: one cluster for the session, one copy of the project for each test."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, copy_project, missing


def pytest_addoption(parser):
    parser.addoption(
        "--record-faults",
        action="store_true",
        help="write the rows that are run into docs/reliability.md",
    )


@pytest.fixture
def record_fault(request):
    """Whether results of faults are written into the docs."""
    return request.config.getoption("--record-faults")


@pytest.fixture(scope="session")
def cluster():
    """A running cluster; skips, with the reason, where none can be had."""
    if reason := missing():
        pytest.skip(reason)
    # Not pytest's own directory: its long path does not fit into the address of a Unix socket.
    directory = Path(tempfile.mkdtemp(prefix="hypervae-slurm-"))
    cluster = Cluster(directory)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def project(tmp_path):
    """A copy of the project to run in."""
    return copy_project(tmp_path / "project")

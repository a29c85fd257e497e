"""A folder in which every subcommand has its inputs, and one in which a command runs."""

import pytest

from tests.unit.cli.working import make_working


@pytest.fixture(scope="module")
def working(tmp_path_factory, chain):
    return make_working(tmp_path_factory.mktemp("working"), chain)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where a command runs, beside what it prints."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    return tmp_path

"""One complete run of the tiny config, shared by the tests that look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.workflow.running import copy_repository, snakemake

TINY = "tests/data/tiny.yaml"
#: Files whose tests share what has run: one process takes all of a group.
GROUPS = {
    "test_models.py": "finished",
    "test_report.py": "finished",
    "test_scan.py": "scan",
    "test_run.py": "finished",
    "test_staleness.py": "finished",
    "test_validate.py": "finished",
    "test_mix.py": "mix",
    "test_sources.py": "sources",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Groups by file: the marks of pytest-xdist 3.8 have no effect under pytest 9.2.

    It appends a group to the private name of a test, which pytest does not read any more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            group = GROUPS.get(Path(path).name) if "tests/workflow/" in path else None
            return group or nodeid

    return ByGroup(config, log)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder in which the whole tiny workflow has run."""
    folder = copy_repository(tmp_path_factory.mktemp("finished"))
    snakemake(folder, "--cores", "2", "--configfile", TINY)
    return folder

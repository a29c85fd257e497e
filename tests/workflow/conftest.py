"""One complete run of the tiny config, shared by the tests that look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow.running import copy_repository, snakemake

TINY = "tests/data/tiny.yaml"


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder in which the whole tiny workflow has run."""
    folder = copy_repository(tmp_path_factory.mktemp("finished"))
    snakemake(folder, "--cores", "2", "--configfile", TINY)
    return folder

"""A job of one shard imports nothing that its compiled kernels do not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hypervae.config import CorrelatorsStageConfig
from hypervae.correlators.compute import compute_correlators
from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets

#: With types for numba's kernels, for compiling them, and of functions compiled into them.
UNUSED = {"awkward", "vector", "sympy", "scipy.linalg", "numba.np.linalg", "numba.np.arrayobj"}
COMMAND = f"""
import atexit, sys
atexit.register(lambda: print(*{UNUSED} & set(sys.modules)))
from hypervae.cli import main
main()
"""
KERNELS = """
import numba
import numpy as np


@numba.njit(cache=True)
def halves(n):
    values = np.zeros(n)
    values[:] = 0.5
    return values


@numba.njit(cache=True)
def doubled(n):
    return 2 * halves(n).sum()
"""
CALLS = """
import sys
from hypervae.cli.kernels import start_kernels_at_once
start_kernels_at_once()
import kernels
print(kernels.halves(3))
try:
    kernels.halves(-1)
except ValueError as error:
    print(error)
print("numba.np.arrayobj" in sys.modules)
if "all" in sys.argv:
    print(kernels.doubled(3))
"""


def run(code, folder, *arguments):
    path = f"{folder}:{Path(__file__).parents[3]}"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_correlators_of_a_shard_import_nothing_that_compiles(tmp_path):
    pytest.importorskip("awkward")
    write_shard(tmp_path / "q.h5", toy_jets(20, 1, "q", max_particles=8), source="test")
    compute_correlators(tmp_path / "q.h5", tmp_path / "first.h5", CorrelatorsStageConfig())
    line = ("correlators", "--input", "q.h5", "--output", "c.h5")

    assert run(COMMAND, tmp_path, *line) == ["wrote c.h5", ""]


def test_kernels_do_the_same_when_they_are_compiled_and_when_they_are_loaded(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNELS)
    same = ["[0.5 0.5 0.5]", "negative dimensions not allowed"]

    assert run(CALLS, tmp_path) == [*same, "True"]  # compiled
    assert run(CALLS, tmp_path) == [*same, "False"]  # loaded
    assert run(CALLS, tmp_path, "all") == [*same, "False", "3.0"]  # and another compiled then


FORGIVING = """
import resource, sys
if "imported" in sys.argv:
    import numba
from hypervae.cli.kernels import forgive_caches
forgive_caches()
forgive_caches()
if "full" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
import kernels
print(kernels.doubled(3), kernels.doubled.stats.cache_hits != {})
"""


@pytest.mark.parametrize("words", [("full",), ("full", "imported")])
def test_a_cache_that_cannot_be_written_costs_the_time_to_compile(tmp_path, words):
    (tmp_path / "kernels.py").write_text(KERNELS)
    assert run(FORGIVING, tmp_path, *words) == ["3.0 False"]
    assert [path.name for path in tmp_path.rglob("*.tmp.*")] == []


def test_a_damaged_cache_is_made_anew(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNELS)
    assert run(FORGIVING, tmp_path) == ["3.0 False"]
    for suffix in ("nbi", "nbc"):
        assert run(FORGIVING, tmp_path) == ["3.0 True"]
        files = list(tmp_path.rglob(f"*.{suffix}"))
        assert files
        for file in files:
            file.write_bytes(file.read_bytes()[:-20])
        assert run(FORGIVING, tmp_path) == ["3.0 False"]
    assert run(FORGIVING, tmp_path) == ["3.0 True"]

"""A job of one shard does not import what its kernels do not use."""

import subprocess
import sys

import pytest

from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets


def test_correlators_import_no_package_with_types_for_numba(tmp_path):
    pytest.importorskip("awkward")
    write_shard(tmp_path / "q.h5", toy_jets(20, 1, "q", max_particles=8), source="test")
    line = ["correlators", "--input", "q.h5", "--output", "c.h5"]
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*{'awkward', 'vector', 'sympy'} & set(sys.modules)))\n"
        f"sys.argv[1:] = {line}\n"
        "from hypervae.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (tmp_path / "c.h5").is_file()
    assert done.stdout.splitlines()[-1] == ""

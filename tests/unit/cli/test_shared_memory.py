"""A container gives 64 kB of shared memory, or none: nothing of ours needs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.data.test_jetnet import write_jetnet
from tests.unit.sweep.conftest import CHILD, SWEEP

ROOT = Path(__file__).resolve().parents[3]
MAIN = "from hypervae.cli import main; main()"


def in_little_shared_memory(size, folder, code, *words):
    """Run Python in a mount namespace whose /dev/shm is small, and full."""
    mounted = f"mount -t tmpfs -o size={size} none /dev/shm && df --output=size /dev/shm | tail -1"
    fill = "(cat /dev/zero > /dev/shm/f) 2>/dev/null"
    command = ["unshare", "-m", "bash", "-c", f'{mounted}; {fill}; exec "$@"', "bash"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, sys.executable, "-c", code, *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert int(done.stdout.split()[0]) == int(size.removesuffix("k"))
    return done


@pytest.mark.parametrize("size", ["4k", "64k"])
def test_a_download_needs_no_shared_memory(size, tmp_path):
    write_jetnet(tmp_path / "w.hdf5", n=60)
    words = ("download", "--jet-type", "w", "--directory", ".", "--output", "made.h5")
    done = in_little_shared_memory(size, tmp_path, MAIN, *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made.h5").exists()


def test_a_sweep_needs_no_shared_memory(tmp_path):
    shutil.copy(ROOT / "tests/data/tiny.yaml", tmp_path)
    sweep = {**SWEEP, "parameters": {"model.latent_dim": [2, 3]}}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    done = in_little_shared_memory("4k", tmp_path, CHILD)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/sweeps/sweep/ranking.csv").read_text().count("\n") == 3


def test_the_self_test_needs_no_shared_memory(tmp_path):
    done = in_little_shared_memory("4k", tmp_path, MAIN, "doctor", "--self-test")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("self-test passed\n")

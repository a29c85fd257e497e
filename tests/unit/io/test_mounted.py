"""A single file that is mounted, as into containers, can be written into and not replaced."""

import os
import subprocess

import pytest

from hypervae.errors import InputError
from hypervae.formats.shard_writer import write_shard
from hypervae.io.targets import target
from tests.unit.chain import small_jets
from tests.unit.cli.subcommands import run

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")


@pytest.fixture(params=["out.h5", "two words\\040.h5", "tab\tend\n.h5"])
def mounted(tmp_path, request):
    """A file onto which another one is mounted."""
    file, other = tmp_path / request.param, tmp_path / "other"
    file.write_bytes(b"below")
    other.write_bytes(b"kept")
    made = subprocess.run(["mount", "--bind", other, file], capture_output=True)
    if made.returncode:
        pytest.skip(f"nothing can be mounted here: {made.stderr.decode()}")
    yield file
    subprocess.run(["umount", "-l", file], check=True)


def test_it_is_refused_before_any_work(mounted, tmp_path):
    write_shard(tmp_path / "in.h5", small_jets(20), source="test")
    with pytest.raises(InputError, match=r"mounted by itself.*expected its folder to be mounted"):
        target(mounted)
    (tmp_path / "link.h5").symlink_to(mounted)
    for output in (mounted, tmp_path / "link.h5"):
        ended = run("correlators", "--input", tmp_path / "in.h5", "--output", output)
        assert isinstance(ended.exception, InputError)
        assert "mounted by itself" in str(ended.exception)
        assert "jets/s" not in ended.output
    assert mounted.read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["in.h5", "link.h5", "other", mounted.name]
    )


def test_what_stands_beside_it_and_in_a_mounted_folder_may_be_written(mounted, tmp_path):
    for free in (tmp_path / "free.h5", tmp_path / "other", tmp_path / "out"):
        assert target(free) == free
    (tmp_path / "folder").mkdir()
    subprocess.run(["mount", "--bind", tmp_path, tmp_path / "folder"], check=True)
    try:
        assert target(tmp_path / "folder" / "other") == tmp_path / "folder" / "other"
    finally:
        subprocess.run(["umount", "-l", tmp_path / "folder"], check=True)

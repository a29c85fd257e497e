import errno
import json
import os
import stat

import h5py
import numpy as np
import pytest

from hypervae.errors import DiskFull
from hypervae.io import atomic_h5, atomic_path, software_versions, write_json, write_text


def test_the_file_appears_only_when_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "result.h5"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename across file systems is no rename
        assert temporary.suffix == ".h5"
        assert temporary.name.startswith(".")
    assert path.read_text() == "half"
    assert os.listdir(path.parent) == ["result.h5"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def fail():
        with atomic_path(path) as temporary:
            temporary.write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.txt"]


def test_a_failed_hdf5_file_leaves_nothing(tmp_path):
    def fail():
        with atomic_h5(tmp_path / "a.h5") as file:
            file["x"] = np.arange(10)
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert os.listdir(tmp_path) == []
    with atomic_h5(tmp_path / "a.h5") as file:
        file["x"] = np.arange(10)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][3] == 3


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "Can't close file"),
        OSError(errno.EDQUOT, "Can't close file"),
        RuntimeError("Unable to flush (file write failed: fd = 3, errno = 28, error message = '')"),
    ],
)
def test_a_full_disk_is_told_with_the_files_name(tmp_path, error):
    said = r"a\.h5: output: .*expected space on its disk"
    with pytest.raises(DiskFull, match=said), atomic_h5(tmp_path / "a.h5"):
        raise error
    if isinstance(error, OSError):
        with pytest.raises(DiskFull, match=said), atomic_path(tmp_path / "a.h5"):
            raise error
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError("errno"), OSError(errno.EIO, "write failed")])
def test_another_error_of_hdf5_is_none_of_a_full_disk(tmp_path, error):
    with pytest.raises(type(error)) as raised, atomic_h5(tmp_path / "a.h5"):
        raise error
    assert raised.value is error


def test_two_writers_do_not_share_a_temporary_file(tmp_path):
    with atomic_path(tmp_path / "a") as one, atomic_path(tmp_path / "a") as two:
        assert one != two
        one.write_text("1")
        two.write_text("2")
    assert (tmp_path / "a").read_text() == "1"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path, mask, mode):
    old = os.umask(mask)
    try:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.touch(mode=0o600)
    finally:
        assert os.umask(old) == mask
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_texts_and_json(tmp_path):
    write_text(tmp_path / "a.txt", "Δ\n")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "Δ\n"
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5]})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert os.listdir(tmp_path) == []


def test_versions_of_what_is_installed():
    found = software_versions(("numpy", "no-such-package"))
    assert found["numpy"] == np.__version__
    assert set(found) == {"hypervae", "python", "numpy"}

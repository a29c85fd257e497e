"""Files of HDF5 that are hostile or strange: taken, or refused by name, within bounds."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from hypervae.checks.files import check_file
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.io import hdf5
from tests.unit.formats import hostile, kinds
from tests.workflow.running import REPOSITORY

#: Files that are refused, at least, of each kind: all entries as all else, and flipped bytes.
FEWEST = {
    "shard": 1000,
    "mix": 200,
    "correlators": 1500,
    "normalization": 1500,
    "spectrum": 300,
    "arrays": 500,
    "reconstruction": 700,
}
#: What a reader takes at most of a file that it refuses [MB, CPU s].
MEMORY, TIME = 300, 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One file of each kind, and a pipe that must not be opened."""
    folder = tmp_path_factory.mktemp("hostile")
    kinds.write_all(folder)
    kinds.with_pipe(folder)
    return folder


def run(folder, *arguments):
    command = [sys.executable, "-m", "tests.unit.formats.run_hostile", str(folder), *arguments]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", FEWEST)
def test_each_entry_may_be_anything(folder, kind):
    found = run(folder, kind)["kinds"][kind]
    assert found["faults"] == {}
    assert found["found"]["refused"] >= FEWEST[kind]
    assert found["found"]["taken"] > 10  # those that change nothing that is read
    assert found["slowest"] < TIME


def test_what_is_refused_takes_little_memory(folder):
    """Of all kinds of files, what declares far more than it holds."""
    found = run(folder, ",".join(FEWEST), "1e9", "external", "virtual", "outside")
    assert sum(one["found"]["refused"] for one in found["kinds"].values()) > 100
    assert all(one["faults"] == {} for one in found["kinds"].values())
    assert max(one["slowest"] for one in found["kinds"].values()) < TIME
    assert found["peak_mb"] < MEMORY


def test_a_byte_that_is_another_takes_little_memory_and_time(folder):
    """Of 2,147,483,652 bytes of a text HDF5 takes all before it looks; it turns in circles, too."""
    for kind in ("shard", "normalization"):
        hostile.in_latest_form(folder / f"{kind}.h5", folder / f"{kind}-latest.h5")
    of = ",".join([*FEWEST, "shard-latest", "normalization-latest"])
    found = run(folder, of, "damaged", os.environ.get("HYPERVAE_FLIPS", "120"))["kinds"]
    assert len(found) == len(FEWEST) + 2
    for kind, one in found.items():
        assert one["faults"] == {}, kind
        assert one["found"]["refused"] > 2, kind
        assert one["most_mb"] < MEMORY, kind
        assert one["slowest"] < TIME, kind


def test_thousands_of_names_are_not_listed(tmp_path):
    path = tmp_path / "many.h5"
    with h5py.File(path, "w", libver="latest") as file:  # in which so many are written at once
        for number in range(5000):
            file.create_group(f"{'name' * 20}{number}")
            file.attrs[f"{'name' * 20}{number}"] = number
    with pytest.raises(InputError, match="particle_features: found no such dataset") as caught:
        check_file(path)
    assert len(str(caught.value)) < 1000


def test_a_chunk_that_unpacks_to_all_memory_is_refused(tmp_path):
    path = tmp_path / "chunk.h5"
    with h5py.File(path, "w") as file:
        shape = (3_000_000, 6, 4)
        file.create_dataset(
            "particle_features", shape=shape, dtype="f4", chunks=shape, compression="gzip"
        )
    with pytest.raises(InputError, match="particle_features: found chunks of 288000000 bytes"):
        check_file(path)


def test_links_within_a_file_are_followed(folder, tmp_path):
    path = tmp_path / "linked.h5"
    path.write_bytes((folder / "shard.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file.move("particle_features", "jets/particles")
        file["jets/again"] = h5py.SoftLink("particles")
        file["particle_features"] = h5py.SoftLink("/jets/again")
    with ShardReader(path) as reader, ShardReader(folder / "shard.h5") as whole:
        np.testing.assert_array_equal(
            reader.read().particle_features, whole.read().particle_features
        )


def test_other_byte_orders_are_read(folder, tmp_path):
    for kind, names in (
        ("shard", ["particle_features", "jet_features", "event_id"]),
        ("correlators", ["all/enc", "edges", "all/multiplicity"]),
    ):
        path = tmp_path / f"{kind}.h5"
        path.write_bytes((folder / f"{kind}.h5").read_bytes())
        with h5py.File(path, "r+") as file:
            for name in names:
                values = file[name][()]
                del file[name]
                file[name] = values.astype(values.dtype.newbyteorder(">"))
        assert check_file(path) == check_file(folder / f"{kind}.h5")


def test_a_lock_is_named_with_its_remedy(folder, monkeypatch):
    """By what HDF5 says where a file system grants no locks, or a writer holds one."""
    for number, message in (
        (37, "its file system grants no locks"),
        (11, "another program has it open for writing"),
    ):

        def refuse(*_, number=number, **__):
            text = f"Unable to open file (unable to lock file, errno = {number}, error message)"
            raise BlockingIOError(number, text)

        monkeypatch.setattr(hdf5.h5py, "File", refuse)
        with pytest.raises(InputError, match=rf"lock: found {message}") as caught:
            ShardReader(folder / "shard.h5")
        assert "HDF5_USE_FILE_LOCKING=FALSE" in str(caught.value)


def test_a_lock_of_another_process_is_named(folder):
    code = (
        "import fcntl, sys\n"
        f"held = open({str(folder / 'mix.h5')!r}, 'r+b')\n"
        "fcntl.flock(held, fcntl.LOCK_EX)\n"
        "from hypervae.checks.files import check_file\n"
        "from hypervae.errors import InputError\n"
        "try:\n"
        f"    check_file({str(folder / 'mix.h5')!r})\n"
        "except InputError as error:\n"
        "    sys.exit(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert "mix.h5: lock: found another program has it open" in done.stderr


@pytest.mark.parametrize("what", ["pipe", "folder", "link to nothing", "link to itself", "long"])
def test_what_is_no_file_is_named(folder, tmp_path, what):
    path = tmp_path / "it.h5"
    if what == "pipe":
        path.symlink_to(folder / "pipe")
    elif what == "folder":
        path.mkdir()
    elif what.startswith("link"):
        path.symlink_to(path if "itself" in what else tmp_path / "nothing")
    else:
        path = tmp_path / ("a" * 300)
    for read in (check_file, ShardReader):
        with pytest.raises(InputError, match=r"file: found (a pipe|a folder|no such|no way)"):
            read(path)

"""Every subcommand on disks that break amid a file that it reads or writes."""

import errno
import functools
import io
import os
import shutil

import numpy as np
import pytest

from hypervae.data import graph_loading
from hypervae.errors import WriteFailed
from hypervae.io import atomic, behind
from hypervae.io.atomic import atomic_path
from tests.unit.cli.broken import known, reading_fails, writing_fails
from tests.unit.cli.subcommands import COMMANDS, value_of, writes
from tests.unit.cli.test_disks import OLD, nothing_hidden, put_old_files, refused
from tests.unit.cli.working import LONG, do, forked, left_in, writing

NUMBERS = (errno.EIO, errno.EROFS, errno.EDQUOT, errno.ESTALE)
#: Bytes of a file that can be read or written.
WHOLE = (0, 3000)
#: What reads no file.
FROM_NOTHING = ("simulate",)
#: What makes a link to the file, and reads no more than that it is HDF5.
BY_LINK = ("download",)

pytestmark = pytest.mark.skipif(not known(), reason="calls of this machine are not known")


def number_of(name, offset):
    """Each of them for some commands."""
    return NUMBERS[(writing().index(name) + WHOLE.index(offset)) % len(NUMBERS)]


def unchanged(name, made):
    nothing_hidden(made)
    assert {value_of(one, made).read_bytes() for one, _ in writes(COMMANDS[name])} <= {OLD}


@pytest.mark.parametrize("offset", WHOLE)
@pytest.mark.parametrize("name", [name for name in writing() if name not in LONG])
def test_a_disk_that_breaks_amid_writing(name, offset, working, place):
    number, made = number_of(name, offset), place / "made"
    put_old_files(name, made)
    before = left_in(made)
    line = working.line(name, made)
    ended = forked(line, place / "logs", before=lambda: writing_fails(number, offset))
    refused(ended, os.strerror(number), str(made))
    unchanged(name, made)
    assert left_in(made) == before


@pytest.mark.parametrize("offset", WHOLE)
@pytest.mark.parametrize("name", [n for n in writing() if n not in LONG + FROM_NOTHING])
def test_a_disk_that_breaks_amid_reading(name, offset, working, chain, place):
    number, made = number_of(name, offset), place / "made"
    folders = [working.folder, chain.folder]
    if name in BY_LINK and offset:
        pytest.skip("it reads no more")
    put_old_files(name, made)
    line = working.line(name, made)
    ended = forked(line, place / "logs", before=lambda: reading_fails(number, offset, folders))
    refused(ended, os.strerror(number))
    assert any(str(folder) in ended.errors for folder in folders)
    unchanged(name, made)


def test_validate_on_a_disk_that_breaks(working, chain, place):
    files = [path for folder in (working.folder, chain.folder) for path in folder.rglob("*")]
    tried = [path for path in files if path.is_file() and path.stat().st_size > 4000]
    tried = [path for path in tried if "tfevents" not in path.name]  # only its start is looked at
    assert len({path.suffix for path in tried}) > 3
    for index, path in enumerate(tried):
        number = NUMBERS[index % len(NUMBERS)]
        breaking = functools.partial(reading_fails, number, 2000, [path])
        ended = forked(["validate", str(path)], place / "logs", before=breaking)
        refused(ended, os.strerror(number), str(path.parent))  # or what it is read with


@pytest.mark.parametrize("offset", [0, 1])  # parquet is read in one piece
@pytest.mark.parametrize("suffix", [".pt", ".parquet", ".npz"])
def test_import_of_other_formats_on_a_disk_that_breaks(suffix, offset, chain, place):
    path, made = place / f"jets{suffix}", place / "made"
    if suffix == ".npz":
        rng = np.random.default_rng(1)
        jets = rng.uniform(0.1, 1.0, (60, 12, 4))
        np.savez(path, X=jets, y=np.zeros(60))
    else:
        do("export", "--input", chain.shards[0], "--jet-type", "g", "--output", path)
    put_old_files("import", made)
    words = ("import", "--input", path, "--jet-type", "g", "--output", made / "made-output.h5")
    for number in NUMBERS:
        breaking = functools.partial(reading_fails, number, offset, [path])
        ended = forked(list(map(str, words)), place / "logs", before=breaking)
        refused(ended, os.strerror(number), path.name)
        unchanged("import", made)


@pytest.mark.parametrize("command", ["import", "validate"])
def test_graphs_are_read_before_they_are_mapped(command, chain, place, monkeypatch):
    """Amid a mapping a disk that fails is a signal, which ends the process with no word."""
    path, made = place / "jets.pt", place / "made"
    do("export", "--input", chain.shards[0], "--jet-type", "g", "--output", path)
    middle = path.stat().st_size // 2
    put_old_files("import", made)

    class Breaking(io.FileIO):
        """Gives no byte of its middle."""

        def readinto(self, buffer):
            if self.tell() <= middle < self.tell() + len(buffer):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().readinto(buffer)

    def opened(file, mode, buffering=-1):
        return Breaking(file, mode) if buffering == 0 else open(file, mode, buffering)

    def breaking():
        monkeypatch.setattr(graph_loading, "open", opened, raising=False)

    to = ["--jet-type", "g", "--output", made / "made-output.h5"]
    words = ["import", "--input", path, *to] if command == "import" else ["validate", path]
    ended = forked(list(map(str, words)), place / "logs", before=breaking)
    refused(ended, os.strerror(errno.EIO), path.name)
    unchanged("import", made)


@pytest.mark.parametrize("source_breaks", [True, False])
def test_of_a_copy_the_file_that_fails_is_named(source_breaks, tmp_path, monkeypatch):
    """The system copies by itself where it can, and then does not say which of both failed."""
    source, made = tmp_path / "source", tmp_path / "made"
    source.write_bytes(b"x" * 100_000)
    made.write_bytes(OLD)
    send = os.sendfile

    def breaks_amid(to, of, offset, count):
        if offset:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return send(to, of, offset, min(count, 4096))

    monkeypatch.setattr(os, "sendfile", breaks_amid)
    if source_breaks:
        for module in (atomic, behind):
            monkeypatch.setattr(module, "can_be_read", lambda file: file != str(source))
    with pytest.raises((OSError, WriteFailed)) as caught, atomic_path(made) as temporary:
        shutil.copyfile(source, temporary)
    assert (str(source) in str(caught.value)) == source_breaks
    assert (str(tmp_path / "made") in str(caught.value)) != source_breaks
    assert left_in(tmp_path) == {"made": OLD, "source": b"x" * 100_000}

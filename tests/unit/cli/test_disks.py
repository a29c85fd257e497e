"""Every subcommand on full and read-only disks, under the longest names, and told to stop."""

import errno
import os
import re
import shutil
import signal
import subprocess

import pytest

from tests.unit.cli.subcommands import COMMANDS, value_of, writes
from tests.unit.cli.working import LONG, forked, left_in, writing

PAGE = 4096
DISK = 4 << 20
OLD = b"what stood there before"
#: What is said of a command's progress.
PROGRESS = re.compile(r".*: \d+ of \d+ .* in .* s .*|epoch \d.*|.*: the weights of epoch .*")

needs_mount = pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a disk")


@pytest.fixture
def disk(place):
    """A small one of its own."""
    folder = place / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def refused(ended, *words):
    """Exit status 1 and one line, beside those of progress."""
    assert ended.status == 1, ended
    lines = [line for line in ended.errors.splitlines() if not PROGRESS.fullmatch(line)]
    assert len(lines) == 1, ended.errors
    assert lines[0].startswith("hypervae: error: ")
    for word in words:
        assert word in lines[0]


def nothing_hidden(folder):
    """No temporary file, lock or part of one; what is there is whole, under its own name."""
    assert not [name for name in left_in(folder) if "/." in f"/{name}" or name.endswith(".part")]


def put_old_files(name, folder):
    folder.mkdir(exist_ok=True)
    for one, _ in writes(COMMANDS[name]):
        value_of(one, folder).write_bytes(OLD)


def whole_or_old(name, folder):
    """Each output is what it was before or has the first bytes of its format."""
    starts = {".h5": b"\x89HDF", ".png": b"\x89PNG", ".pdf": b"%PDF", ".json": b"{"}
    for one, _ in writes(COMMANDS[name]):
        content = value_of(one, folder).read_bytes()
        path = value_of(one, folder)
        assert content == OLD or content.startswith(starts.get(path.suffix, b"")), path


def test_every_subcommand_that_writes_is_tried(working):
    assert sorted(working.lines) == sorted(writing())


@needs_mount
@pytest.mark.parametrize("pages", [0, 4])
@pytest.mark.parametrize("name", writing())
def test_a_full_disk(name, pages, working, place, disk):
    if name in LONG and pages:
        pytest.skip("it would begin its work")
    made = disk / "made"
    put_old_files(name, made)
    with open(disk / "filler", "wb") as filler:
        free = shutil.disk_usage(disk).free
        filler.write(b"x" * (free - pages * PAGE))
    ended = forked(working.line(name, made), place / "logs")
    if ended.status:  # a few pages are enough for a few subcommands
        said = "disk full" if name == "download" and pages else "No space left on device"
        refused(ended, said)
    else:
        assert pages, "nothing was written"
    nothing_hidden(made)
    whole_or_old(name, made)


@needs_mount
def test_a_disk_that_can_only_be_read(working, place, disk):
    for name in writing():
        made = disk / name
        put_old_files(name, made)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for name in writing():
        before = left_in(disk / name)
        new = "Read-only file system" if name != "train" else "no directory that can be written"
        old = "may only be read" if list(writes(COMMANDS[name])) else new
        refused(forked(working.line(name, disk / name), place / "logs"), old, str(disk))
        refused(forked(working.line(name, disk / "new"), place / "logs"), new, str(disk))
        assert left_in(disk / name) == before
    assert not (disk / "new").exists()


def fail_to_write(number):
    """Have the last step of each writer fail, as where its disk is full or broken."""

    def fsync(file):
        raise OSError(number, os.strerror(number))

    return lambda: setattr(os, "fsync", fsync)


@pytest.mark.parametrize("name", writing())
def test_an_error_of_the_disk(name, working, place):
    number = (errno.ENOSPC, errno.EIO, errno.EDQUOT)[len(name) % 3]
    made = place / "made"
    put_old_files(name, made)
    ended = forked(working.line(name, made), place / "logs", before=fail_to_write(number))
    refused(ended, os.strerror(number), str(made))
    nothing_hidden(made)
    assert {value_of(one, made).read_bytes() for one, _ in writes(COMMANDS[name])} <= {OLD}


def stop_while_writing(number):
    """Have a signal come when a file has its temporary name."""
    return lambda: setattr(os, "fsync", lambda file: os.kill(os.getpid(), number))


@pytest.mark.parametrize("name", writing())
def test_a_stopped_command_leaves_nothing(name, working, place):
    number = signal.SIGHUP if len(name) % 2 else signal.SIGTERM
    made = place / "made"
    put_old_files(name, made)
    ended = forked(working.line(name, made), place / "logs", before=stop_while_writing(number))
    assert ended.status == -number
    assert "Traceback" not in ended.errors
    nothing_hidden(made)
    assert {value_of(one, made).read_bytes() for one, _ in writes(COMMANDS[name])} <= {OLD}


@pytest.mark.parametrize("name", [name for name in writing() if name not in LONG])
def test_the_longest_names_can_be_written(name, working, place):
    line = working.line(name, place / "made")
    for index, word in enumerate(line):
        path = word if word.startswith(str(place)) else ""
        if path and any(line[index - 1] == to for _, to in writes(COMMANDS[name])):
            stem, _, suffix = path.rpartition("/")[2].rpartition(".")
            line[index] = str(place / "made" / f"{stem:x<{254 - len(suffix)}}.{suffix}")
            assert len(line[index].rpartition("/")[2]) == 255
    ended = forked(line, place / "logs")
    assert ended.status == 0, ended.errors
    nothing_hidden(place / "made")
    assert left_in(place / "made")


def test_a_name_that_is_too_long_is_one_line(working, place):
    for name in writing():
        for one, option in writes(COMMANDS[name]):
            line = working.line(name, place / "made")
            name_of_it = "x" * 253 + value_of(one, place).suffix
            line[line.index(option) + 1] = str(place / "made" / name_of_it)
            refused(forked(line, place / "logs"), "File name too long", name_of_it)
    assert not (place / "made").exists()


@pytest.mark.parametrize("ignored", [True, False])
def test_a_hangup_that_is_ignored_stays_so(ignored, working, place):
    """As under nohup."""

    def before():
        if ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        stop_while_writing(signal.SIGHUP)()

    ended = forked(working.line("normalize", place / "made"), place / "logs", before=before)
    assert ended.status == (0 if ignored else -signal.SIGHUP)


def test_an_error_without_a_file_is_one_line(place):
    def before():
        from hypervae.cli.commands import doctor

        def fails(**_):
            raise OSError(errno.ESTALE, "Stale file handle\n(of a server)")

        doctor.command.callback = fails

    refused(forked(["doctor"], place / "logs", before=before), "Stale file handle (of a server)")


STRANGE = (
    "a\nb",
    "a\r\nb",
    "\x1b[31mred",
    "tab\there",
    "\u2028",
    "\x7f",
    b"\xff\xfe".decode(errors="surrogateescape"),
)


@pytest.mark.parametrize("name", [name for name in writing() if name not in LONG])
def test_names_with_control_characters_are_one_line(name, working, place):
    """Of what is not there, and where nothing can be written."""
    (place / "file").write_text("")
    for strange in STRANGE:
        line = working.line(name, place / "file" / strange)
        refused(forked(line, place / "logs"), repr(strange)[1:-1])


def test_a_folder_that_was_removed(place):
    gone = place / "gone"

    def before():
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    refused(forked(["doctor"], place / "logs", before=before), "current folder: found none")

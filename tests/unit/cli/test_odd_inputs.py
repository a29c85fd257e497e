"""Every option that reads a file, given what is none: refused at once, in one line, or read."""

import os
import signal
import socket
from pathlib import Path

import click
import pytest

from hypervae.errors import HyperVAEError
from tests.unit.cli.subcommands import COMMANDS, reads, run

# So long a command may take on a loaded machine that is not to wait [s].
PATIENCE = 60


def fifo(folder, _):
    """Nobody writes into it."""
    os.mkfifo(folder / "fifo")
    return folder / "fifo"


def substituted(folder, content):
    """As a shell hands on ``<(cat FILE)``."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.write(writer, content[:60_000])
    os.close(writer)
    return f"/dev/fd/{reader}"


def loop(folder, _):
    (folder / "one").symlink_to(folder / "other")
    (folder / "other").symlink_to(folder / "one")
    return folder / "one"


def dangling(folder, _):
    (folder / "link").symlink_to(folder / "nothing")
    return folder / "link"


def link_to_fifo(folder, content):
    (folder / "link").symlink_to(fifo(folder, content))
    return folder / "link"


def listening(folder, _):
    with socket.socket(socket.AF_UNIX) as one:
        here = os.getcwd()
        os.chdir(folder)  # an address is short
        one.bind("socket")
        os.chdir(here)
    return folder / "socket"


def below_a_file(folder, _):
    (folder / "file").write_bytes(b"x")
    return folder / "file" / "x.h5"


def deep(folder, _):
    return "/".join([str(folder), *["d" * 250] * 20, "x.h5"])


SYSTEM = (
    *(
        "/proc/kmsg",
        "/proc/self/mem",
        "/proc/self/maps",
        "/proc/self/pagemap",
        "/proc/self/environ",
    ),
    *("/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class", "/dev/null", "/dev/zero"),
    *("/dev/full", "/dev/ptmx", "/dev/tty", "/dev/fd/999", "/proc/self/clear_refs"),
)
ODD = {
    **{name: lambda *_, name=name: name for name in SYSTEM},
    **{
        make.__name__: make
        for make in (
            *(fifo, substituted, loop, dangling, link_to_fifo, listening, below_a_file, deep),
        )
    },
}


def places(name, line):
    """Where a command line names files that are read."""
    options = {option for _, option in reads(COMMANDS[name])}
    for index, word in enumerate(line):
        named = line[index - 1] in options or (None in options and index == len(name.split()))
        if named and word.startswith("/"):
            yield index


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_file_is_refused_at_once(odd, working, tmp_path):
    tried = 0

    def too_late(*_):
        pytest.fail(f"{name} waits for {given}")

    before = signal.signal(signal.SIGALRM, too_late)
    try:
        for name in working.lines:
            line = working.line(name, tmp_path / "made")
            for place in places(name, line):
                folder = tmp_path / f"{tried}"
                folder.mkdir()
                first = line[place].partition(",")[0]
                content = Path(first).read_bytes() if os.path.isfile(first) else b""
                given = str(ODD[odd](folder, content))
                signal.alarm(PATIENCE)
                done = run(*line[:place], given, *line[place + 1 :])
                signal.alarm(0)
                tried += 1
                assert done.exit_code in (1, 2), (name, given, done.output)
                error = done.exception
                if isinstance(error, SystemExit):
                    said = done.output
                else:
                    assert isinstance(error, HyperVAEError | OSError | click.ClickException), (
                        name,
                        given,
                        repr(error),
                    )
                    said = str(error)
                assert given[:100] in said, (name, said)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert tried > 20
    assert not (tmp_path / "made").exists() or not any(
        path.is_file() for path in (tmp_path / "made").rglob("*")
    )

"""Limits of the system are named, and what can be done without them is."""

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from hypervae import limits
from hypervae.cli import SUBCOMMANDS
from hypervae.errors import HyperVAEError
from hypervae.limits import LimitReached
from hypervae.processor_time import told_before_killed

ROOT = Path(__file__).parents[2]
NONE = resource.RLIM_INFINITY


@pytest.fixture
def set_limit(monkeypatch):
    """Pretend that a limit is (soft, hard), and see what it is set to."""
    set_to = {}

    def set_limit(kind, soft, hard):
        set_to[kind] = (soft, hard)

    monkeypatch.setattr(resource, "getrlimit", lambda kind: set_to.get(kind, (NONE, NONE)))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, values: set_limit(kind, *values))
    set_limit.now = set_to
    return set_limit


def test_each_number_of_open_files_is_enough_or_is_named(set_limit):
    kind = resource.RLIMIT_NOFILE
    for wanted in range(10, 129):
        for soft in (5, wanted - 1, wanted, 2000):
            for hard in (max(soft, wanted - 1), max(soft, wanted), 2000, NONE):
                set_limit(kind, soft, hard)
                if hard != NONE and hard < wanted:
                    with pytest.raises(
                        LimitReached, match=rf"ulimit -n\): found a limit of {hard}, .*{wanted}"
                    ):
                        limits.allow_files(wanted, "a test")
                    assert set_limit.now[kind] == (soft, hard)
                else:
                    limits.allow_files(wanted, "a test")
                    assert set_limit.now[kind] == (max(soft, wanted), hard)


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (OSError(errno.EMFILE, "Too many open files", "a.h5"), "ulimit -n"),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), "ulimit -n"),
        (OSError(errno.ENFILE, "Too many open files in system"), "fs.file-max"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (OSError(errno.EFBIG, "File too large"), "ulimit -f"),
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "not enough memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            "not enough memory",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "on the GPU"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), "TMPDIR"),
    ],
)
def test_errors_name_the_limit_behind_them(error, limit, set_limit):
    set_limit(resource.RLIMIT_FSIZE, 4096, 4096)
    assert limit in limits.named(error)
    outer = OSError("Could not load libllvmlite.so")
    outer.__cause__ = error
    assert limit in limits.named(outer)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOENT, "No such file", "a"), RuntimeError("a mistake"), ValueError("memory")],
)
def test_other_errors_name_none(error):
    assert limits.named(error) is None


def test_limits_of_memory_are_told_from_a_lack_of_it(set_limit):
    assert limits.named(MemoryError()) == "not enough memory"
    set_limit(resource.RLIMIT_AS, 2**30, 2**30)
    assert "1024 MiB of addresses (ulimit -v)" in limits.named(MemoryError())


def test_the_name_of_a_socket_fits_whatever_tmpdir_is(monkeypatch, tmp_path):
    for length in range(5, 300):
        folder = "/" + "x" * (length - 1)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setattr(os, "access", lambda *_: True)
        found = limits.folder_of_sockets(32)
        assert len(os.fsencode(found)) + 32 < limits.SOCKET_ADDRESS
        if length + 32 < limits.SOCKET_ADDRESS:
            assert str(found) == folder
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LimitReached, match=r"TMPDIR: found a name of 299 bytes.*at most 75"):
        limits.folder_of_sockets(32)


def test_without_a_folder_of_temporary_files_tmpdir_is_named(monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setenv("TMPDIR", "/proc/none")
    with pytest.raises(LimitReached, match="TMPDIR: found /proc/none"):
        limits.temporary_folder()


BUSY = """
import resource, time
resource.setrlimit(resource.RLIMIT_CPU, (2, {hard}))
from hypervae.limits import LimitReached
from hypervae.processor_time import told_before_killed
try:
    with told_before_killed():
        while True:
            pass
except LimitReached as error:
    print(error)
"""


@pytest.mark.parametrize("hard", [3, 600])
def test_a_limit_of_processor_time_is_told_before_it_kills(hard):
    done = subprocess.run(
        [sys.executable, "-c", BUSY.format(hard=hard)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"processor time (ulimit -t): found a limit of {hard} s, expected a larger one\n"
    )


def test_no_limit_of_processor_time_changes_nothing():
    before = signal.getsignal(signal.SIGXCPU)
    with told_before_killed():
        assert signal.getsignal(signal.SIGXCPU) == before
    assert issubclass(LimitReached, HyperVAEError)


def hypervae(*arguments, setup="", streams=""):
    """Run the command line with limits and closed streams, as a shell sets them."""
    command = f"{setup} exec {sys.executable} -m hypervae {' '.join(map(str, arguments))} {streams}"
    start = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert time.monotonic() - start < 120
    return done


@pytest.mark.parametrize(
    ("setup", "limit"),
    [
        ("ulimit -n 9;", "ulimit -n): found a limit of 9, expected at least 12"),
        ("ulimit -v 150000;", "ulimit -v"),
    ],
)
def test_a_limit_is_one_line_of_a_command(setup, limit, tmp_path):
    done = hypervae("generate", "--model", tmp_path, "--output", tmp_path / "g.h5", setup=setup)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("hypervae: error: ")
    assert limit in line


@pytest.mark.parametrize(
    ("streams", "status"),
    [("<&-", 0), (">&-", 0), (">&- 2>&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 1)],
)
def test_closed_and_full_streams(streams, status):
    done = hypervae("--version", streams=streams)
    assert done.returncode == status
    said = "hypervae: error: No space left on device: standard output\n" if status else ""
    assert done.stderr == said


def test_a_limit_of_file_sizes_names_the_file(tmp_path):
    from hypervae.formats.shard_writer import write_shard
    from tests.unit.toys import toy_jets

    shard = tmp_path / "q.h5"
    write_shard(shard, toy_jets(60, 1, "q", max_particles=8), source="test")
    output = tmp_path / "c.h5"
    done = hypervae("correlators", "--input", shard, "--output", output, setup="ulimit -f 4;")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"hypervae: error: {output}: output: found no way to write it (File too large; a limit of "
        "4 KiB (ulimit -f)), expected space on its disk"
    )
    assert not output.exists()


def test_each_subcommand_has_its_least_memory():
    assert set(limits.ADDRESSES) == set(SUBCOMMANDS)


@pytest.mark.parametrize("command", [*SUBCOMMANDS, *limits.ADDRESSES_OF_FILES])
def test_too_little_memory_to_load_is_said_before(command, set_limit, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    least = {**limits.ADDRESSES, **limits.ADDRESSES_OF_FILES}[command]
    for size in (1, least // 2, least - 1):
        set_limit(resource.RLIMIT_AS, size * 2**20, NONE)
        with pytest.raises(LimitReached, match=rf"found a limit of {size} MiB .*least {least} "):
            limits.allow_addresses(command)
    set_limit(resource.RLIMIT_AS, least * 2**20, NONE)
    limits.allow_addresses(command)


# Sizes at which it was seen to abort or to hang, while it was loaded or amid its work.
@pytest.mark.parametrize(
    ("command", "size"),
    [
        ("generate", 600),
        ("generate", 892),
        ("split", 130),
        ("validate", 100),
        ("train", 1350),
        ("train", 1600),
        ("evaluate", 820),
        ("equivariance", 1100),
        ("equivariance", 1260),
    ],
)
def test_nothing_aborts_for_want_of_addresses(command, size):
    done = hypervae(command, "--help", setup=f"ulimit -v {size * 1024};")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"ulimit -v): found a limit of {size} MiB of addresses, expected at least" in line


def test_a_second_of_processor_time_is_told_too(tmp_path):
    """Where the system would tell and kill in one, with libraries loaded amid it."""
    done = hypervae("doctor", setup="ulimit -t 1;")
    assert done.returncode == 1
    assert done.stderr == (
        "hypervae: error: processor time (ulimit -t): found a limit of 1 s, expected a larger one\n"
    )


@pytest.mark.parametrize("what", ["could not create a primitive", "could not execute a primitive"])
def test_what_onednn_lacks_under_a_limit_of_addresses_is_memory(what, monkeypatch):
    """Without one it is a fault of ours, or of torch."""
    error = RuntimeError(what)
    infinite = limits.resource.RLIM_INFINITY
    for most, expected in ((infinite, None), (1400 << 20, "1400 MiB of addresses (ulimit -v)")):
        monkeypatch.setattr(limits.resource, "getrlimit", lambda _, most=most: (most, infinite))
        said = limits.named(error)
        assert said is None if expected is None else expected in said


@pytest.mark.parametrize(("left", "named"), [(64 << 20, "ulimit -v"), (4 << 30, "ulimit -u")])
def test_what_a_thread_lacks_is_told_by_what_is_left(left, named, monkeypatch):
    """Its stack needs addresses, and says no more than that it cannot be started."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + left
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (most, most))
    assert named in limits.named(RuntimeError("can't start new thread"))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("graphs.pt", ("validate", "{}")),
        ("graphs.pt", ("import", "--input", "{}", "--jet-type", "g", "--output", "{}.h5")),
        ("shard.h5", ("export", "--input", "{}", "--output", "{}.pt")),
        ("shard.h5", ("export", "--input", "{}", "--output", "{}.parquet")),
        ("jets.parquet", ("import", "--input", "{}", "--jet-type", "g", "--output", "{}.h5")),
        ("", ("doctor", "--self-test")),
    ],
)
def test_files_that_take_more_are_refused_before_they_are_read(name, lines, tmp_path):
    path = tmp_path / name
    if name.endswith(".pt"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("graphs/data.pkl", b"")
    elif name:
        path.write_bytes(b"PAR1" if name.endswith(".parquet") else b"\x89HDF\r\n\x1a\n")
    done = hypervae(*(word.format(path) for word in lines), setup="ulimit -v 800000;")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "ulimit -v): found a limit of 781 MiB of addresses, expected at least" in line


HOLDING = """
import resource, sys
import numpy as np
if sys.argv[2] == "scipy":
    import scipy.linalg
from hypervae import limits

used = limits.addresses("VmSize")
resource.setrlimit(resource.RLIMIT_AS, (used + (int(sys.argv[1]) << 20),) * 2)
try:
    limits.hold_addresses()
except limits.LimitReached as error:
    print(error)
    sys.exit()
held = []
try:
    while True:
        held.append(np.empty(1 << 20, dtype=np.uint8))
except MemoryError:
    held.pop()
small = np.ones((8, 8))
assert (small @ small)[0, 0] == 8
if sys.argv[2] == "scipy":
    assert scipy.linalg.blas.dgemm(1.0, small, small)[0, 0] == 8
print("multiplied")
"""


@pytest.mark.parametrize("library", ["numpy", "scipy"])
@pytest.mark.parametrize("left", [16, 240])
def test_openblas_has_its_memory_before_others_take_it(left, library):
    """Or it would end the process, wherever it is called first."""
    command = [sys.executable, "-c", HOLDING, str(left), library]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ulimit -v" in done.stdout if left == 16 else done.stdout == "multiplied\n"


@pytest.mark.parametrize(
    "error",
    [
        SystemError("error return without exception set"),
        TypeError("'frame' object is not callable"),
        ValueError("std::bad_alloc"),
        HyperVAEError(
            "x.pt: file: found unreadable content (unable to mmap 9 bytes: Cannot allocate"
        ),
        HyperVAEError("x.parquet: file: found unreadable content (Failed to launch worker thread"),
    ],
)
def test_whatever_is_raised_where_addresses_are_used_up_names_the_limit(error, monkeypatch):
    assert limits.starved(error) is None  # without a limit
    peak = limits.addresses("VmPeak")
    for left, near in ((64 << 20, True), (4 << 30, isinstance(error, HyperVAEError))):
        most = peak + left
        monkeypatch.setattr(limits.resource, "getrlimit", lambda _, most=most: (most, most))
        said = limits.starved(error)
        assert (said is not None) == near
        if said:
            assert "ulimit -v" in said
            assert str(error) in said
    assert limits.starved(HyperVAEError("x.h5: mask: found 2, expected 0 or 1")) is None
    assert limits.starved(LimitReached("memory (ulimit -v): not enough memory")) is None

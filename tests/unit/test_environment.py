"""What the environment of the user may hold, and what of it counts."""

import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import hypervae.environment as environment
from hypervae.environment import (
    ISOLATED,
    isolate,
    keep_compiled_kernels,
    other_libraries,
    without,
)
from hypervae.errors import HyperVAEError
from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets

ROOT = Path(__file__).parents[2]

ENVIRONMENT_OF_LOADER = ("LD_PRELOAD", "LD_LIBRARY_PATH")

# Of a notebook's terminal, an experiment's release, another job, or a mistake.
HOSTILE = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHIA8DATA": "/usr/share/Pythia8/xmldoc",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONIOENCODING": "ascii",
    "PYTHONHASHSEED": "7",
    "PYTHONUNBUFFERED": "1",
    "LC_ALL": "tr_TR.UTF-8",
    "TZ": "Asia/Kathmandu",
    "COLUMNS": "1",
    "TERM": "dumb",
    "FORCE_COLOR": "1",
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "3",
    "NODE_RANK": "1",
    "MASTER_ADDR": "node7",
    "MASTER_PORT": "1",
    "SLURM_JOB_ID": "7",
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "4",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_JOB_NAME": "other",
    "LT_DEVICES": "7",
    "LT_CLI_USED": "1",
    "OMP_NUM_THREADS": "nonsense",
    "MKL_NUM_THREADS": "nonsense",
    "KMP_AFFINITY": "nonsense",
    "NUMBA_NUM_THREADS": "0",
    "NUMBA_DISABLE_JIT": "1",
    "TORCH_LOGS": "nonsense",
    "NUMBA_CACHE_DIR": "/dev/null/kernels",
    "HDF5_PLUGIN_PATH": "/nowhere",
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "CUDA_VISIBLE_DEVICES": "nonsense",
    "TORCH_HOME": "/dev/null/torch",
    "TORCHINDUCTOR_CACHE_DIR": "/dev/null/inductor",
    "XDG_CACHE_HOME": "/dev/null/cache",
    "XDG_CONFIG_HOME": "/dev/null/config",
    "VIRTUAL_ENV": "/nowhere",
    "CONDA_PREFIX": "/nowhere",
    "PIP_USER": "1",
    "http_proxy": "http://127.0.0.1:1",
}


@pytest.fixture
def hostile(tmp_path):
    """`HOSTILE`, with a home whose matplotlibrc asks for LaTeX, and a matplotlibrc besides."""
    home = tmp_path / "home"
    for folder in (home / ".matplotlib", home / ".config" / "matplotlib"):
        folder.mkdir(parents=True)
        (folder / "matplotlibrc").write_text("text.usetex: True\nbackend: TkAgg\n")
    place = home / ".matplotlib" / "matplotlibrc"
    return {**HOSTILE, "HOME": str(home), "MATPLOTLIBRC": str(place)}


def hypervae(*arguments, cwd, **variables):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hypervae", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_hostile_environment_changes_no_result(hostile, tmp_path):
    """Jets, correlators and figures, with all variables at once, are those without them."""
    pytest.importorskip("pythia8mc")
    pytest.importorskip("matplotlib")
    # beside the one of the home directory: matplotlib reads it first
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nsavefig.bbox: tight\n")
    commands = [
        "simulate --jet-type q --shard-index 0 --jets 20 --output {0}/q.h5",
        "correlators --input {0}/q.h5 --output {0}/c.h5 --plot {0}/c.png",
    ]
    for folder, variables in (("clean", {}), ("hostile", hostile)):
        place = tmp_path / folder
        place.mkdir()
        cwd = place if folder == "clean" else tmp_path
        for command in commands:
            hypervae(*command.format(place).split(), cwd=cwd, **variables)
    for name in ("q.h5", "c.png"):
        assert (tmp_path / "hostile" / name).read_bytes() == (
            tmp_path / "clean" / name
        ).read_bytes(), name


def test_isolation_is_handed_on_to_children(monkeypatch):
    for name in ISOLATED:
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("LT_DEVICES", "7")
    monkeypatch.setattr(sys, "warnoptions", [])
    isolate()
    for name, value in ISOLATED.items():
        assert os.environ.get(name) == value
    assert "LT_DEVICES" not in os.environ


def test_warnings_are_no_errors(monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        isolate()
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)
        assert sys.warnoptions == []


def test_what_a_locale_lacks_is_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    isolate()
    print("γ → 3", flush=True)
    assert raw.getvalue() == b"\\u03b3 \\u2192 3\n"


def test_variables_come_back(monkeypatch):
    monkeypatch.setenv("PYTHIA8DATA", "/other")
    with without("PYTHIA8DATA", "NOT_SET"):
        assert "PYTHIA8DATA" not in os.environ
    assert os.environ["PYTHIA8DATA"] == "/other"
    assert "NOT_SET" not in os.environ


@pytest.mark.parametrize("named", [None, "kernels", "/dev/null/kernels"])
@pytest.mark.parametrize("code", [True, False])
@pytest.mark.parametrize("home", [True, False])
def test_kernels_are_kept_where_there_is_a_place(named, code, home, monkeypatch, tmp_path):
    own = tmp_path / "own"
    writable = {tmp_path / "kernels"}
    if code:
        writable |= {
            Path(environment.__file__).parent / name / "__pycache__"
            for name in environment.COMPILED
        }
    if home:
        writable.add(tmp_path / "cache" / "numba")
    monkeypatch.setattr(environment, "can_write", lambda folder: folder in writable)
    monkeypatch.setattr(environment, "own_temporary_folder", lambda: own)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    given = None if named is None else str(tmp_path / named)
    if given:
        monkeypatch.setenv("NUMBA_CACHE_DIR", given)
    keep_compiled_kernels()
    needs_own = named != "kernels" and not code and not home
    expected = str(own / "numba") if needs_own else given
    assert os.environ.get("NUMBA_CACHE_DIR") == expected


def test_a_folder_that_others_may_write_to_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = environment.own_temporary_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    with pytest.raises(HyperVAEError, match="others' access"):
        environment.own_temporary_folder()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_have_the_users_umask(umask, tmp_path):
    before = os.umask(umask)
    try:
        write_shard(tmp_path / "q.h5", toy_jets(10, 1, "q", max_particles=8), source="test")
    finally:
        os.umask(before)
    assert (tmp_path / "q.h5").stat().st_mode & 0o777 == 0o666 & ~umask


LOADER = [
    "/old/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by libtorch.so)",
    "/lib64/libc.so.6: version 'GLIBC_2.34' not found (required by a.so)",
    "/old/libstdc++.so.6: file too short",
    "/old/libgomp.so.1: invalid ELF header",
    "/old/libz.so.1: wrong ELF class: ELFCLASS32",
    "libtorch.so: undefined symbol: _ZN3c10",
    "libcudart.so.12: cannot open shared object file: No such file or directory",
    "/old/libgomp.so.1: cannot allocate memory in static TLS block",
    "libc10.so: ELF load command past end of file",
    "/old/libm.so.6: cannot read file data: Is a directory",
]


@pytest.mark.parametrize("said", LOADER)
@pytest.mark.parametrize("kind", [ImportError, OSError])
@pytest.mark.parametrize("names", [("LD_PRELOAD",), ("LD_LIBRARY_PATH",), ENVIRONMENT_OF_LOADER])
def test_libraries_of_others_are_named(said, kind, names, monkeypatch):
    """Also where a package wraps the loader's line in a page of its own."""
    for name in ENVIRONMENT_OF_LOADER:
        monkeypatch.delenv(name, raising=False)
    wrapped = ImportError(f"IMPORTANT: please read this\n\nOriginal error was: {said}\n")
    outer = ImportError("numpy")
    outer.__cause__ = kind(said)
    for error in (kind(said), wrapped, outer):
        assert other_libraries(error) is None
    for name in names:
        monkeypatch.setenv(name, "/old")
    for error in (kind(said), wrapped, outer):
        found = other_libraries(error)
        assert found.startswith(", ".join(f"{name}=/old" for name in names) + f": found {said}, ")
        assert "\n" not in found
    assert other_libraries(ImportError("cannot import name 'x' from 'y'")) is None
    assert other_libraries(ModuleNotFoundError("No module named 'pyarrow'")) is None


@pytest.mark.parametrize("content", [b"", b"no library", None])
@pytest.mark.parametrize("name", ["LD_LIBRARY_PATH", "LD_PRELOAD"])
def test_a_library_that_is_none_is_one_line(name, content, tmp_path):
    """The loader passes over what it cannot preload, and says so; it looks no further in a path."""
    library = tmp_path / "libstdc++.so.6"
    if content is None:
        library.mkdir()
    else:
        library.write_bytes(content)
    value = str(tmp_path if name == "LD_LIBRARY_PATH" else library)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hypervae", "correlators", "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT), name: value},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "Traceback" not in done.stderr
    if name == "LD_PRELOAD":
        assert done.returncode == 0
    else:
        assert done.returncode == 1
        assert done.stderr.startswith(f"hypervae: error: {name}={value}: found {library}: ")
        assert done.stderr.count("\n") == 1

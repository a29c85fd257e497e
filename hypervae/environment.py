"""What of the user's environment a command takes over, and what it does not.

`docs/environment.md` has the table of all variables. What is not taken over, is left out here and
in the `Makefile`, which starts Python itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from hypervae.errors import HyperVAEError

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: results do not depend on the environment

#: Variables of other programs, which change what a command does, and how they are to be.
ISOLATED: dict[str, str | None] = {
    "MPLBACKEND": "Agg",  # a notebook's choice, which jobs started from it inherit
    "MATPLOTLIBRC": None,
    "PYTHIA8DATA": None,  # of another Pythia, as ROOT and the experiments' releases set it
    "PYTHONWARNINGS": None,
    "NUMBA_DISABLE_JIT": None,  # the kernels are there in compiled form alone
    "NUMBA_NUM_THREADS": None,  # which no kernel has, and numba refuses 0
    "TORCH_LOGS": None,
    # without a search of all installed packages for plugins of pydantic, at the start of each job
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
#: What libraries print beside the errors that they raise; a choice of the user's stays.
QUIET = {"TORCH_CPP_LOG_LEVEL": "FATAL"}
#: Variables whose names start so.
ISOLATED_PREFIXES = ("LT_",)  # of Lightning's own command line
#: The kernels of these sub-packages are compiled once, and kept.
COMPILED = ("correlators", "evaluation", "scaffold")


def isolate() -> None:
    """Take out what a command does not take over, for this process and those that it starts."""
    if os.environ.get("PYTHONWARNINGS") and sys.warnoptions:
        _restore_warnings()
    for name in [name for name in os.environ if name.startswith(ISOLATED_PREFIXES)]:
        del os.environ[name]
    for name, value in ISOLATED.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # rather than an error where a locale lacks a letter
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def without(*names: str) -> Iterator[None]:
    """Leave variables out for what is done within, in a process of the user's.

    Parameters
    ----------
    *names : str
    """
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _restore_warnings() -> None:
    """The filters that Python has by itself: a warning of a library is no error here."""
    sys.warnoptions.clear()
    warnings.resetwarnings()
    for kind in (ResourceWarning, ImportWarning, PendingDeprecationWarning, DeprecationWarning):
        warnings.simplefilter("ignore", kind)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")


# How the system's loader says that it found another library than a package was built with.
_OF_LOADER = (
    "file too short",
    "invalid ELF header",
    "wrong ELF class",
    "undefined symbol",
    "cannot open shared object file",
    "cannot read file data",
    "cannot allocate memory in static TLS block",
    "ELF load command",
    "symbol lookup error",
)
_VERSION = re.compile(r"version [`'].+' not found")
_LOADED_FIRST = ("LD_PRELOAD", "LD_LIBRARY_PATH")


def other_libraries(error: BaseException) -> str | None:
    """What to do about an import that failed since variables lead to libraries of others.

    Parameters
    ----------
    error : ImportError or OSError
        Of the import.

    Returns
    -------
    str or None
        None if the error is another one, or no such variable is set.
    """
    named = [f"{name}={os.environ[name]}" for name in _LOADED_FIRST if os.environ.get(name)]
    while named:
        # numpy wraps the line of the loader in a page of advice
        for line in str(error).splitlines():
            if ".so" in line and (_VERSION.search(line) or any(s in line for s in _OF_LOADER)):
                said = line.strip().removeprefix("Original error was: ")
                return (
                    f"{', '.join(named)}: found {said}, expected the libraries that the packages "
                    "of this Python were built with; unset it, or leave the release's shell"
                )
        before = error.__cause__ or error.__context__
        if before is None:
            return None
        error = before
    return None


def open_standard_streams() -> None:
    """Let standard input, output and error be something, where they were closed.

    The next file that is opened would take their place, and what is printed would stand in it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays
            setattr(sys, name, stream)


def keep_compiled_kernels() -> None:
    """Name a place for compiled kernels, where numba would find none that can be written to.

    It looks beside the code and below the home directory, and without a place it refuses to compile
    what is to be kept.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named and can_write(Path(named)):
        return
    package = Path(__file__).parent
    if all(can_write(package / name / "__pycache__") for name in COMPILED):
        return
    if can_write(_user_cache() / "numba"):
        return
    with contextlib.suppress(HyperVAEError, OSError):  # then numba says what it lacks
        place = str(own_temporary_folder() / "numba")
        os.environ["NUMBA_CACHE_DIR"] = place
        if "numba" in sys.modules:
            sys.modules["numba"].config.CACHE_DIR = place


def _user_cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path(os.path.expanduser("~/.cache"))


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the one in which it would be made.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    bool
    """
    for place in (folder, *folder.absolute().parents):
        if place.exists():
            return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return False


def own_temporary_folder() -> Path:
    """A folder for temporary files of this user alone, on this machine.

    Returns
    -------
    Path

    Raises
    ------
    HyperVAEError
        If others may write there.
    """
    folder = Path(tempfile.gettempdir()) / f"hypervae-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise HyperVAEError(f"{folder}: found others' access, expected a folder of yours alone")
    return folder

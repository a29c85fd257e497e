"""What the system allows a process, and how an error names the limit that it ran into."""

from __future__ import annotations

import errno
import os
import resource
import sys
import tempfile
from pathlib import Path

from hypervae.errors import HyperVAEError

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: Files that a command has open at once, on top of those of its children.
FILES = 12
#: Bytes of the address of a socket, its end included.
SOCKET_ADDRESS = 108
#: Addresses that a subcommand had at most for a few jets with one thread [MiB], measured with the
#: CPU build of torch, 5 % more (of sweep: those to be loaded). Below, OpenBLAS, glibc, torch, LLVM
#: and the interpreter abort or go in circles, each with words of its own or none.
ADDRESSES = {
    "simulate": 595,
    "download": 345,
    "split": 330,
    "import": 330,
    "correlators": 715,
    "enc": 860,
    "normalize": 480,
    "train": 1715,
    "adopt": 1000,
    "generate": 1090,
    "evaluate": 1010,
    "equivariance": 1440,
    "reconstruct": 1365,
    "plot": 690,
    "sweep": 200,
    "export": 515,
    "validate": 440,
    "doctor": 705,
}
#: The same of files that some subcommands read or write beside others.
ADDRESSES_OF_FILES = {"PyG graphs": 1425, "parquet": 1715}
# Of each further thread of OpenBLAS, which numpy and scipy have one each of [MiB].
_ADDRESSES_OF_A_THREAD = 80
# Of these, what OpenBLAS takes at its first call and keeps: it ends the process where it gets none.
_OF_A_CALL = 40
# A thread takes as many for its stack and for what it allocates [bytes].
_OF_A_THREAD = 256 << 20
#: How torch and the loader of libraries say that memory is short.
NO_MEMORY = ("allocate memory", "not enough memory", "failed to map segment", "std::bad_alloc")
# How other libraries say it, in messages that blame a file.
_OF_LIBRARIES = ("Cannot allocate", "memory allocation failed", "Failed to launch worker thread")
# How oneDNN says it, and other things where there is no limit of addresses.
_NO_ADDRESSES = ("could not create a primitive", "could not execute a primitive")
_TEMPORARY = (
    "TMPDIR: found {}, and no other folder of temporary files that can be written to and has "
    "space, expected one"
)


class LimitReached(HyperVAEError):
    """A limit of the system, or of the shell that started this process, was reached."""


def allow_files(wanted: int, what: str) -> None:
    """Raise this process's limit of open files as far as it may itself, if there is need.

    Parameters
    ----------
    wanted : int
        Files.
    what : str
        Who has them open, for the message.

    Raises
    ------
    LimitReached
        If so many are not allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if within(wanted, soft):
        return
    if not within(wanted, hard):
        raise LimitReached(
            f"open files (ulimit -n): found a limit of {hard}, expected at least {wanted} for "
            f"{what}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def allow_addresses(what: str) -> None:
    """Find out that there is room for some work within a limit of addresses (``ulimit -v``).

    Parameters
    ----------
    what : str
        A subcommand, or a kind of files (`ADDRESSES_OF_FILES`).

    Raises
    ------
    LimitReached
        If it cannot.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    threads = _threads()
    least = {**ADDRESSES, **ADDRESSES_OF_FILES}[what]
    wanted = least + _ADDRESSES_OF_A_THREAD * (threads - 1)
    if not within(wanted * 2**20, soft):
        raise LimitReached(
            f"memory (ulimit -v): found a limit of {soft // 2**20} MiB of addresses, expected at "
            f"least {wanted} for {what} with {threads} threads (OMP_NUM_THREADS), or none"
        )


def hold_addresses() -> None:
    """Within a limit of addresses, let each OpenBLAS that is loaded take now what its calls need.

    Where it finds no more at its first call, which may come late in a training, it ends the process
    by itself: no error, no lock or temporary file that is given back.

    Raises
    ------
    LimitReached
        If there is not as much left.
    """
    if not addresses_limited():
        return
    import numpy as np

    matrix = np.ones((512, 512), dtype=np.float32)  # large enough for all threads
    multiply = [lambda: matrix @ matrix]
    if "scipy.linalg" in sys.modules:  # with an OpenBLAS of its own
        from scipy.linalg.blas import sgemm

        multiply.append(lambda: sgemm(1.0, matrix, matrix))
    for call in multiply:
        left = _addresses_left()
        if left is not None and left < _OF_A_CALL * _threads() * 2**20:
            raise LimitReached(_memory())
        call()


def _threads() -> int:
    """Those that OpenBLAS starts when it is loaded."""
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return max(min(most, int(os.environ[name])), 1)
    return most


def within(wanted: int, limit: int) -> bool:
    """Whether a limit allows something.

    Parameters
    ----------
    wanted, limit : int
        The latter as `resource` gives it.

    Returns
    -------
    bool
    """
    return limit == resource.RLIM_INFINITY or wanted <= limit


def named(error: BaseException) -> str | None:
    """The limit behind an error, where it is one.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str or None
        What was found and what helps, for one line.
    """
    before = error.__cause__ or error.__context__
    return _named(error) or (named(before) if before is not None else None)


def starved(error: Exception) -> str | None:
    """The limit of addresses, where it may be behind an error of any kind.

    Without memory the interpreter and libraries raise what comes, or blame the file that they read.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str or None
        As `named`, with what the error says.
    """
    if not addresses_limited():
        return None
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, HyperVAEError):
        if isinstance(error, LimitReached) or "ulimit -v" in said:
            return None
        blamed = any(sign in said for sign in (*NO_MEMORY, *_OF_LIBRARIES))
    else:
        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        peak = addresses("VmPeak")
        blamed = peak is not None and most - peak < _OF_A_THREAD
    return f"{_memory()} ({said})" if blamed else None


def _named(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _memory() + (f" ({error})" if str(error) else "")
    if isinstance(error, RuntimeError):
        if "can't start new thread" in str(error):
            return _memory() if _few_addresses() else _processes()
        if "CUDA out of memory" in str(error):
            return "not enough memory on the GPU"
        signs = NO_MEMORY + _NO_ADDRESSES if addresses_limited() else NO_MEMORY
        return _memory() if any(sign in str(error) for sign in signs) else None
    if not isinstance(error, OSError | ImportError):
        return None
    number = getattr(error, "errno", None)
    text = str(error)
    if "No usable temporary directory" in text:
        return _TEMPORARY.format(os.environ.get("TMPDIR", "none"))
    if number == errno.ENFILE:
        return "open files of the whole machine (fs.file-max): found all in use"
    if number == errno.EMFILE or "Too many open files" in text:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return f"open files (ulimit -n): found a limit of {soft}, expected a larger one"
    if number == errno.EAGAIN:
        return _processes()
    if number == errno.ENOMEM or any(sign in text for sign in NO_MEMORY):
        return _memory()
    if number == errno.EFBIG:
        return f"size of files: found {file_size_limit()}, expected a larger one"
    return None


def file_size_limit() -> str:
    """What limits the size of a file.

    Returns
    -------
    str
    """
    size, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if size == resource.RLIM_INFINITY:
        return "that of the file system"
    return f"a limit of {size // 1024} KiB (ulimit -f)"


def _processes() -> str:
    most, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    limit = "one of the container or the job"
    if most != resource.RLIM_INFINITY:
        limit = f"a limit of {most}"
    return (
        f"processes and threads of this user (ulimit -u): found {limit}, expected a larger one, or "
        "fewer threads (OMP_NUM_THREADS)"
    )


def addresses_limited() -> bool:
    """Whether there is a limit of the addresses that this process may use.

    Returns
    -------
    bool
    """
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _few_addresses() -> bool:
    """Whether a limit of addresses, of which a thread takes some for its stack, is nearly used."""
    left = _addresses_left() if addresses_limited() else None
    return left is not None and left < _OF_A_THREAD


def _addresses_left() -> int | None:
    """Below the limit [bytes]; None where the system does not say."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = addresses("VmSize")
    return None if used is None else most - used


def addresses(field: str) -> int | None:
    """Addresses of this process.

    Parameters
    ----------
    field : str
        ``VmSize`` or ``VmPeak`` (man 5 proc).

    Returns
    -------
    int, optional
        [bytes]; None where the system does not say.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    return next((int(x.split()[1]) * 1024 for x in lines if x.startswith(f"{field}:")), None)


def _memory() -> str:
    if not addresses_limited():
        return "not enough memory"
    size, _ = resource.getrlimit(resource.RLIMIT_AS)
    return (
        f"not enough memory: found a limit of {size // 2**20} MiB of addresses (ulimit -v), "
        "expected a larger one, or none"
    )


def temporary_folder() -> Path:
    """Where temporary files go.

    Returns
    -------
    Path
        An absolute one.

    Raises
    ------
    LimitReached
        If there is no folder that can be written to.
    """
    try:
        return Path(os.path.abspath(tempfile.gettempdir()))
    except OSError as error:
        raise LimitReached(_TEMPORARY.format(os.environ.get("TMPDIR", "none"))) from error


def folder_of_sockets(longest: int) -> Path:
    """A folder of temporary files whose name leaves space for that of a socket in it.

    Parameters
    ----------
    longest : int
        Bytes of the names below it, the separators included.

    Returns
    -------
    Path
        That of ``TMPDIR``, or if its name is too long one that all systems have.

    Raises
    ------
    LimitReached
        If there is none.
    """
    wanted = temporary_folder()
    for folder in (wanted, Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")):
        short = len(os.fsencode(folder)) + longest < SOCKET_ADDRESS
        if short and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise LimitReached(
        f"TMPDIR: found a name of {len(os.fsencode(wanted))} bytes ({wanted}), expected at most "
        f"{SOCKET_ADDRESS - longest - 1}, since a socket lies below it"
    )

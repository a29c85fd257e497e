"""A disk that breaks amid a file: calls of the system and reads of Python fail from then on."""

from __future__ import annotations

import builtins
import ctypes
import io
import os
import platform
from pathlib import Path

# Numbers of calls, and of the machine, as the kernel has them.
_CALLS = {
    "x86_64": {
        "machine": 0xC000003E,
        "pread": 17,
        "pwrite": 18,
        "write": 1,
        "writev": 20,
        "sendfile": 40,
        "link": 86,
        "linkat": 265,
    },
    "aarch64": {
        "machine": 0xC00000B7,
        "pread": 67,
        "pwrite": 68,
        "write": 64,
        "writev": 66,
        "sendfile": 71,
        "link": 37,
        "linkat": 37,
    },
}
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Where the kernel puts the number of the call, the machine, and the low half of each argument.
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("start", ctypes.POINTER(_Instruction)))


def known() -> bool:
    """Whether calls of this machine can be made to fail."""
    return platform.system() == "Linux" and platform.machine() in _CALLS


def fail_calls(number: int, rules: dict[str, dict[int, int]]) -> None:
    """Have the kernel refuse calls, for the rest of this process.

    Parameters
    ----------
    number : int
        Of the error.
    rules : dict of str to dict
        By call, from which value on of which argument it fails.
    """
    calls = _CALLS[platform.machine()]
    program = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, calls["machine"]), (_RETURN, 0, 0, _ALLOW)]
    for call, least in rules.items():
        left = 2 * len(least) + 1
        program += [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, left, calls[call])]
        for argument, value in least.items():
            left -= 2
            program += [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), (_AT_LEAST, 0, left, value)]
        program.append((_RETURN, 0, 0, _ERRNO | number))
    program.append((_RETURN, 0, 0, _ALLOW))
    array = (_Instruction * len(program))(*(_Instruction(*one) for one in program))
    libc = ctypes.CDLL(None, use_errno=True)
    whole = ctypes.byref(_Program(len(program), array))
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, whole, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def writing_fails(number: int, offset: int) -> None:
    """Fail to write from a place in a file on, to copy and to link.

    Parameters
    ----------
    number : int
        Of the error.
    offset : int
        [bytes] What is written in sequence fails from 300 bytes at once on: locks can be written,
        and what is printed.
    """
    printed, size = 2, 300
    fail_calls(
        number,
        {
            "pwrite": {3: offset},
            "write": {0: printed + 1, 2: size},
            "writev": {0: printed + 1},
            "sendfile": {},
            "link": {},
            "linkat": {},
        },
    )


def reading_fails(number: int, offset: int, places: list[Path]) -> None:
    """Fail to read from a place in a file on; of files that Python reads, from their half on.

    Parameters
    ----------
    number : int
        Of the error.
    offset : int
        [bytes]
    places : list of Path
        What Python cannot read: files, and folders with all in them.
    """
    fail_calls(number, {"pread": {3: offset}})
    opening = io.open

    class Broken(io.FileIO):
        """A file of which half can be read."""

        def readinto(self, buffer):
            left = os.fstat(self.fileno()).st_size // 2 - self.tell()
            if left <= 0:
                raise OSError(number, os.strerror(number))
            return super().readinto(memoryview(buffer)[:left])

        def readall(self):
            raise OSError(number, os.strerror(number))

    def broken(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
        inside = False
        if isinstance(file, str | os.PathLike):
            path = Path(os.path.realpath(file))
            inside = any(place == path or place in path.parents for place in places)
        if not inside or set(mode) & set("wax+"):
            return opening(file, mode, buffering, encoding, errors, newline, **more)
        binary = io.BufferedReader(Broken(file, "r"))
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)

    builtins.open = io.open = broken

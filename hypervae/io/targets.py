"""Where files may be written: not where a file is read, not where another is written, not a device.

A link is followed: it stays, and what it leads to is written. Files that are read together are
told apart in the same way.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hypervae.errors import ConfigError, InputError
from hypervae.io.regular import kind_of

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: Names of more bytes than this are cut where something is put around them.
LONGEST = 180
# The fifth word of each line is where something is mounted (man 5 proc).
_MOUNTS = Path("/proc/self/mountinfo")
#: What must stay as it is: of each caller, of this and other threads, files by device and number.
_kept: list[dict[tuple[int, int], str]] = []


def short(name: str) -> str:
    """A file's name, cut if what is put around it might make it longer than a name may be.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        The same for the same name; with its suffix.
    """
    text = os.fsencode(name)
    if len(text) <= LONGEST:
        return name
    suffix = os.fsencode(Path(name).suffix)
    if len(suffix) > LONGEST // 4:
        suffix = b""
    digest = hashlib.sha256(text).hexdigest()[:16]
    start = text[: LONGEST - len(digest) - len(suffix) - 1].decode(errors="ignore")
    return f"{start}-{digest}{suffix.decode(errors='ignore')}"


def target(path: str | os.PathLike[str]) -> Path:
    """Where a file is written: the path itself, or where the link leads that stands there.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If something stands there that is no file, or may only be read, or a link leads nowhere.
    """
    path = Path(path)
    place = Path(os.path.realpath(path)) if path.is_symlink() else path
    try:
        mode = os.stat(place).st_mode
    except FileNotFoundError:
        if place is not path and not place.parent.is_dir():
            raise _no_file(path, f"a link to {place}, whose folder is missing") from None
        return place
    except OSError as error:
        found = f"no way to write there ({error.strerror})"
        raise _no_file(path, found, "a place that can be written to") from error
    if kind := kind_of(mode):
        raise _no_file(path, kind if place is path else f"a link to {kind} ({place})")
    if not os.access(place, os.W_OK):
        raise _no_file(path, "a file that may only be read", "one that may be written")
    if _is_mounted(place):
        found = "a file that is mounted by itself, which nothing can replace"
        raise _no_file(path, found, "its folder to be mounted, or another name")
    number = _number(place)
    if number is not None:
        for kept in _kept:
            if number in kept:
                raise _no_file(path, f"the file that {kept[number]} reads", "another file")
    return place


def _is_mounted(place: Path) -> bool:
    """Whether a file is a mount of its own, as containers are given single files."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:  # not Linux
        return False
    name = os.fsencode(os.path.realpath(place))
    for character in b"\\ \t\n":  # as the kernel writes them
        name = name.replace(bytes([character]), b"\\%03o" % character)
    return any(line.split()[4] == name for line in lines)


def _no_file(
    path: Path, found: str, expected: str = "a file, or a name that is free"
) -> InputError:
    return InputError(path, "output", found=found, expected=expected)


@contextmanager
def keeping(inputs: Iterable[tuple[str, Path]]) -> Iterator[None]:
    """Refuse meanwhile to write where files are read.

    Parameters
    ----------
    inputs : iterable of (str, Path)
        Each with the name of the option that names it.
    """
    kept: dict[tuple[int, int], str] = {}
    for option, path in inputs:
        if (number := _number(path)) is not None:
            kept.setdefault(number, option)
    _kept.append(kept)
    try:
        yield
    finally:
        _kept[:] = [one for one in _kept if one is not kept]


def check_targets(inputs: Iterable[tuple[str, Path]], outputs: Iterable[tuple[str, Path]]) -> None:
    """Refuse outputs that are inputs, or another output, whatever links lead there.

    Parameters
    ----------
    inputs, outputs : iterables of (str, Path)
        Each with the name of the option that names it.

    Raises
    ------
    ConfigError
        If a file would be lost.
    InputError
        As `target`.
    """
    targets = [(option, path, target(path)) for option, path in outputs]
    resolve = _resolver()
    places = [resolve(place) for _, _, place in targets]
    numbers = [_number(place) for _, _, place in targets]
    for option, path in inputs if targets else ():
        place, number = resolve(path), _number(path)
        for (name, found, _), where, is_number in zip(targets, places, numbers, strict=True):
            if place == where or (number is not None and number == is_number):
                raise ConfigError(
                    f"{name}: found {found}, which {option} reads, expected another file"
                )
            if number is not None and place in where.parents:
                raise ConfigError(
                    f"{name}: found {found}, below the file {path}, expected a folder"
                )
    for index, (name, found, _) in enumerate(targets):
        here = places[index]
        for (other, path, _), place in zip(targets[:index], places, strict=False):
            if here == place or _differ_by_nothing(here, place):
                raise ConfigError(
                    f"{name}: found {found}, which {other} writes, expected another file"
                )
            if place in here.parents or here in place.parents:
                raise ConfigError(
                    f"{name}: found {found}, with {other} at {path}; "
                    "expected neither below the other"
                )


def check_once(option: str, files: Iterable[Path]) -> None:
    """Refuse a file that stands twice among those that are read together.

    Its jets would count twice, in means and errors alike, and nothing in the result would say so.

    Parameters
    ----------
    option : str
        The option or the key of the config that names them.
    files : iterable of Path
        As they were given; links, hard ones too, are the file that they lead to.

    Raises
    ------
    ConfigError
        If one does.
    """
    resolve = _resolver()
    seen: dict[Path | tuple[int, int], Path] = {}
    for path in files:
        file = _number(path) or resolve(path)
        if file in seen:
            first = seen[file]
            found = f"{path} twice" if str(first) == str(path) else f"{path}, which is {first}"
            raise ConfigError(f"{option}: found {found}, expected each file once")
        seen[file] = path


def _resolver() -> Callable[[Path], Path]:
    """What gives a path without links; those of a folder are followed once for all its files."""
    folder = functools.cache(os.path.realpath)

    def resolve(path: Path) -> Path:
        if path.is_symlink() or path.name in ("", ".."):
            return Path(os.path.realpath(path))
        return Path(folder(path.parent), path.name)

    return resolve


def _number(path: Path) -> tuple[int, int] | None:
    """Device and number of a file, which all of its names share."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _differ_by_nothing(one: Path, other: Path) -> bool:
    """Whether names that differ by upper and lower case alone are one on this file system."""
    if _alike(one) != _alike(other):
        return False
    place = Path(os.path.commonpath([one, other]))
    while not place.is_dir() and place != place.parent:
        place = place.parent
    return ignores_case(place)


def _alike(path: Path) -> str:
    """A path as file systems compare it that do not tell upper from lower case."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(path)).casefold())


def ignores_case(folder: Path) -> bool:
    """Whether names in a folder that differ by case alone are one, as on macOS and CIFS.

    Parameters
    ----------
    folder : Path
        Its own name, and those above it, may be of other file systems.

    Returns
    -------
    bool
        False where that cannot be found out.
    """

    def is_one(name: str) -> bool:
        path, swapped = folder / name, folder / name.swapcase()
        return swapped.exists() and path.samefile(swapped)

    try:
        for name in os.listdir(folder):
            if name.swapcase() != name and (folder / name).exists():
                return is_one(name)
        with tempfile.NamedTemporaryFile(prefix=".hypervae-", dir=folder) as probe:
            return is_one(Path(probe.name).name)
    except OSError:
        return False

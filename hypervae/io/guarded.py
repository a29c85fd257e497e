"""Functions of files: never onto what they read, nothing twice among what they read together.

The command line asks `hypervae.io.targets` with the names of options before it does anything;
functions that a notebook calls ask in the same way, with the names of their parameters.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, MappingView, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeGuard, TypeVar

from hypervae.io.targets import check_once, check_targets, keeping

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

P = ParamSpec("P")
R = TypeVar("R")
#: A parameter that names files, or an attribute of one (``files.shards``); the files that a path
#: stands for beside it, where they are others.
Files = Callable[[Path], Iterable[Path]]
Named = str | tuple[str, Files]


class Guarded(NamedTuple):
    """What a function says of its files: its attribute ``guarded``; see there.

    Attributes
    ----------
    reads, writes, apart, together : tuple
    """

    reads: tuple[Named, ...]
    writes: tuple[Named, ...]
    apart: tuple[str, ...]
    together: tuple[Sequence[str], ...]


def guarded(
    *,
    reads: Sequence[Named] = (),
    writes: Sequence[Named] = (),
    apart: Sequence[str] = (),
    together: Sequence[Sequence[str]] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have a function refuse, before it does anything, what would lose or double a file.

    Parameters
    ----------
    reads : sequence of str, or of (str, callable)
        What names files that are read: paths, or sequences of them; anything else is passed over.
    writes : sequence of str, or of (str, callable)
        What names files that are written.
    apart : sequence of str
        Sequences in which a file may stand twice, since each place has a meaning of its own.
    together : sequence of sequences of str
        Parameters whose files are read as one list.

    Returns
    -------
    callable
        The decorator; the function raises `ConfigError` and `InputError` as
        `hypervae.io.targets.check_targets` and `check_once`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def guard(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                return function(*args, **kwargs)  # Python says what is wrong
            for name, value in bound.arguments.items():
                if isinstance(value, Iterator):  # what is looked at once is gone
                    bound.arguments[name] = list(value)
            found = {
                name: list(_files(bound.arguments, name, files)) for name, files in _pairs(reads)
            }
            inputs = [(name, path) for name, paths in found.items() for path in paths]
            check_targets(
                inputs,
                (
                    (name, path)
                    for name, files in _pairs(writes)
                    for path in _files(bound.arguments, name, files)
                ),
            )
            joined = {name for names in together for name in names}
            for names in [*together, *([name] for name in found if name not in joined)]:
                if not set(names) & set(apart):
                    check_once(" and ".join(names), [path for one in names for path in found[one]])
            with keeping(inputs):
                return function(*bound.args, **bound.kwargs)

        vars(guard)["guarded"] = Guarded(tuple(reads), tuple(writes), tuple(apart), tuple(together))
        return guard

    return decorate


def _pairs(named: Sequence[Named]) -> Iterator[tuple[str, Files]]:
    for one in named:
        yield (one, _itself) if isinstance(one, str) else one


def _itself(path: Path) -> Iterable[Path]:
    return [path]


def _files(given: Mapping[str, Any], name: str, files: Files) -> Iterator[Path]:
    """The files that an argument names."""
    parameter, _, attribute = name.partition(".")
    value = given.get(parameter)
    if attribute:
        value = getattr(value, attribute, None)
    for one in list(value) if _are_several(value) else [value]:
        if isinstance(one, str | bytes | os.PathLike):
            yield from files(Path(os.fsdecode(one)))


def _are_several(value: Any) -> TypeGuard[Iterable[Any]]:
    if isinstance(value, str | bytes):
        return False
    # arrays of texts, too; jets are no sequence of paths
    return isinstance(value, Sequence | Set | Mapping | MappingView) or (
        getattr(getattr(value, "dtype", None), "kind", "") in ("U", "O") and hasattr(value, "shape")
    )

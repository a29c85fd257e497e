"""What a reader of jet files is, and what all of them check."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import CHARGE, UNITS
from hypervae.data.jet_checks import check_jets
from hypervae.data.jets import Jets
from hypervae.data.layouts import Layout
from hypervae.data.ranges import misread
from hypervae.errors import HyperVAEError, InputError
from hypervae.io.regular import check_regular

# Jets converted at once.
BATCH = 5_000


class Batch(NamedTuple):
    """Jets of consecutive rows.

    Attributes
    ----------
    jets : Jets
        Unsorted, with all of their particles.
    classes : [n] int or None
        Of each jet, the index in `JetFile.classes`; None where the file does not say.
    """

    jets: Jets
    classes: NDArray[np.int64] | None


class JetFile(AbstractContextManager["JetFile"]):
    """A file of jets that is open for reading; a context manager.

    Parameters
    ----------
    path : path-like
    layout : Layout, optional
        Of the particles, where it is not the format's own.

    Attributes
    ----------
    n_jets : int
        Of all classes.
    summed : bool
        The jets' features are those of their summed particles.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged, or not laid out as the format is.
    """

    what: ClassVar[str]
    #: What files of this format begin with, and what their names end with.
    magic: ClassVar[bytes]
    suffixes: ClassVar[tuple[str, ...]]
    #: Classes of jets that the format tells apart, and which is read as a jet type by itself.
    classes: ClassVar[tuple[str, ...]] = ()
    read_as: ClassVar[Mapping[str, str]] = {}

    n_jets: int
    summed: bool = False

    def __init__(self, path: str | os.PathLike[str], layout: Layout | None = None):
        self.path, self.layout = check_regular(path, self.what), layout
        with ExitStack() as stack:
            self._open(stack)
            if self.n_jets == 0:
                raise InputError(self.path, "jets", found="none", expected="at least one")
            size = self.path.stat().st_size
            if self.n_jets > size:  # as runs of one number can be: no jet fits into a byte
                raise self.error("jets", f"{self.n_jets} in {size} bytes", "fewer than bytes")
            self._stack = stack.pop_all()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    @classmethod
    def recognizes(cls, path: Path, head: bytes) -> bool:
        """Whether a file has this format.

        Parameters
        ----------
        path : Path
        head : bytes
            Its first eight.

        Returns
        -------
        bool
        """
        return head.startswith(cls.magic)

    @abstractmethod
    def _open(self, stack: ExitStack) -> None:
        """Open the file, check how it is laid out, and set `n_jets`."""

    @abstractmethod
    def _read(self) -> Iterator[Batch]:
        """Read at most `BATCH` jets at once, of all rows in turn."""

    def batches(self) -> Iterator[Batch]:
        """Read the file in batches, checked as all jets.

        Jets of all classes are checked, so that all imports of a file refuse the same.

        Yields
        ------
        Batch

        Raises
        ------
        InputError
            If the file is damaged; as `check_jets`; and, of the first batch, as `misread`.
        """
        start = 0
        for jets, classes in self._read():
            if len(jets) == 0:
                break  # a damaged file may promise more rows than it has
            if jets.event_id is None:
                jets.event_id = np.arange(start, start + len(jets), dtype=np.int64)
            check_jets(jets, self.path, start)
            found = misread(jets.particle_features, jets.jet_features) if start == 0 else None
            if found is not None:
                raise InputError(self.path, found.field, found=found.found, expected=found.expected)
            yield Batch(jets, classes)
            start += len(jets)
        if start != self.n_jets:
            raise self.error("file", f"{start} jets", f"{self.n_jets}, as it says itself")

    def class_of(self, jet_type: str, jet_class: str = "") -> int | None:
        """The class that is read as a jet type.

        Parameters
        ----------
        jet_type : str
        jet_class : str, optional
            One of `classes`; empty for the one that goes with the type.

        Returns
        -------
        int or None
            Its index in `classes`; None where none goes with the type.

        Raises
        ------
        InputError
            If there is no such class.
        """
        name = jet_class or self.read_as.get(jet_type)
        if name is None:
            return None
        if name not in self.classes:
            raise self.error("jet class", repr(name), f"one of {', '.join(self.classes)}")
        return self.classes.index(name)

    def error(self, field: str, found: str, expected: str) -> InputError:
        """An error that names the file.

        Parameters
        ----------
        field, found, expected : str

        Returns
        -------
        InputError
        """
        return InputError(self.path, field, found=found, expected=expected)

    def refuse(
        self, field: str, first_row: int, wrong: NDArray, values: NDArray, expected: str
    ) -> None:
        """Refuse a column where a number of it is wrong.

        Parameters
        ----------
        field : str
        first_row : int
            Of these jets.
        wrong : [n] or [n, P] bool
        values : of the same shape
        expected : str

        Raises
        ------
        InputError
            With the place and value of the first one.
        """
        if wrong.any():
            place = tuple(map(int, np.argwhere(wrong)[0]))
            particle = f", particle {place[1]}" if len(place) > 1 else ""
            row = first_row + place[0]
            raise self.error(field, f"{values[place]} at row {row}{particle}", expected)

    def further(self, available: Mapping[str, str]) -> dict[str, str]:
        """The further columns of particles that are kept: those asked for, or else the charge.

        Parameters
        ----------
        available : mapping of str to str
            Of each column that the format could give, what the file calls it.

        Returns
        -------
        dict of str to str
            Of each that is kept.

        Raises
        ------
        InputError
            If one that is asked for is not there.
        """
        wanted = () if self.layout is None else self.layout.extra
        for name in wanted:
            if name not in available:
                held = ", ".join(sorted(available))[:300] or "none"
                raise self.error(f"extra {name}", f"columns {held}", "this one among them")
        if not wanted and CHARGE in available:
            wanted = (CHARGE,)
        return {name: available[name] for name in wanted}

    def unit(self) -> float:
        """GeV of the unit that is named, where the format has its own columns.

        Returns
        -------
        float

        Raises
        ------
        InputError
            If columns or another unit of angles are named.
        """
        if self.layout is None:
            return 1.0
        if self.layout.columns or self.layout.angles != "radians":
            raise self.error(
                "layout, angles",
                f"{','.join(self.layout.columns) or 'none'}, {self.layout.angles}",
                f"none: the columns of {self.what} are known",
            )
        return UNITS[self.layout.units]

    @contextmanager
    def naming_damage(self) -> Iterator[None]:
        """Name the file where a library cannot read it; for calls of that library alone.

        Raises
        ------
        InputError
            In place of the library's own errors, which are of many kinds.
        """
        try:
            yield
        except (HyperVAEError, MemoryError, ImportError):
            raise  # says nothing about the file
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise self.error("file", f"unreadable content ({reason})", self.what) from error

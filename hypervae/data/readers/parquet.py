"""Parquet: a row a jet, particles in lists, as ``hypervae export`` and awkward write.

Read are, by their names:

particles
    Either list columns called as in `hypervae.data.columns.COLUMNS`, perhaps with ``part_`` or
    ``particle_`` before it and ``energy`` for E, or one column of lists of records with such
    fields: the one called ``particles``, or the only one. Of several momenta
    those of the layout that is named; else (etarel, phirel, ptrel) beside features of the jets,
    (px, py, pz), or what there is of pt | ptrel, eta | etarel and phi | phirel.
    Lists or fields that are none of these are further columns (`hypervae.data.extra`): ``charge``
    is kept, and others that are asked for, perhaps with ``part_`` or ``particle_`` before them.
``jet_pt``, ``jet_eta``, ``jet_mass``, optional
    Of the full jet; also ``pt``, ``eta`` and ``mass`` beside a list of records. Without them, those
    of the summed particles.
``jet_type``, optional
    JetNet's index or letter; jets of other types than the one asked for are left out.
``event_id``, ``split``, optional
    Whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import COLUMNS, UNITS, wrong_names
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.layouts import Layout, by_name
from hypervae.data.readers.interface import BATCH, Batch, JetFile
from hypervae.data.readers.lists import numbers, padded, whole_numbers
from hypervae.data.readers.momenta import jets_from
from hypervae.extras import optional
from hypervae.limits import allow_addresses

RECORDS = "particles"
_JET = ("jet_pt", "jet_eta", "jet_mass")
_BESIDE_RECORDS = ("pt", "eta", "mass")
_MOMENTA = (
    ("etarel", "phirel", "ptrel"),
    ("px", "py", "pz"),
    *product(("pt", "ptrel"), ("eta", "etarel"), ("phi", "phirel")),
)


class ParquetFile(JetFile):
    """Jets in parquet, read in batches of rows.

    Parameters
    ----------
    path, layout
        As for `JetFile`; the layout names the columns that are read, and their units.

    Raises
    ------
    MissingPackageError
        Without pyarrow or awkward.
    """

    what = "a parquet file of jets"
    magic = b"PAR1"
    suffixes = (".parquet", ".pq")
    classes = tuple(JET_TYPES)
    read_as: ClassVar = {name: name for name in JET_TYPES}

    def _open(self, stack: ExitStack) -> None:
        optional("awkward", "reading parquet", "export")
        optional("pyarrow", "reading parquet", "export")
        allow_addresses("parquet")
        import pyarrow.parquet as parquet

        with self.naming_damage():
            self._file: Any = stack.enter_context(parquet.ParquetFile(self.path))
            schema = self._file.schema_arrow
            self.n_jets = self._file.metadata.num_rows
        lists = {field.name: _fields(field.type) for field in schema if _is_list(field.type)}
        scalars = [field.name for field in schema if field.name not in lists]
        self._records, found, further = self._particles(lists)
        self._extra = self.further(further)
        self._jet = self._features(scalars)
        self.summed = not self._jet
        self._layout = self._chosen(found)
        self._optional = [n for n in ("jet_type", "event_id", "split") if n in scalars]
        self._called = {name: found[name] for name in self._layout.columns}
        called = [*self._called.values(), *self._extra.values()]
        read = called if self._records is None else [self._records]
        # what has no name cannot be chosen by it
        self._names = sorted({*read, *self._jet, *self._optional}) if all(read) else None

    def _particles(
        self, lists: Mapping[str, set[str]]
    ) -> tuple[str | None, dict[str, str], dict[str, str]]:
        """The column of records, if it is one; of particles' columns, what the file calls them.

        Columns of momenta apart from further ones.
        """
        records = [name for name, fields in lists.items() if fields]
        if records:
            name = RECORDS if RECORDS in records else records[0]
            if len(records) > 1 and name != RECORDS:
                raise self.error(
                    "columns", f"lists of records {', '.join(records)}", f"one called {RECORDS}"
                )
            return name, _named(lists[name]), _further(lists[name])
        return None, _named(lists), _further(lists)

    def _features(self, scalars: list[str]) -> tuple[str, ...]:
        """Names of the features of the full jets; empty without."""
        choices = [_JET] if self._records is None else [_JET, _BESIDE_RECORDS]
        for names in choices:
            there = [name for name in names if name in scalars]
            if len(there) == len(names):
                return names
            if there and names is _JET:
                raise self.error(
                    "columns", f"{', '.join(there)} alone", f"{', '.join(names)}, or none of them"
                )
        return ()

    def _chosen(self, found: Mapping[str, str]) -> Layout:
        """The columns that are read."""
        layout = self.layout or Layout(())
        held = ", ".join(name for name in COLUMNS if name in found) or "none"
        if layout.columns:
            unused = {"_", *layout.extra}
            columns = tuple(name for name in layout.columns if name not in unused)
            missing = [name for name in columns if name not in found]
            if missing:
                raise self.error("particles", f"columns {held}", f"also {', '.join(missing)}")
        else:
            momenta = _MOMENTA if self._jet else _MOMENTA[1:]
            fitting = [names for names in momenta if set(found) >= set(names)]
            if not fitting:
                raise self.error(
                    "particles",
                    f"columns {held}",
                    "lists px, py, pz or one each of pt|ptrel, eta|etarel and phi|phirel",
                )
            more = {"E", "mask"} if fitting[0] != _MOMENTA[0] else {"mask"}
            columns = (*sorted(more & set(found)), *fitting[0])
        layout = Layout(columns, layout.units, layout.angles)
        if layout.is_relative and not self._jet:
            raise self.error(
                ", ".join(_JET), "none", f"the jets that particles {layout} are relative to"
            )
        return layout

    def _read(self) -> Iterator[Batch]:
        import awkward as ak

        start = 0
        with self.naming_damage():
            steps = self._file.iter_batches(batch_size=BATCH, columns=self._names)
        while True:
            with self.naming_damage():
                step = next(steps, None)
                if step is None:
                    return
                arrays = {name: ak.from_arrow(step.column(name)) for name in step.schema.names}
            if step.num_rows:
                yield self._batch(start, arrays)
            start += step.num_rows

    def _batch(self, start: int, arrays: Mapping[str, Any]) -> Batch:
        particles = arrays if self._records is None else arrays[self._records]
        called = [*self._called.values(), *self._extra.values()]
        values = padded(self, start, {name: particles[name] for name in called})
        columns = by_name(values[..., : len(self._called)], self._layout)
        places = enumerate(self._extra, len(self._called))
        extra = {name: values[..., place] for place, name in places}
        jet = None
        if self._jet:
            jet = np.stack([numbers(self, n, arrays[n]) for n in self._jet], axis=-1)
            jet[:, [0, 2]] *= UNITS[self._layout.units]
            for index, name in enumerate(self._jet):
                column = jet[:, index]
                self.refuse(name, start, ~np.isfinite(column), column, "finite numbers")
            self.refuse(self._jet[0], start, jet[:, 0] <= 0, jet[:, 0], "pt > 0 GeV")
        jets = jets_from(self, start, columns, {**self._called, **self._extra}, jet, extra=extra)
        if "event_id" in arrays:
            jets.event_id = whole_numbers(self, "event_id", arrays["event_id"])
        if "split" in arrays:
            split = whole_numbers(self, "split", arrays["split"])
            # what does not fit becomes 3, which is refused with the others
            jets.split = np.where((split >= 0) & (split <= 2), split, 3).astype(np.uint8)
        return Batch(jets, self._types(start, arrays))

    def _types(self, start: int, arrays: Mapping[str, Any]) -> NDArray[np.int64] | None:
        """Of each jet, the index of its type."""
        if "jet_type" not in arrays:
            return None
        array = arrays["jet_type"]
        given = array.to_list()
        known: dict[int | str, int] = {index: index for index in JET_TYPES.values()}
        known.update(JET_TYPES)
        types = [known.get(value) if isinstance(value, int | str) else None for value in given]
        if None in types:
            row = types.index(None)
            choices = ", ".join(f"{name} ({index})" for name, index in JET_TYPES.items())
            raise self.error(
                "jet_type", f"{given[row]!r:.100} at row {start + row}", f"one of {choices}"
            )
        return np.asarray(types, dtype=np.int64)


def _named(fields: Iterable[str]) -> dict[str, str]:
    """Columns of particles, each with what it is called: ``part_px`` is px if there is no px."""
    named: dict[str, str] = {}
    for field in sorted(fields):
        plain = field.removeprefix("particle_").removeprefix("part_")
        plain = {"energy": "E", "mass": "m"}.get(plain, plain)
        if plain in COLUMNS:
            named.setdefault(plain, field)
    return named | {field: field for field in fields if field in COLUMNS}


def _further(fields: Iterable[str]) -> dict[str, str]:
    """Columns of particles that make no momentum, each with what it is called."""
    momenta = set(_named(fields).values())
    further: dict[str, str] = {}
    for field in sorted(set(fields) - momenta):
        further[field.removeprefix("particle_").removeprefix("part_")] = field
    return {name: field for name, field in further.items() if not wrong_names([name])}


def _storage(kind: Any) -> Any:
    """The type below those that extend it, as awkward's do."""
    while hasattr(kind, "storage_type"):
        kind = kind.storage_type
    return kind


def _is_list(kind: Any) -> bool:
    import pyarrow.types as types

    kind = _storage(kind)
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _fields(kind: Any) -> set[str]:
    """Names of the fields of a list of records; none of another list."""
    import pyarrow.types as types

    inside = _storage(_storage(kind).value_type)
    return {field.name for field in inside} if types.is_struct(inside) else set()

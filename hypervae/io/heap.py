"""Texts of HDF5 of variable length: what the file says of them is judged before HDF5 follows it.

Such a text is a length and a place: a collection of objects, and a number in it. HDF5 takes memory
of that length, 4 GB where a byte is damaged, before it looks at the object; and in a collection
with space of no length it goes in a circle for ever (HDF5 2.0.0). So both are looked at here, which
takes microseconds (HDF5 File Format Specification 3.0, III.E and IV.A). Where a file keeps its
texts in another way, a process of its own with limits reads them first.
"""

from __future__ import annotations

import contextlib
import os
from itertools import islice
from typing import Any

import h5py

from hypervae.io.headers import WORD, NotUnderstood, RawBytes, attributes, number
from hypervae.io.trial import try_texts

#: Bytes of a text as it stands in the file: its length, the address and the number.
_REFERENCE = 4 + WORD + 4
# Before a collection's objects, and before each.
_HEADER = 8 + WORD
# Bytes of a collection that is looked at.
_MOST = 2**26
# Attributes of an object that are tried.
_MOST_NAMES = 1000


class Texts:
    """Judges the texts of one file.

    Parameters
    ----------
    path : path-like
        For messages.
    file : h5py.File
        Open for reading.
    """

    def __init__(self, path: str | os.PathLike[str], file: h5py.File):
        self._path, self._file = path, file
        self._raw: RawBytes | None = None
        self._collections: dict[int, dict[int, int]] = {}
        self._headers: dict[int, dict[bytes, list[bytes]]] = {}
        self._tried: dict[int, dict[str | None, str]] = {}

    def judge_attribute(self, owner: Any, name: str | bytes) -> None:
        """Find out that an attribute of a text can be read.

        Parameters
        ----------
        owner : h5py.Group or h5py.Dataset
        name : str or bytes
            The latter where it is no text.

        Raises
        ------
        ValueError
            With what is wrong.
        """
        key = name.encode(errors="surrogateescape") if isinstance(name, str) else name
        address = int(h5py.h5o.get_info(owner.id).addr)
        with contextlib.suppress(NotUnderstood):
            if address not in self._headers:
                self._headers[address] = self._values(address)
            if values := self._headers[address].get(key):
                for value in values:
                    self._check(value)
                return
        if isinstance(name, bytes):
            raise ValueError(f"a name of bytes, {name!r}")
        tried = self._tried.setdefault(address, {})
        if name not in tried:
            others = (
                one
                for one in islice(owner.attrs, _MOST_NAMES)
                if isinstance(one, str) and one != name
            )
            tried.update(try_texts(self._path, owner.name, [name, *others]))
        if reason := tried[name]:
            raise ValueError(reason)

    def judge_dataset(self, dataset: Any) -> None:
        """Find out that a dataset of texts can be read.

        Parameters
        ----------
        dataset : h5py.Dataset

        Raises
        ------
        ValueError
            With what is wrong.
        """
        start, length = dataset.id.get_offset(), dataset.size * _REFERENCE
        with contextlib.suppress(NotUnderstood):
            if start is not None and dataset.id.get_storage_size() == length:
                raw = self._bytes()
                data = raw.at(start - raw.base, length)
                for at in range(0, length, _REFERENCE):
                    self._check(data[at : at + _REFERENCE])
                return
        if reason := try_texts(self._path, dataset.name, [None])[None]:
            raise ValueError(reason)

    def _bytes(self) -> RawBytes:
        if self._raw is None:
            self._raw = RawBytes(self._file)
        return self._raw

    def _values(self, address: int) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for attribute in attributes(self._bytes(), address):
            found.setdefault(attribute.name, []).append(attribute.value)
        return found

    def _check(self, reference: bytes) -> None:
        """Check that a text is as long as the object that it is."""
        length, place = number(reference, 0, 4), number(reference, 4, WORD)
        index = number(reference, 4 + WORD, 4)
        if length == 0 or place == 0:
            return
        if place not in self._collections:
            self._collections[place] = self._collection(place)
        stored = self._collections[place].get(index)
        if stored != length:
            there = "nothing" if stored is None else f"{stored} bytes"
            raise ValueError(f"a text of {length} bytes, of which {there} are stored")

    def _collection(self, place: int) -> dict[int, int]:
        """Numbers of the objects in a collection, and their lengths."""
        raw, what = self._bytes(), f"texts at byte {place}"
        try:
            start = raw.at(place, _HEADER)
            size = number(start, 8, WORD)
            data = raw.at(place, size if size <= _MOST else 0)
        except NotUnderstood:
            raise ValueError(f"{what}, beyond the end of the file") from None
        if not start.startswith(b"GCOL\x01") or len(data) < _HEADER:
            raise ValueError(f"{what}, where there are none, or over {_MOST} bytes")
        found: dict[int, int] = {}
        at = _HEADER
        while at + 8 + WORD <= size:
            index, length = number(data, at, 2), number(data, at + 8, WORD)
            # of what is free the header counts, too
            taken = 8 + WORD + -(-length // 8) * 8 if index else length
            if not 0 < taken <= size - at:
                raise ValueError(f"{what}, where an object of {length} bytes cannot be")
            if index:
                found[index] = length
            at += taken
        return found

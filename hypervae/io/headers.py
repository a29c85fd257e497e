"""The attributes of an object of HDF5, as they lie in the file.

HDF5 gives the value of a text alone, for which it follows what the file says of length and place,
however wrong. Here is what the file says, by the format's own specification (HDF5 File Format
Specification 3.0, IV.A): nothing is believed, and of what is not understood nothing is said.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import h5py

#: Bytes of an address and of a length, other than in files that nobody writes.
WORD = 8
_ATTRIBUTE, _CONTINUATION = 0x0C, 0x10
# Of a message: it lies elsewhere, with others.
_SHARED = 0x02
# Bytes of the headers of one object, and pieces that they lie in.
_MOST_BYTES, _MOST_PIECES = 2**22, 1000


class NotUnderstood(Exception):
    """What lies there has another form, or is damaged."""


class RawBytes:
    """The bytes of an HDF5 file that is open for reading.

    Parameters
    ----------
    file : h5py.File
        With HDF5's usual driver.

    Raises
    ------
    NotUnderstood
        If its addresses have another width.
    """

    def __init__(self, file: h5py.File):
        if file.id.get_create_plist().get_sizes() != (WORD, WORD):
            raise NotUnderstood
        self._handle = int(file.id.get_vfd_handle())
        self.base = int(file.userblock_size)
        self.size = os.fstat(self._handle).st_size

    def at(self, address: int, length: int) -> bytes:
        """Some bytes.

        Parameters
        ----------
        address : int
            As the file counts.
        length : int

        Returns
        -------
        bytes

        Raises
        ------
        NotUnderstood
            If they are not there.
        """
        start = self.base + address
        if not (address >= 0 and length >= 0 and start + length <= self.size):
            raise NotUnderstood
        found = os.pread(self._handle, length, start)
        if len(found) != length:
            raise NotUnderstood
        return found


class Attribute(NamedTuple):
    """An attribute: its name, and its value as it is stored."""

    name: bytes
    value: bytes


def number(data: bytes, start: int, length: int) -> int:
    """A whole number without a sign.

    Parameters
    ----------
    data : bytes
    start, length : int

    Returns
    -------
    int

    Raises
    ------
    NotUnderstood
        If the data end before it does.
    """
    if start + length > len(data):
        raise NotUnderstood
    return int.from_bytes(data[start : start + length], "little")


def attributes(raw: RawBytes, address: int) -> list[Attribute]:
    """The attributes in the header of an object.

    Parameters
    ----------
    raw : RawBytes
    address : int
        Of the object.

    Returns
    -------
    list of Attribute
        Without those of which the header says only where they are.

    Raises
    ------
    NotUnderstood
    """
    found = []
    for flags, data in _messages(raw, address, _ATTRIBUTE):
        if not flags & _SHARED:
            found.append(_attribute(data))
    return found


def _messages(raw: RawBytes, address: int, wanted: int) -> Iterator[tuple[int, bytes]]:
    """Flags and data of the messages of one kind in a header."""
    start = raw.at(address, min(64, raw.size - raw.base - address))
    second = start.startswith(b"OHDR")
    if second:
        flags = number(start, 5, 1)
        place = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        pieces = [(address + place + width, number(start, place, width))]
        before = 4 + 2 * bool(flags & 0x04)
    else:
        if number(start, 0, 1) != 1:
            raise NotUnderstood
        pieces, before = [(address + 16, number(start, 8, 4))], 8
    bytes_left = _MOST_BYTES
    for piece in pieces:  # which grow
        bytes_left -= piece[1]
        if bytes_left < 0 or len(pieces) > _MOST_PIECES:
            raise NotUnderstood
        data, at = raw.at(*piece), 0
        while at + before <= len(data):
            if second:
                kind, length, marks = data[at], number(data, at + 1, 2), data[at + 3]
            else:
                kind, length, marks = number(data, at, 2), number(data, at + 2, 2), data[at + 4]
            content = data[at + before : at + before + length]
            if len(content) != length:
                raise NotUnderstood
            at += before + length
            if kind == _CONTINUATION:
                place, size = number(content, 0, WORD), number(content, WORD, WORD)
                # those of the second form have a signature and a checksum
                pieces.append((place + 4, size - 8) if second else (place, size))
            elif kind == wanted:
                yield marks, content


def _attribute(data: bytes) -> Attribute:
    version, flags = number(data, 0, 1), number(data, 1, 1)
    lengths = [number(data, place, 2) for place in (2, 4, 6)]
    if version not in (1, 2, 3):
        raise NotUnderstood
    start = 9 if version == 3 else 8
    if version == 1:
        lengths = [-(-length // 8) * 8 for length in lengths]
    elif flags & 1:  # its type is that of others, of which this names the place
        raise NotUnderstood
    name = data[start : start + lengths[0]].split(b"\0")[0]
    return Attribute(name, data[start + sum(lengths) :])

"""Datasets and attributes of HDF5 files: judged before they are read.

Nothing of a file is trusted: an entry may be of any type and shape, a link may lead nowhere or into
a pipe, two kilobytes may declare a billion rows. Whoever reads a file says what an entry has to be;
what is something else is refused by name, without reading it.
"""

from __future__ import annotations

import json
import math
import os
from itertools import islice
from typing import Any, NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.errors import InputError
from hypervae.io.heap import Texts
from hypervae.io.links import follow
from hypervae.io.stored import (
    Stored,
    dtype_of,
    elsewhere,
    hollow,
    is_text,
    listed,
    naming_damage,
    type_name,
)

#: Type codes of NumPy: any numbers, whole ones, and truth values beside.
NUMBERS, WHOLE_NUMBERS, WITH_FLAGS = "fiu", "iu", "fiub"
_KINDS = {
    NUMBERS: "numbers",
    WHOLE_NUMBERS: "whole numbers",
    WITH_FLAGS: "numbers or truth values",
    "O": "text",
}
# Squares and products of numbers of a file stay finite.
_LARGEST = 1e60

Shape = tuple[int | None, ...]


class Entries:
    """A group of an HDF5 file, or the file: its entries by name, each judged.

    Parameters
    ----------
    path : path-like
        Of the file, for messages.
    group : h5py.Group
    above : str
        What stands before the names of its entries, such as ``"stats/"``.
    texts : Texts, optional
        Of the file, where there is one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        group: h5py.Group,
        above: str = "",
        texts: Texts | None = None,
    ):
        self.path, self._group, self._above = path, group, above
        self._texts = texts or Texts(path, group.file)

    def refuse(self, name: str, found: str, expected: str) -> NoReturn:
        """Refuse an entry.

        Parameters
        ----------
        name, found, expected : str

        Raises
        ------
        InputError
        """
        raise InputError(self.path, self._above + name, found=found, expected=expected)

    def names(self) -> list[str]:
        """Names of all entries, whatever they are.

        Returns
        -------
        list of str
        """
        with naming_damage(self.path, self._above):
            return [str(name) for name in self._group]

    def __contains__(self, name: str) -> bool:
        """Whether there is something of this name, usable or not."""
        way, _, last = name.rpartition("/")
        with naming_damage(self.path, self._above + name):
            group = self._follow(way, name)
            # (a name with slashes would lead HDF5 through links)
            return isinstance(group, h5py.Group) and bool(
                group.id.links.exists(last.encode(errors="surrogateescape"))
            )

    def group(self, name: str) -> Entries:
        """A group within.

        Parameters
        ----------
        name : str

        Returns
        -------
        Entries

        Raises
        ------
        InputError
            If there is none.
        """
        found = self._found(name, "a group")
        if not isinstance(found, h5py.Group):
            self.refuse(name, f"a {type(found).__name__.lower()}", "a group")
        return Entries(self.path, found, f"{self._above}{name}/", self._texts)

    def dataset(self, name: str, shape: Shape, meaning: str = "", kinds: str = NUMBERS) -> Stored:
        """A dataset, which is not read yet.

        Parameters
        ----------
        name : str
            Slashes lead into groups.
        shape : tuple of int
            What it has to be; None where any length will do.
        meaning : str
            The shape in words, such as ``"[jets, 4]"``, where its numbers do not say it.
        kinds : str
            Codes of the types it may have: `NUMBERS`, `WHOLE_NUMBERS`, ``"O"`` for text.

        Returns
        -------
        Stored

        Raises
        ------
        InputError
            If it is missing or something else, lies in another file, or declares far more than is
            stored.
        """
        expected = f"a dataset of shape {meaning or shape}"
        found = self._found(name, expected)
        if not isinstance(found, h5py.Dataset):
            there = listed(self._group)
            self.refuse(
                name, f"no such dataset but a {type(found).__name__.lower()} ({there})", expected
            )
        with naming_damage(self.path, self._above + name):
            if place := elsewhere(found):
                self.refuse(name, place, "data in the file itself (h5repack)")
            if found.shape is None:
                self.refuse(name, "an empty dataset", expected)
            dtype = dtype_of(found)
            fits = len(found.shape) == len(shape) and all(
                want in (None, have) for want, have in zip(shape, found.shape, strict=True)
            )
            if not fits:
                self.refuse(name, f"shape {found.shape}", expected)
            kind = "?" if dtype is None else "O" if is_text(dtype) else dtype.kind
            if kind not in kinds or (kind == "O" and not is_text(dtype)):
                self.refuse(name, f"type {type_name(dtype)}", _KINDS[kinds])
            if wrong := hollow(found):
                self.refuse(name, *wrong)
            return Stored(self.path, self._above + name, found, self._texts)

    def numbers(self, name: str, shape: Shape, meaning: str = "") -> NDArray[np.float64]:
        """A dataset of numbers, read.

        Parameters
        ----------
        name, shape, meaning
            As for `dataset`.

        Returns
        -------
        float64 array
        """
        return self.dataset(name, shape, meaning).numbers()

    def finite(self, name: str, shape: Shape, meaning: str = "") -> NDArray[np.float64]:
        """A dataset of numbers, read, all of which are finite.

        Parameters
        ----------
        name, shape, meaning
            As for `dataset`.

        Returns
        -------
        float64 array
        """
        values = self.numbers(name, shape, meaning)
        if not np.isfinite(values).all():
            self.refuse(name, "NaN or infinity", "finite numbers")
        if values.size and np.abs(values).max() > _LARGEST:
            self.refuse(name, f"{np.abs(values).max():.3g}", f"numbers below {_LARGEST:g}")
        return values

    def whole(self, name: str, shape: Shape, meaning: str = "", low: int = 0) -> NDArray[np.int64]:
        """A dataset of whole numbers, read.

        Parameters
        ----------
        name, shape, meaning
            As for `dataset`.
        low : int
            The smallest that they may be.

        Returns
        -------
        int64 array
        """
        values = self.dataset(name, shape, meaning, WHOLE_NUMBERS).rows()
        if values.size and not (low <= values.min() and values.max() <= np.iinfo(np.int64).max):
            found = f"{values.min()} to {values.max()}"
            self.refuse(name, found, f"whole numbers from {low} to 2^63 - 1")
        return values.astype(np.int64, copy=False)

    def has_attribute(self, name: str) -> bool:
        """Whether there is an attribute of this name, of any type.

        Parameters
        ----------
        name : str

        Returns
        -------
        bool
        """
        with naming_damage(self.path, f"{self._above}attribute {name}"):
            return bool(name in self._group.attrs)

    def text(self, name: str, default: str | None = None) -> str:
        """An attribute that is a text.

        Parameters
        ----------
        name : str
        default : str, optional
            Where there is no such attribute, which is refused without.

        Returns
        -------
        str
        """
        return str(self._attribute(name, "text", default))

    def whole_number(self, name: str, low: int = 0, default: int | None = None) -> int:
        """An attribute that is a whole number.

        Parameters
        ----------
        name : str
        low : int
            The smallest that it may be.
        default : int, optional
            As for `text`.

        Returns
        -------
        int
        """
        value = self._attribute(name, "a whole number", default)
        if not low <= value < 2**63:
            self.refuse(f"attribute {name}", str(value), f"at least {low}")
        return int(value)

    def number(self, name: str) -> float:
        """An attribute that is a finite number.

        Parameters
        ----------
        name : str

        Returns
        -------
        float
        """
        value = float(self._attribute(name, "a number", None))
        if not math.isfinite(value):
            self.refuse(f"attribute {name}", str(value), "a finite number")
        return value

    def json(self, name: str, type_: type, of: str = "") -> Any:
        """An attribute that is a text in JSON.

        Parameters
        ----------
        name : str
        type_ : type
            Of what it holds: dict or list; a list is one of texts.
        of : str, optional
            The dataset that has the attribute; by default the group.

        Returns
        -------
        object
        """
        text = self._attribute(name, "text in JSON", None, of)
        field = _attribute_name(name, of)
        wanted = "an object" if type_ is dict else "texts"
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            self.refuse(field, f"no JSON ({error})", f"{wanted} in JSON")
        entries = content if isinstance(content, list) else []
        if not isinstance(content, type_) or not all(isinstance(one, str) for one in entries):
            self.refuse(field, f"{text:.80}", f"{wanted} in JSON")
        return content

    def scalars(self) -> dict[str, str | int | float]:
        """All attributes that are one text or number; others are passed over.

        Returns
        -------
        dict
        """
        found = {}
        with naming_damage(self.path, "attributes"):
            for name in islice(self._group.attrs, 1000):
                value = self._scalar(self._group, name)
                if isinstance(value, str | int | float):
                    found[str(name)] = value
        return found

    def _attribute(self, name: str, expected: str, default: Any, of: str = "") -> Any:
        field = _attribute_name(name, of)
        owner = self._found(of, "a dataset") if of else self._group
        with naming_damage(self.path, self._above + field):
            if name not in owner.attrs:
                if default is None:
                    self.refuse(field, "no such attribute", expected)
                return default
            value = self._scalar(owner, name)
        types: dict[str, Any] = {"a whole number": int, "a number": int | float}
        if not isinstance(value, types.get(expected, str)):
            self.refuse(field, value[0] if isinstance(value, tuple) else repr(value), expected)
        return value

    def _scalar(self, owner: Any, name: str) -> str | int | float | tuple[str]:
        """The value of an attribute; of one that is no scalar, its type in words."""
        about = owner.attrs.get_id(name)
        dtype = dtype_of(about)
        if about.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            return ("an empty attribute",)
        if about.shape or not (is_text(dtype) or (dtype is not None and dtype.kind in "fiub")):
            shape = f", shape {list(about.shape)}" if about.shape else ""
            return (f"type {type_name(dtype)}{shape}",)
        if is_text(dtype):
            self._texts.judge_attribute(owner, name)
        value = owner.attrs[name]
        if is_text(dtype):
            # h5py hands on what is no text in a way of its own, which nothing can write again
            stored = (
                value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
            )
            try:
                return stored.decode()
            except UnicodeDecodeError:
                return (f"{stored!r}, which is no text in UTF-8",)
        if isinstance(value, np.bool_):
            return ("a truth value",)
        plain: int | float = value.item()
        return plain

    def _found(self, name: str, expected: str) -> Any:
        """What a name stands for, within this file."""
        with naming_damage(self.path, self._above + name):
            found = self._follow(name, name)
            if found is None:
                there = listed(self._group)
                self.refuse(name, f"no such dataset ({there})", expected)
            return found

    def _follow(self, way: str, name: str) -> Any:
        """What a way leads to, for the entry of a name."""
        return follow(self._group, way, lambda found, expected: self.refuse(name, found, expected))


def _attribute_name(name: str, of: str) -> str:
    return f"attribute {name} of {of}" if of else f"attribute {name}"

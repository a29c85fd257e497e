"""Registries: the names of the variants of a part, each with the module that holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from hypervae.errors import ConfigError

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: what is registered counts

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Variants by name, imported when one is looked up.

    Schema, help and docs need the names alone, often where torch must not be imported. So a
    registry holds object references (``"module:attribute"``, as entry points of Python packages
    do), which `hypervae.digest` counts as imports.

    Parameters
    ----------
    what : str
        What the variants are, for error messages, e.g. ``"hyperedge mode"``.
    references : mapping of str to str or (str, str)
        Object reference of each name, in the order in which the names are listed; with a line of
        meaning for help and docs, where no other text has one.
    """

    def __init__(self, what: str, references: Mapping[str, str | tuple[str, str]]):
        given = {name: (it, "") if isinstance(it, str) else it for name, it in references.items()}
        self._what = what
        self._references = {name: reference for name, (reference, _) in given.items()}
        self._meanings = {name: meaning for name, (_, meaning) in given.items()}

    @property
    def meanings(self) -> str:
        """All names with their meanings, for the meaning of a key of the config."""
        return ", ".join(f"{name} ({meaning})" for name, meaning in self._meanings.items())

    def __getitem__(self, name: str) -> T:
        """Import a variant.

        Raises
        ------
        ConfigError
            If there is none of this name.
        """
        if name not in self._references:
            raise ConfigError(f"{self._what}: found {name!r}, expected one of {', '.join(self)}")
        module, _, attribute = self._references[name].partition(":")
        variant: Any = getattr(import_module(module), attribute)
        return variant

    def __contains__(self, name: object) -> bool:
        return name in self._references

    def __iter__(self) -> Iterator[str]:
        return iter(self._references)

    def __len__(self) -> int:
        return len(self._references)

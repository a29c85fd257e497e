"""What all sections of the config have in common: frozen, no unknown keys, numbers as people write.

A key of a section is a field with a type, bounds, a default, one line of meaning and, where it has
one, a unit; `key` makes it. Everything else that speaks of keys is derived from these fields.

Every job imports all sections, so their modules do without postponed annotations, each of which
pydantic would compile by itself, and a section within another has a factory as its default, since
an instance needs the validator.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from hypervae.config.messages import explain, text_keys
from hypervae.errors import ConfigError


@dataclass(frozen=True)
class Mistake:
    """What is wrong between keys of a section.

    Parameters
    ----------
    key : str
        Below the section, e.g. ``"simulation.jet_pt"``.
    found, expected : str
    """

    key: str
    found: str
    expected: str


class Section(BaseModel):
    """A section of the config; the doc line of a subclass is its meaning."""

    # Built when first used: a subcommand needs its own sections alone.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    #: What a change of a key makes stale, where the key does not say otherwise.
    reruns: ClassVar[str] = ""

    @classmethod
    def of(cls, values: Mapping[str, Any] | Section | None = None, above: str = "") -> Self:
        """From keys and values, with the defaults filled in.

        Parameters
        ----------
        values : mapping or section, optional
            As loaded from YAML; a section of this type is handed back as it is.
        above : str
            What stands before the names of keys in messages, e.g. ``"models.t.model."``.

        Returns
        -------
        Self

        Raises
        ------
        ConfigError
            Naming the key, what was found and what was expected, one line for each mistake.
        """
        if isinstance(values, cls):
            return values
        if isinstance(values, Section):
            values = values.to_dict()
        try:
            return cls.model_validate(text_keys({} if values is None else values))
        except ValidationError as error:
            raise ConfigError(explain(error, cls, above)) from None

    def to_dict(self) -> dict[str, Any]:
        """Keys and values, sections within as dicts and sequences as lists: what JSON can hold.

        Returns
        -------
        dict
        """
        return self.model_dump(mode="json")

    def __str__(self) -> str:
        """As JSON with sorted keys, for messages."""
        return json.dumps(self.to_dict(), sort_keys=True)

    def replace(self, **changes: Any) -> Self:
        """A copy with other values of some keys, checked as by `of`.

        Parameters
        ----------
        **changes : object
            New values by key.

        Returns
        -------
        Self
        """
        return self.of({**self.to_dict(), **changes})

    def mistakes(self) -> Iterator[Mistake]:
        """What is wrong between keys that are right each by itself.

        Yields
        ------
        Mistake
        """
        yield from ()

    @model_validator(mode="after")
    def _check_between_keys(self) -> Self:
        found = list(self.mistakes())
        if found:
            raise PydanticCustomError(
                "between_keys", "keys do not fit each other", {"mistakes": found}
            )
        return self


def key(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    reruns: str | None = None,
    counts: Mapping[str, Any] | None = None,
    **bounds: Any,
) -> Any:
    """A key of a section.

    Parameters
    ----------
    default : object
        ``...`` if it must be given.
    meaning : str
        One line for the command line's help, the comments of the config file and the reference.
    unit : str, optional
    reruns : str, optional
        What a change makes stale, where it is not what the section says.
    counts : mapping, optional
        When the value decides a result, and which spellings of it are one: `EXECUTION`, `where`,
        `SET` or `PATH` of `hypervae.config.decisive`.
    **bounds
        As of `pydantic.Field`: ``ge``, ``gt``, ``le``, ``lt``, ``min_length``, ``max_length``.

    Returns
    -------
    pydantic.fields.FieldInfo
    """
    extra: dict[str, Any] = {"unit": unit} if unit else {}
    if reruns is not None:
        extra["reruns"] = reruns
    if counts:
        extra |= counts
    return Field(default, description=meaning, json_schema_extra=extra or None, **bounds)


def _as_integer(value: Any) -> Any:
    """YAML reads 2.0e+3 as no integer, and Snakemake's ``--config`` gives text."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
        return int(value)
    return value


def _as_number(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return value
    return number if math.isfinite(number) else value


def _no_entry_twice(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("refused", "expected no entry twice")
    return values


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if values[0] >= values[1]:
        found = f"[{values[0]}, {values[1]}]"
        raise PydanticCustomError("refused", "expected low < high", {"found": found})
    return values


#: Neither true nor false is one; 2.0e+3 and "20" are, and "1e-4" is a number.
AsInteger = BeforeValidator(_as_integer)
AsNumber = BeforeValidator(_as_number)
Integer = Annotated[int, Strict(), AsInteger]
Number = Annotated[float, Strict(), AsNumber]
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict()]

#: A seed is a number of 64 bits with a sign, everywhere.
LARGEST_SEED = 2**63 - 1
#: A weight of a term or of a share, whose products stay finite in single precision.
Weight = Annotated[float, Strict(), Field(ge=0, le=1e6), AsNumber]

#: For tuples.
Unique = AfterValidator(_no_entry_twice)
Pair = Field(min_length=2, max_length=2)


#: For tuples of two: low below high.
Rising = AfterValidator(_rising)


@dataclass(frozen=True)
class OneOf:
    """A text out of the names of a registry, which is asked only when a value is checked.

    Parameters
    ----------
    names : callable
        Gives the names.
    """

    names: Callable[[], Iterable[str]]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.names())}

    def _check(self, value: str) -> str:
        names = list(self.names())
        if value not in names:
            raise PydanticCustomError("refused", "expected one of " + ", ".join(names))
        return value

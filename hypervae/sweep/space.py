"""The parameters of a sweep: keys of the config, and the values that they may take."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna

from hypervae.config import Key, ModelSections, keys_of
from hypervae.config.messages import show
from hypervae.config.models import with_changes
from hypervae.config.sweep import SWEPT
from hypervae.errors import ConfigError
from hypervae.seeds import derive_seed

_RANGE = {"low", "high", "log", "step"}
#: What Optuna takes as a value; others are handed to it as JSON.
_PLAIN = (bool, int, float, str)


@dataclass(frozen=True)
class Parameter:
    """A key of the config with the values that it may take.

    Attributes
    ----------
    name : str
        With its section, e.g. ``"model.latent_dim"``.
    values : tuple
        As the config has them; empty for a range.
    low, high, step : int or float, optional
        Of a range.
    log : bool
        Whether the logarithm is drawn evenly.
    integer : bool
        Of a range: whether it is one of integers.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    integer: bool = False

    @property
    def distribution(self) -> optuna.distributions.BaseDistribution:
        """What Optuna draws from."""
        if self.values:
            return optuna.distributions.CategoricalDistribution([_coded(v) for v in self.values])
        if self.integer:
            step = int(self.step or 1)
            return optuna.distributions.IntDistribution(
                int(self.low), int(self.high), log=self.log, step=step
            )
        return optuna.distributions.FloatDistribution(
            self.low, self.high, log=self.log, step=self.step
        )

    def coded(self, value: Any) -> Any:
        """A value of the config, as Optuna has it.

        Parameters
        ----------
        value : object

        Returns
        -------
        object
        """
        return _coded(value) if self.values else value

    def decoded(self, value: Any) -> Any:
        """A value that Optuna has drawn, as the config has it.

        Parameters
        ----------
        value : object

        Returns
        -------
        object
        """
        return next((own for own in self.values if _coded(own) == value), value)

    def grid(self) -> list[Any]:
        """The values of a list or of a range with a step, as Optuna has them.

        Returns
        -------
        list

        Raises
        ------
        ConfigError
            For a range without a step.
        """
        if self.values:
            return [_coded(value) for value in self.values]
        step = self.step or (1 if self.integer and not self.log else None)
        if step is None:
            raise ConfigError(
                f"config: parameters.{self.name}: found a range without a step, expected a list "
                "or a step, since sampler is grid"
            )
        count = int((self.high - self.low) / step + 1e-9) + 1
        points = [self.low + place * step for place in range(count)]
        return [int(point) for point in points] if self.integer else points


@dataclass(frozen=True)
class Space:
    """All parameters of a sweep.

    Attributes
    ----------
    parameters : tuple of Parameter
    """

    parameters: tuple[Parameter, ...]

    @property
    def names(self) -> list[str]:
        """The keys, in the order of the file."""
        return [parameter.name for parameter in self.parameters]

    @property
    def distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        """What Optuna draws from, by name."""
        return {one.name: one.distribution for one in self.parameters}

    def grid(self) -> dict[str, list[Any]]:
        """The values on each axis of the grid.

        Returns
        -------
        dict of str to list
        """
        return {one.name: one.grid() for one in self.parameters}

    def points(self) -> list[tuple[Any, ...]]:
        """All points of the grid, as the config has them.

        Returns
        -------
        list of tuple
        """
        axes = [[one.decoded(value) for value in one.grid()] for one in self.parameters]
        return list(itertools.product(*axes))

    def decoded(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Values that Optuna has drawn, as the config has them.

        Parameters
        ----------
        drawn : mapping of str to object

        Returns
        -------
        dict of str to object
        """
        return {one.name: one.decoded(drawn[one.name]) for one in self.parameters}

    @staticmethod
    def seed_of(seed: int, trial: int) -> int:
        """The seed of what is drawn for a trial: 32 bits, as Optuna takes them.

        Parameters
        ----------
        seed : int
            Of the sweep.
        trial : int

        Returns
        -------
        int
        """
        return derive_seed(seed, "sweep", trial) & 0xFFFFFFFF


def nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Sections with the keys in them, from values by full name.

    Parameters
    ----------
    values : mapping of str to object

    Returns
    -------
    dict of str to dict
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        *above, last = name.split(".")
        place = sections
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return sections


def read_space(parameters: Mapping[str, Any], sections: ModelSections) -> Space:
    """The space that a sweep file describes, checked against the models of the config.

    Parameters
    ----------
    parameters : mapping of str to object
        Of the file.
    sections : ModelSections
        Of the model without the sweep.

    Returns
    -------
    Space

    Raises
    ------
    ConfigError
        Naming each key that is none, and each value that it cannot take.
    """
    errors, found = [], []
    for name, given in parameters.items():
        try:
            found.append(_parameter(name, given, sections))
        except ConfigError as error:
            errors.append(str(error))
    if errors:
        raise ConfigError("\n".join(errors))
    return Space(tuple(found))


def _parameter(name: str, given: Any, sections: ModelSections) -> Parameter:
    key = _key(name, sections)
    if isinstance(given, Mapping):
        parameter = _range(name, given, key)
        tried: Sequence[Any] = [parameter.low, parameter.high]
        if parameter.integer:
            tried = [int(value) for value in tried]
    elif isinstance(given, list) and given:
        parameter = Parameter(name, tuple(given))
        tried = given
        if len({_coded(value) for value in given}) < len(given):
            raise _wrong(name, show(given), "no value twice")
    else:
        raise _wrong(name, show(given), "a list of values, or low and high")
    section, _, within = name.partition(".")
    base = getattr(sections, section)
    for value in tried:
        try:
            with_changes(base, nested({name: value})[section], f"parameters.{section}.")
        except ConfigError as error:
            # what does not fit another key may fit other values of it: then its trial says so
            between = list(base.model_copy(update={within: value}).mistakes())
            if f"parameters.{name}" in str(error).split(": found")[0] and not between:
                raise
    return parameter


def _key(name: str, sections: ModelSections) -> Key:
    """The key of the config that a parameter is."""
    known = {
        f"{section}.{key.name}": key
        for section in SWEPT
        for key in keys_of(type(getattr(sections, section)))
    }
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"config: parameters.{name}: unknown key, expected one of {', '.join(SWEPT)}, such as "
            f"model.latent_dim{hint}"
        )
    return known[name]


def _range(name: str, given: Mapping[str, Any], key: Key) -> Parameter:
    for unknown in given.keys() - _RANGE:
        raise ConfigError(
            f"config: parameters.{name}.{unknown}: unknown key, expected one of low, high, log, "
            "step"
        )
    if key.value_type not in ("integer", "number"):
        raise _wrong(name, "a range", f"a list of values, since the key takes {key.value_type}")
    numbers = dict(_numbers(name, given))
    if "low" not in numbers or "high" not in numbers:
        raise _wrong(name, show(dict(given)), "low and high")
    low, high, step = numbers["low"], numbers["high"], numbers.get("step")
    log, integer = given.get("log", False), key.value_type == "integer"
    if not isinstance(log, bool):
        raise _wrong(f"{name}.log", show(log), "boolean")
    if not low < high:
        raise _wrong(name, f"low {low:g}, high {high:g}", "low < high")
    if log and (low <= 0 or step is not None):
        raise _wrong(name, f"log with low {low:g}, step {step}", "low above 0 and no step")
    if step is not None and not 0 < step <= high - low:
        raise _wrong(f"{name}.step", f"{step:g}", "more than 0, and at most high - low")
    if integer and any(float(value) % 1 for value in numbers.values()):
        raise _wrong(name, show(dict(given)), "integers")
    return Parameter(name, (), low, high, step, log, integer)


def _numbers(name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for part in ("low", "high", "step"):
        if given.get(part) is None:
            continue
        value = given[part]
        try:  # YAML 1.1 reads 1e-4 as text
            if isinstance(value, bool):
                raise ValueError
            yield part, float(value)
        except (TypeError, ValueError):
            raise _wrong(f"{name}.{part}", show(value), "number") from None


def _wrong(name: str, found: str, expected: str) -> ConfigError:
    return ConfigError(f"config: parameters.{name}: found {found}, expected {expected}")


def _coded(value: Any) -> Any:
    return value if isinstance(value, _PLAIN) else json.dumps(value, sort_keys=True)

"""What the workflow asks of a jet source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypervae.config import SourceConfig


def numbered(source: SourceConfig) -> list[str]:
    """Names of shards of which each is the same however many there are.

    Parameters
    ----------
    source : SourceConfig

    Returns
    -------
    list of str
    """
    return [f"{index:05d}" for index in range(source.shards)]


def numbered_parts(source: SourceConfig) -> list[str]:
    """Names of shards into which a whole is cut: their content depends on their number.

    Parameters
    ----------
    source : SourceConfig

    Returns
    -------
    list of str
    """
    return [f"{index:05d}-of-{source.shards:05d}" for index in range(source.shards)]


def _none_missing(source: SourceConfig) -> str:
    return ""


@dataclass(frozen=True)
class JetSource:
    """A source of jets.

    Parameters
    ----------
    shard_names : callable
        From the settings of one jet type to the names of its shards, sorted. A name tells all that
        decides the content of its shard, where the settings beside it do not.
    missing : callable, optional
        From the settings to the key that is empty and must not be; empty if none is.
    in_groups : bool, optional
        Whether one job can make many of its shards: their names begin with the index, of five
        digits, and ``workflow/rules/groups.smk`` has a rule for it.
    """

    shard_names: Callable[[SourceConfig], Sequence[str]] = numbered
    missing: Callable[[SourceConfig], str] = _none_missing
    in_groups: bool = False

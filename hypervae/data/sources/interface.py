"""What the workflow asks of a jet source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypervae.config import SourceConfig


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
    """

    shard_names: Callable[[SourceConfig], Sequence[str]]
    missing: Callable[[SourceConfig], str] = _none_missing

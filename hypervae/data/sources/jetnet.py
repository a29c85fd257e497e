"""The JetNet dataset: ``hypervae download`` and ``hypervae split``, `data.jetnet`."""

from __future__ import annotations

from hypervae.config import SourceConfig
from hypervae.data.sources.interface import JetSource


def _shard_names(source: SourceConfig) -> list[str]:
    """With the number of shards, since their content depends on it."""
    return [f"{index:05d}-of-{source.shards:05d}" for index in range(source.shards)]


JETNET = JetSource(_shard_names)

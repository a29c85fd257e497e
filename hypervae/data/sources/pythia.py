"""Jets that are simulated with Pythia 8 and FastJet: ``hypervae simulate``, `data.simulate`."""

from __future__ import annotations

from hypervae.config import SourceConfig
from hypervae.data.sources.interface import JetSource


def _shard_names(source: SourceConfig) -> list[str]:
    return [f"{index:05d}" for index in range(source.shards)]


PYTHIA = JetSource(_shard_names)

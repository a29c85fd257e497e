"""Batches streamed from shards: a bounded number of jets in memory, shuffled across and within."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from hypervae.correlators.file import CorrelatorReader
from hypervae.data.jets import Jets, concatenate
from hypervae.data.shard import ShardReader
from hypervae.data.split import SPLITS, split_of
from hypervae.model.inputs import JetBatch, make_batch
from hypervae.normalization import Normalization
from hypervae.normalization.sources import Source
from hypervae.seeds import rng

_BLOCK = 1000  # jets read at once: a chunk of the files
_MIXED = 16  # blocks shuffled together: 16,000 jets are 8 MB


class JetLoader:
    """Batches of one split.

    The order depends on seed and epoch alone, so that a run can be taken up anywhere.

    Parameters
    ----------
    sources : sequence of Source
    normalization : Normalization
    jet_types : sequence of str
        The model's types.
    split : {"train", "validation", "test"}
    split_config : mapping
        The ``split`` section.
    batch_size : int
    tokens : {"binned", "mlp"}
    seed : int
    """

    def __init__(
        self,
        sources: Sequence[Source],
        normalization: Normalization,
        *,
        jet_types: Sequence[str],
        split: str,
        split_config: Mapping[str, Any],
        batch_size: int,
        tokens: str,
        seed: int,
    ):
        self.sources, self.normalization = list(sources), normalization
        self.jet_types, self.split, self.split_config = list(jet_types), split, split_config
        self.batch_size, self.tokens, self.seed = batch_size, tokens, seed
        self._blocks = [
            (index, start)
            for index, source in enumerate(self.sources)
            for start in range(0, source.n_jets, _BLOCK)
        ]
        self.n_jets = sum(int(self._rows(index, start)[1].sum()) for index, start in self._blocks)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-self.n_jets // self.batch_size)

    def _rows(self, index: int, start: int) -> tuple[Jets, np.ndarray]:
        source = self.sources[index]
        with ShardReader(source.shard, source.jet_type) as reader:
            jets = reader.read(start, start + _BLOCK)
        splits = split_of(jets, **self.split_config, first_row=start)
        return jets, splits == SPLITS[self.split]

    def _load(self, index: int, start: int) -> tuple[Jets, np.ndarray, np.ndarray]:
        """Jets of this split in a block, their pair bins and the index of their type."""
        jets, chosen = self._rows(index, start)
        with CorrelatorReader(self.sources[index].correlators) as reader:
            codes = reader.pair_bins(start, start + len(jets))[chosen]
        kind = self.jet_types.index(self.sources[index].jet_type)
        return jets[chosen], codes, np.full(len(codes), kind)

    def epoch(self, epoch: int, first_batch: int = 0, shuffle: bool = True) -> Iterator[JetBatch]:
        """Batches of an epoch, from batch `first_batch` on."""
        random = rng(self.seed, "shuffle", epoch)
        order = random.permutation(len(self._blocks)) if shuffle else np.arange(len(self._blocks))
        number = 0
        rest: tuple[Jets, np.ndarray, np.ndarray] | None = None
        for first in range(0, len(order), _MIXED):
            parts = [self._load(*self._blocks[block]) for block in order[first : first + _MIXED]]
            if rest is not None:
                parts.insert(0, rest)
            jets = concatenate([part[0] for part in parts])
            codes = np.concatenate([part[1] for part in parts])
            kinds = np.concatenate([part[2] for part in parts])
            rows = random.permutation(len(jets)) if shuffle else np.arange(len(jets))
            last = first + _MIXED >= len(order)
            full = len(jets) if last else len(jets) // self.batch_size * self.batch_size
            for start in range(0, full, self.batch_size):
                if number >= first_batch:
                    chosen = rows[start : min(start + self.batch_size, full)]
                    batch = make_batch(
                        jets[chosen], self.normalization, codes=codes[chosen], tokens=self.tokens
                    )
                    batch.jet_type.copy_(torch.from_numpy(kinds[chosen]))
                    yield batch
                number += 1
            rest = (jets[rows[full:]], codes[rows[full:]], kinds[rows[full:]])

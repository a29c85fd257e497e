"""Batches streamed from shards: a bounded number of jets in memory, shuffled across and within."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hypervae.correlators.file import CorrelatorReader
from hypervae.data.jets import Jets, concatenate
from hypervae.data.shard import ShardReader
from hypervae.data.split import SPLITS, split_of
from hypervae.model.config import ModelConfig
from hypervae.model.inputs import JetBatch, make_batch
from hypervae.normalization import Normalization
from hypervae.normalization.sources import Source
from hypervae.seeds import derive_seed, rng

_BLOCK = 1000  # jets read at once: a chunk of the files
_MIXED = 16  # blocks shuffled together: 16,000 jets are 8 MB


@dataclass
class _Block:
    """Jets with their pair bins, the index of their type and a number of their own."""

    jets: Jets
    codes: np.ndarray
    kinds: np.ndarray
    numbers: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> _Block:
        return _Block(self.jets[rows], self.codes[rows], self.kinds[rows], self.numbers[rows])

    @classmethod
    def join(cls, blocks: Sequence[_Block]) -> _Block:
        return cls(
            concatenate([block.jets for block in blocks]),
            *(
                np.concatenate([getattr(block, name) for block in blocks])
                for name in ("codes", "kinds", "numbers")
            ),
        )


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
    model : ModelConfig
        Gives the modes of the hyperedges, without ``auto``.
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
        model: ModelConfig,
        seed: int,
    ):
        self.sources, self.normalization = list(sources), normalization
        self.jet_types, self.split, self.split_config = list(jet_types), split, split_config
        self.batch_size, self.model, self.seed = batch_size, model, seed
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

    def _load(self, index: int, start: int) -> _Block:
        """Jets of this split in a block."""
        jets, chosen = self._rows(index, start)
        with CorrelatorReader(self.sources[index].correlators) as reader:
            codes = reader.pair_bins(start, start + len(jets))[chosen]
        kind = self.jet_types.index(self.sources[index].jet_type)
        numbers = (index << 40) + start + np.flatnonzero(chosen)
        return _Block(jets[chosen], codes, np.full(len(codes), kind), numbers.astype(np.uint64))

    def epoch(self, epoch: int, first_batch: int = 0, shuffle: bool = True) -> Iterator[JetBatch]:
        """Batches of an epoch, from batch `first_batch` on."""
        random = rng(self.seed, "shuffle", epoch)
        drawn = np.uint64(derive_seed(self.seed, "sets", epoch))
        order = random.permutation(len(self._blocks)) if shuffle else np.arange(len(self._blocks))
        number = 0
        rest: _Block | None = None
        for first in range(0, len(order), _MIXED):
            parts = [self._load(*self._blocks[block]) for block in order[first : first + _MIXED]]
            block = _Block.join(parts if rest is None else [rest, *parts])
            size = len(block.jets)
            rows = random.permutation(size) if shuffle else np.arange(size)
            last = first + _MIXED >= len(order)
            full = size if last else size // self.batch_size * self.batch_size
            for start in range(0, full, self.batch_size):
                if number >= first_batch:
                    chosen = block[rows[start : min(start + self.batch_size, full)]]
                    batch = make_batch(
                        chosen.jets,
                        self.normalization,
                        codes=chosen.codes,
                        encoder=self.model.hyperedge_encoder,
                        decoder=self.model.hyperedge_decoder,
                        samples=self.model.hyperedge_samples,
                        keys=chosen.numbers ^ drawn,
                    )
                    batch.jet_type.copy_(torch.from_numpy(chosen.kinds))
                    yield batch
                number += 1
            rest = block[rows[full:]]

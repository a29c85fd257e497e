"""The jets of a split as one stream in the order of an epoch, of which a window is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.config import SplitConfig
from hypervae.data.jets import Jets, concatenate
from hypervae.data.split import SPLITS, split_of, split_of_rows
from hypervae.errors import InputError
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.shard import ShardReader
from hypervae.normalization.sources import Source
from hypervae.seeds import rng

#: Rows read at once: a chunk of the files.
BLOCK_ROWS = 1000
#: Blocks of a window, which are shuffled together: 16,000 jets are 15 MB.
WINDOW_BLOCKS = 16
_COUNTED = 100  # blocks of which the splits are looked up at once


@dataclass
class Block:
    """Some jets with all that a batch needs.

    Attributes
    ----------
    jets : Jets
    pair_bins : [n, P (P - 1) / 2]
        Pair bins.
    type_index : [n] int64
        Index of the jet's type among the model's.
    numbers : [n] uint64
        The jet's place in the data: source << 40 | row.
    """

    jets: Jets
    pair_bins: NDArray[np.unsignedinteger]
    type_index: NDArray[np.int64]
    numbers: NDArray[np.uint64]

    def __getitem__(self, rows: NDArray[np.int64]) -> Block:
        return Block(
            self.jets[rows], self.pair_bins[rows], self.type_index[rows], self.numbers[rows]
        )

    @classmethod
    def join(cls, blocks: Sequence[Block]) -> Block:
        """The jets of all blocks.

        Parameters
        ----------
        blocks : sequence of Block
            With the same optional columns.

        Returns
        -------
        Block
        """
        if len(blocks) == 1:
            return blocks[0]
        return cls(
            concatenate([block.jets for block in blocks]),
            *(
                np.concatenate([getattr(block, name) for block in blocks])
                for name in ("pair_bins", "type_index", "numbers")
            ),
        )


class JetStream:
    """The jets of one split, in blocks of rows; kept per block are its place and its jets' number.

    Parameters
    ----------
    sources : sequence of Source
    jet_types : sequence of str
        The model's types.
    split : {"train", "validation", "test"}
    split_config : SplitConfig
    seed : int
    block_rows : int
        Rows of a shard that are read at once.
    window_blocks : int
        Blocks that are in memory, and shuffled, together.

    Attributes
    ----------
    n_jets : int
    """

    def __init__(
        self,
        sources: Sequence[Source],
        jet_types: Sequence[str],
        split: str,
        split_config: SplitConfig,
        seed: int,
        *,
        block_rows: int = BLOCK_ROWS,
        window_blocks: int = WINDOW_BLOCKS,
    ):
        self.sources, self.jet_types = list(sources), list(jet_types)
        self.split, self.split_config, self.seed = split, split_config, seed
        self.block_rows, self.window_blocks = block_rows, window_blocks
        counts = [self._count(source) for source in self.sources]
        # [blocks, 3]: source, first row, jets of the split; blocks without any are never read
        blocks = np.array(
            [
                (index, place * self.block_rows, jets)
                for index, found in enumerate(counts)
                for place, jets in enumerate(found.tolist())
                if jets
            ],
            dtype=np.int64,
        ).reshape(-1, 3)
        self.blocks = blocks
        self.n_jets = int(blocks[:, 2].sum())
        #: Places of the blocks' first jets in the order of the files.
        self.first = np.cumsum(blocks[:, 2]) - blocks[:, 2]

    def _count(self, source: Source) -> NDArray[np.int64]:
        """Jets of the split in each block of a shard, without reading the jets."""
        found = []
        rows = self.block_rows * _COUNTED
        with self._open(source) as reader:
            for start in range(0, source.n_jets, rows):
                columns = reader.split_columns(start, start + rows)
                n = min(rows, source.n_jets - start)
                splits = split_of_rows(n, *columns, self.split_config, first_row=start)
                chosen = (splits == SPLITS[self.split]).astype(np.int64)
                found.append(np.add.reduceat(chosen, np.arange(0, n, self.block_rows)))
        return np.concatenate(found)

    @staticmethod
    @contextmanager
    def _open(source: Source) -> Iterator[ShardReader]:
        with ShardReader(source.shard, source.jet_type) as reader:
            if reader.n_jets != source.n_jets:
                raise _changed(source, reader.n_jets, source.n_jets, "jets")
            yield reader

    def read(self, block: int) -> tuple[Jets, NDArray[np.int64]]:
        """The jets of the split in a block, and their rows in the shard.

        Parameters
        ----------
        block : int
            Its number.

        Returns
        -------
        jets : Jets
        rows : [n] int64
        """
        index, start, expected = self.blocks[block].tolist()
        source = self.sources[index]
        with self._open(source) as reader:
            jets = reader.read(start, start + self.block_rows)
        splits = split_of(jets, self.split_config, first_row=start)
        rows = np.flatnonzero(splits == SPLITS[self.split])
        if len(rows) != expected:
            raise _changed(source, len(rows), expected, f"{self.split} jets from row {start} on")
        return jets[rows], start + rows

    def load(self, block: int) -> Block:
        """The jets of the split in a block with their pair bins.

        Parameters
        ----------
        block : int
            Its number.

        Returns
        -------
        Block
        """
        index, start, _ = self.blocks[block].tolist()
        source = self.sources[index]
        jets, rows = self.read(block)
        with CorrelatorReader(source.correlators) as reader:
            if reader.n_jets != source.n_jets:
                raise InputError(
                    source.correlators,
                    "n_jets",
                    found=str(reader.n_jets),
                    expected=f"{source.n_jets} as in {source.shard}",
                )
            stop = min(start + self.block_rows, source.n_jets)
            pair_bins = reader.pair_bins(start, stop)[rows - start]
        type_index = self.jet_types.index(source.jet_type)
        numbers = ((index << 40) + rows).astype(np.uint64)
        return Block(jets, pair_bins, np.full(len(rows), type_index), numbers)

    def epoch(self, epoch: int, shuffle: bool = True) -> EpochOrder:
        """The stream in the order of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        shuffle : bool
            Whether in an order of its own, rather than in that of the files.

        Returns
        -------
        EpochOrder
        """
        return EpochOrder(self, epoch, shuffle)


class EpochOrder:
    """A stream in the order of an epoch, which depends on the seed and the epoch alone.

    Blocks are in random order, and the jets of so many blocks, a window, are shuffled together.
    Each window has a permutation of its own, so that one can start at any window.

    Parameters
    ----------
    stream : JetStream
    epoch : int
        Counted from 0.
    shuffle : bool
        Whether in this order, rather than in that of the files.
    """

    def __init__(self, stream: JetStream, epoch: int, shuffle: bool):
        self.stream, self.epoch, self.shuffle = stream, epoch, shuffle
        n = len(stream.blocks)
        order = rng(stream.seed, "shuffle", epoch).permutation(n) if shuffle else np.arange(n)
        self._windows = np.split(order, np.arange(stream.window_blocks, n, stream.window_blocks))
        self._ends = np.cumsum([stream.blocks[window, 2].sum() for window in self._windows])
        self._number: int | None = None
        self._window: Block | None = None
        self._looked_up: tuple[int, NDArray[np.int64]] = -1, np.zeros(0, dtype=np.int64)

    def places(self, start: int, stop: int) -> NDArray[np.int64]:
        """Where the jets at [start, stop) stand in the order of the files; nothing is read.

        Parameters
        ----------
        start, stop : int
            Places in this order.

        Returns
        -------
        [stop - start] int64
        """
        parts = []
        while start < stop:
            number = int(np.searchsorted(self._ends, start, side="right"))
            if self._looked_up[0] != number:
                self._looked_up = number, self._places_of_window(number)
            places = self._looked_up[1]
            end = min(stop, int(self._ends[number]))
            first = int(self._ends[number]) - len(places)
            parts.append(places[start - first : end - first])
            start = end
        return np.concatenate(parts)

    def _places_of_window(self, number: int) -> NDArray[np.int64]:
        first, counts = self.stream.first, self.stream.blocks[:, 2]
        places = np.concatenate(
            [first[block] + np.arange(counts[block]) for block in self._windows[number]]
        )
        return places[self._order_in_window(number, len(places))]

    def take(self, start: int, stop: int) -> Block:
        """The jets at [start, stop) of the stream, which lie in it.

        Only the windows that hold them are read; the last one is kept for the next call.

        Parameters
        ----------
        start, stop : int
            Places in the stream.

        Returns
        -------
        Block
        """
        parts = []
        while start < stop:
            number = int(np.searchsorted(self._ends, start, side="right"))
            if number != self._number or self._window is None:
                self._window = None  # the one before is not kept while this one is read
                self._window = self._enter(number)
            end = min(stop, int(self._ends[number]))
            first = int(self._ends[number]) - len(self._rows)
            parts.append(self._window[self._rows[start - first : end - first]])
            start = end
        return Block.join(parts)

    def _enter(self, number: int) -> Block:
        window = Block.join([self.stream.load(block) for block in self._windows[number]])
        size = len(window.jets)
        self._rows = self._order_in_window(number, size)
        self._number = number
        return window

    def _order_in_window(self, number: int, size: int) -> NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(size)
        return rng(self.stream.seed, "shuffle", self.epoch, number).permutation(size)


def _changed(source: Source, found: int, expected: int, what: str) -> InputError:
    return InputError(
        source.shard,
        "n_jets",
        found=f"{found} {what}",
        expected=f"{expected}, as when it was first read",
    )

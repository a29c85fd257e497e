"""Prepared jets of a split, kept in memory from the first pass on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from hypervae.model.inputs import JetBatch
from hypervae.training.dataset import BatchIndex, key_of_epoch
from hypervae.training.stream import EpochOrder, JetStream

_GIB = 2**30


class KeptJets:
    """The jets of a stream as they were prepared, which is slower than a GPU's step with them.

    For batches without a hypergraph, which are the same in each epoch but for their keys.

    Parameters
    ----------
    stream : JetStream
    most : float
        Memory that they may take [GiB]; where all jets take more, none is kept.
    """

    def __init__(self, stream: JetStream, most: float):
        self._stream, self._most = stream, most
        self._batch: JetBatch | None = None
        self._there = np.zeros(stream.n_jets, dtype=bool)
        self._order: EpochOrder | None = None

    @property
    def complete(self) -> bool:
        """Whether all jets are there."""
        return bool(self._there.all())

    def watched(
        self, indices: Iterable[BatchIndex], batches: Iterator[JetBatch]
    ) -> Iterator[JetBatch]:
        """Keep batches that pass by.

        Parameters
        ----------
        indices : iterable of BatchIndex
        batches : iterator of JetBatch
            Those of the indices.

        Yields
        ------
        JetBatch
        """
        for index, batch in zip(indices, batches, strict=True):
            if self._most > 0:
                self._keep(index, batch)
            yield batch

    def batches(self, indices: Iterable[BatchIndex]) -> Iterator[JetBatch]:
        """The batches of indices, once all jets are there; equal to prepared ones to the last bit.

        Parameters
        ----------
        indices : iterable of BatchIndex

        Yields
        ------
        JetBatch
        """
        if self._batch is None or not self.complete:
            raise ValueError("jets are missing")
        for index in indices:
            batch = self._batch[torch.from_numpy(self._places(index))]
            batch.key.bitwise_xor_(self._key(index))
            yield batch

    def _keep(self, index: BatchIndex, batch: JetBatch) -> None:
        if self._batch is None:
            size = sum(values.nbytes for values in batch.tensors()) / len(batch)
            if size * self._stream.n_jets > self._most * _GIB:
                self._most = 0.0
                return
            self._batch = batch.map(lambda v: v.new_empty(self._stream.n_jets, *v.shape[1:]))
        places = self._places(index)
        rows = torch.from_numpy(places)
        for own, given in zip(self._batch.tensors(), batch.tensors(), strict=True):
            own[rows] = given
        self._batch.key[rows] ^= self._key(index)
        self._there[places] = True

    def _places(self, index: BatchIndex) -> NDArray[np.int64]:
        order = self._order
        if order is None or (order.epoch, order.shuffle) != (index.epoch, index.shuffle):
            self._order = order = self._stream.epoch(index.epoch, index.shuffle)
        return order.places(index.start, index.stop)

    def _key(self, index: BatchIndex) -> int:
        return int(key_of_epoch(self._stream.seed, index.epoch).astype(np.int64))

"""Batches of a split as a map-style dataset, and the sampler that says which come when."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from hypervae.config import ModelConfig
from hypervae.model.decoder.targets import with_particle_targets
from hypervae.model.inputs import HYPERGRAPH, JetBatch, make_batch
from hypervae.normalization import Normalization
from hypervae.seeds import derive_seed
from hypervae.training.stream import EpochOrder, JetStream

# Jets without a hypergraph are prepared so many at once: batches of 32 take twice as long.
_CHUNK = 128


class BatchIndex(NamedTuple):
    """A batch: the jets at [start, stop) of an epoch's order."""

    epoch: int
    shuffle: bool
    start: int
    stop: int


class StepShare(NamedTuple):
    """A process's part of an optimizer step.

    Attributes
    ----------
    jets : int
        Of the step, in all processes together.
    batches : list of BatchIndex
    weights : list of int
        Jets that each batch stands for.
    """

    jets: int
    batches: list[BatchIndex]
    weights: list[int]


@dataclass(frozen=True)
class StepSampler(Sampler[BatchIndex]):
    """Which jets of an epoch's order go into which batch of a process.

    Iterated, it gives the batches one after the other; `shares` groups them by optimizer step.

    Parameters
    ----------
    n_jets : int
        Of the split.
    jets_per_step : int
        In all processes together; the last step may have fewer.
    batch_size : int
        Most jets of a batch.
    first_step : int
        Where to begin.
    rank, world : int
        This process of how many.
    epoch : int
    shuffle : bool
    """

    n_jets: int
    jets_per_step: int
    batch_size: int
    first_step: int
    rank: int
    world: int
    epoch: int
    shuffle: bool

    def shares(self) -> Iterator[StepShare]:
        """A share for each step, from the first on.

        Yields
        ------
        StepShare
        """
        for first in range(self.first_step * self.jets_per_step, self.n_jets, self.jets_per_step):
            jets = min(self.jets_per_step, self.n_jets - first)
            start, stop = (
                first + place * jets // self.world for place in (self.rank, self.rank + 1)
            )
            batches = [
                self._batch(place, min(place + self.batch_size, stop))
                for place in range(start, stop, self.batch_size)
            ]
            if batches:
                yield StepShare(jets, batches, [batch.stop - batch.start for batch in batches])
            else:  # a stand-in, so that the process joins in whatever all do together
                yield StepShare(jets, [self._batch(first, first + 1)], [0])

    def __iter__(self) -> Iterator[BatchIndex]:
        for share in self.shares():
            yield from share.batches

    def _batch(self, start: int, stop: int) -> BatchIndex:
        return BatchIndex(self.epoch, self.shuffle, start, stop)


def key_of_epoch(seed: int, epoch: int) -> np.uint64:
    """What a jet's number in the data is combined with, by exclusive or, to its key in an epoch.

    Parameters
    ----------
    seed : int
        Of the stream.
    epoch : int

    Returns
    -------
    uint64
    """
    return np.uint64(derive_seed(seed, "sets", epoch))


class JetBatches(Dataset[JetBatch]):
    """Batches of a stream of jets, of any epoch; the window that was read last stays in memory.

    Parameters
    ----------
    stream : JetStream
    normalization : Normalization
    model : ModelConfig
        Gives the modes of the hyperedges, without ``auto``.
    hypergraph : collection of str
        Which of `hypervae.model.inputs.HYPERGRAPH` batches have.
    """

    def __init__(
        self,
        stream: JetStream,
        normalization: Normalization,
        model: ModelConfig,
        hypergraph: Collection[str] = HYPERGRAPH,
    ):
        self.stream, self.normalization, self.model = stream, normalization, model
        self.hypergraph = hypergraph
        self._order: EpochOrder | None = None
        self._chunk: tuple[BatchIndex, JetBatch] | None = None

    def __getitem__(self, index: BatchIndex) -> JetBatch:
        """Read and prepare a batch; whichever came before, it is the same to the last bit."""
        first = index.start - index.start % _CHUNK
        stop = min(first + _CHUNK, self.stream.n_jets)
        if self.hypergraph or index.stop > stop:
            return self._prepared(index)
        whole = index._replace(start=first, stop=stop)
        if self._chunk is None or self._chunk[0] != whole:
            self._chunk = None  # not kept while the next one is made
            self._chunk = (whole, self._prepared(whole))
        # a copy: a slice would take the whole chunk along to another process
        return self._chunk[1][index.start - first : index.stop - first].map(torch.clone)

    def _prepared(self, index: BatchIndex) -> JetBatch:
        block = self._epoch(index).take(index.start, index.stop)
        batch = make_batch(
            block.jets,
            self.normalization,
            pair_bins=block.pair_bins,
            encoder=self.model.hyperedge_encoder,
            decoder=self.model.hyperedge_decoder,
            hyperedge_samples=self.model.hyperedge_samples,
            keys=block.numbers ^ key_of_epoch(self.stream.seed, index.epoch),
            hypergraph=self.hypergraph,
        )
        batch.jet_type.copy_(torch.from_numpy(block.type_index))
        # the same in each epoch, so that they can be kept
        keys = block.numbers ^ key_of_epoch(self.stream.seed, 0)
        return with_particle_targets(batch, block.jets, self.model, keys)

    def _epoch(self, index: BatchIndex) -> EpochOrder:
        order = self._order
        if order is None or (order.epoch, order.shuffle) != (index.epoch, index.shuffle):
            self._order = None  # its window is not kept while another one is read
            self._order = order = self.stream.epoch(index.epoch, index.shuffle)
        return order

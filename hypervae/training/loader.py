"""Batches streamed from shards: a bounded number of jets in memory, shuffled across and within."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch

from hypervae.config import ModelConfig
from hypervae.data.jets import Jets, concatenate
from hypervae.model.inputs import JetBatch, make_batch
from hypervae.normalization import Normalization
from hypervae.normalization.sources import Source
from hypervae.seeds import derive_seed
from hypervae.training.stream import JetStream
from hypervae.training.workers import Workers


@dataclass
class Step:
    """What one process gets of one optimizer step.

    Attributes
    ----------
    batches : list of JetBatch
        Micro-batches of at most ``batch_size`` jets; always at least one.
    jets : int
        Jets of this step in all processes together.
    weights : list of int
        Jets that each batch stands for: its length, or 0 for the stand-in of a process without
        jets.
    """

    batches: list[JetBatch]
    jets: int
    weights: list[int]


class _Share(NamedTuple):
    """A process's part of a step: the ranges of its batches in the epoch's order."""

    jets: int
    ranges: list[tuple[int, int]]
    weights: list[int]


class _Plan(NamedTuple):
    """Which jets of an epoch's order go into which batch of a process: integers alone."""

    n_jets: int
    jets_per_step: int
    batch_size: int
    first_step: int
    rank: int
    world: int
    epoch: int
    shuffle: int

    def shares(self) -> Iterator[_Share]:
        """A share for each step, from the first on."""
        for first in range(self.first_step * self.jets_per_step, self.n_jets, self.jets_per_step):
            jets = min(self.jets_per_step, self.n_jets - first)
            start, stop = (
                first + place * jets // self.world for place in (self.rank, self.rank + 1)
            )
            ranges = [
                (place, min(place + self.batch_size, stop))
                for place in range(start, stop, self.batch_size)
            ]
            if ranges:
                yield _Share(jets, ranges, [end - place for place, end in ranges])
            else:
                yield _Share(jets, [(first, first + 1)], [0])


@dataclass(frozen=True)
class _Preparation:
    """Makes batches of a stream of jets; all of the loader that its workers get."""

    stream: JetStream
    normalization: Normalization
    model: ModelConfig
    seed: int

    def __call__(self, plan: Sequence[int], worker: int, workers: int) -> Iterator[JetBatch]:
        """Every so many-th batch of a plan, from a worker's first on."""
        plan = _Plan(*plan)
        stream = self.stream.epoch(plan.epoch, bool(plan.shuffle))
        drawn = np.uint64(derive_seed(self.seed, "sets", plan.epoch))
        ranges = (batch for share in plan.shares() for batch in share.ranges)
        for start, stop in islice(ranges, worker, None, workers):
            block = stream.take(start, stop)
            batch = make_batch(
                block.jets,
                self.normalization,
                codes=block.codes,
                encoder=self.model.hyperedge_encoder,
                decoder=self.model.hyperedge_decoder,
                samples=self.model.hyperedge_samples,
                keys=block.numbers ^ drawn,
            )
            batch.jet_type.copy_(torch.from_numpy(block.kinds))
            yield batch


class JetLoader:
    """Batches of one split.

    The order of the jets depends on seed and epoch alone: not on the sizes of steps and batches,
    nor on the number of processes or workers. So a run can be taken up anywhere, and one process
    with batches of 16 sees in each step what two with batches of 8 see together.

    Parameters
    ----------
    sources : sequence of Source
    normalization : Normalization
    jet_types : sequence of str
        The model's types.
    split : {"train", "validation", "test"}
    split_config : mapping
        The ``split`` section.
    model : ModelConfig
        Gives the modes of the hyperedges, without ``auto``.
    seed : int
    workers : int
        Processes that prepare batches ahead; with 0 the process itself does, when asked. They are
        started by the first call and kept for the later ones; `close`, or leaving the loader as a
        context manager, ends them, as does the end of the loader or of the process. A script that
        uses workers needs the usual ``if __name__ == "__main__":``.

    Attributes
    ----------
    n_jets : int
        Jets of the split. To count them no particles are read.

    Raises
    ------
    InputError
        If a shard is unreadable, holds jets that fail their checks, or has changed since it was
        counted.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        normalization: Normalization,
        *,
        jet_types: Sequence[str],
        split: str,
        split_config: Mapping[str, Any],
        model: ModelConfig,
        seed: int,
        workers: int = 0,
    ):
        self.split = split
        self._stream = JetStream(sources, jet_types, split, split_config, seed)
        self.n_jets = self._stream.n_jets
        self._prepare = _Preparation(self._stream, normalization, model, seed)
        self._workers = Workers(self._prepare, workers, len(_Plan._fields)) if workers else None

    def __enter__(self) -> JetLoader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, if there are any; a later call starts new ones."""
        if self._workers:
            self._workers.close()

    def steps(
        self,
        epoch: int,
        *,
        jets_per_step: int,
        batch_size: int,
        first_step: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
    ) -> Iterator[Step]:
        """The part of each optimizer step of an epoch that one process gets.

        With workers there is one iteration at a time: it ends the one before, wherever that was
        left.

        Parameters
        ----------
        epoch : int
        jets_per_step : int
            Jets of a step in all processes together; the last step may have fewer.
        batch_size : int
            Most jets of a micro-batch.
        first_step : int
            Steps before it are skipped, and their jets, as far as they share no window with later
            ones, not read.
        shuffle : bool
            Otherwise the order is that of the files.
        rank, world : int
            This process of how many: each gets a contiguous part of a step. One that gets nothing
            still gets a batch, of the step's first jet and with weight 0, so that it joins in
            whatever the processes do together.

        Raises
        ------
        WorkerLost
            If a worker process died.
        RuntimeError
            If this iteration goes on after another one began.
        """
        plan = _Plan(
            self.n_jets, jets_per_step, batch_size, first_step, rank, world, epoch, int(shuffle)
        )
        batches = self._workers.batches(plan) if self._workers else self._prepare(plan, 0, 1)
        for share in plan.shares():
            yield Step(list(islice(batches, len(share.ranges))), share.jets, share.weights)

    def batches(self, epoch: int, *, batch_size: int, shuffle: bool = True) -> Iterator[JetBatch]:
        """All jets of an epoch in batches, for one process."""
        steps = self.steps(epoch, jets_per_step=batch_size, batch_size=batch_size, shuffle=shuffle)
        for step in steps:
            yield step.batches[0]

    def jets(self, limit: int) -> dict[str, Jets]:
        """The first jets of the split in the order of the files, by type.

        Parameters
        ----------
        limit : int
            At most so many in all, spread evenly over the types; a type that has fewer jets is not
            made up for, and one without any is left out.
        """
        stream = self._stream
        types = stream.jet_types
        found = {}
        for place, jet_type in enumerate(types):
            wanted = limit // len(types) + (place < limit % len(types))
            parts: list[Jets] = []
            for block, (source, _, _) in enumerate(stream.blocks.tolist()):
                if wanted and stream.sources[source].jet_type == jet_type:
                    jets = stream.read(block)[0][:wanted]
                    parts.append(jets)
                    wanted -= len(jets)
            if parts:
                found[jet_type] = concatenate(parts)
        return found

"""Batches streamed from shards: a bounded number of jets in memory, shuffled across and within."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch.utils.data import DataLoader

from hypervae.config import ModelConfig
from hypervae.data.jets import Jets, concatenate
from hypervae.model.inputs import HYPERGRAPH, JetBatch
from hypervae.normalization import Normalization
from hypervae.training.dataset import JetBatches, StepSampler
from hypervae.training.kept import KeptJets
from hypervae.training.stream import JetStream
from hypervae.training.workers import Workers

# Jets of 150 particles without edges and hyperedges: 20 MB.
_JETS_AT_ONCE = 1024


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


class JetLoader:
    """Batches of one split.

    The order of the jets depends on seed and epoch alone: not on the sizes of steps and batches,
    nor on the number of processes or workers. So a run can be resumed anywhere, and one process
    with batches of 16 sees in each step what two with batches of 8 see together.

    Parameters
    ----------
    stream : JetStream
        The jets of the split.
    normalization : Normalization
    model : ModelConfig
        Gives the modes of the hyperedges, without ``auto``.
    hypergraph : collection of str
        Which of `hypervae.model.inputs.HYPERGRAPH` batches have: most of the work, of no use where
        neither an encoder nor a loss term reads them.
    kept_gb : float
        Memory for prepared jets without a hypergraph [GiB]; see `hypervae.training.kept`.
    workers : int
        Processes that prepare batches ahead; with 0 the process itself does, when asked. They are
        started by the first call and kept for the later ones; `close`, or leaving the loader as a
        context manager, ends them, as does the end of the loader or of the process. A script that
        uses workers needs the usual ``if __name__ == "__main__":``.

    Attributes
    ----------
    n_jets : int
        Jets of the split. To count them no particles are read.
    """

    def __init__(
        self,
        stream: JetStream,
        normalization: Normalization,
        model: ModelConfig,
        workers: int = 0,
        hypergraph: Collection[str] = HYPERGRAPH,
        kept_gb: float = 0.0,
    ):
        self.split, self.n_jets, self.hypergraph = stream.split, stream.n_jets, hypergraph
        self._stream, self._normalization, self._model = stream, normalization, model
        self._workers = Workers(self._dataset(), workers) if workers else None
        self._kept = KeptJets(stream, 0.0 if hypergraph else kept_gb)

    def _dataset(self) -> JetBatches:
        return JetBatches(self._stream, self._normalization, self._model, self.hypergraph)

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

        Yields
        ------
        Step

        Raises
        ------
        InputError
            If a shard is unreadable, holds jets that fail their checks, or has changed since it was
            counted.
        WorkerLost
            If a worker process died.
        RuntimeError
            If this iteration goes on after another one began.
        """
        sampler = StepSampler(
            self.n_jets, jets_per_step, batch_size, first_step, rank, world, epoch, shuffle
        )
        if self._kept.complete:
            batches = self._kept.batches(sampler)
        else:
            made = self._workers.items(sampler) if self._workers else self._here(sampler)
            batches = self._kept.watched(sampler, made)
        for share in sampler.shares():
            yield Step(list(islice(batches, len(share.batches))), share.jets, share.weights)

    def _here(self, sampler: StepSampler) -> Iterator[JetBatch]:
        """The batches, made by this process when asked for; its window goes with the iteration."""
        return iter(
            DataLoader(
                self._dataset(), batch_size=None, sampler=sampler, generator=torch.Generator()
            )
        )

    def batches(self, epoch: int, *, batch_size: int, shuffle: bool = True) -> Iterator[JetBatch]:
        """All jets of an epoch in batches, for one process.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        batch_size : int
            Jets of a batch.
        shuffle : bool
            Whether in the order of the epoch, rather than in that of the files.

        Yields
        ------
        JetBatch
        """
        steps = self.steps(epoch, jets_per_step=batch_size, batch_size=batch_size, shuffle=shuffle)
        for step in steps:
            yield step.batches[0]

    def once(self, batch_size: int) -> Iterator[JetBatch]:
        """All jets once, for what is taken of them without a gradient.

        Parameters
        ----------
        batch_size : int
            Most jets of a batch that has a hypergraph; those without are larger, which is faster.

        Returns
        -------
        iterator of JetBatch
        """
        size = batch_size if self.hypergraph else max(batch_size, _JETS_AT_ONCE)
        return self.batches(0, batch_size=size)

    def jets(self, limit: int) -> dict[str, Jets]:
        """The first jets of the split in the order of the files, by type.

        Parameters
        ----------
        limit : int
            At most so many in all, spread evenly over the types; a type that has fewer jets is not
            made up for, and one without any is left out.

        Returns
        -------
        dict of str to Jets
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

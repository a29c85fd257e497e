"""Generated against validation jets, every so many epochs."""

from __future__ import annotations

import functools

from lightning.fabric import Fabric

from hypervae.training.floors import Floors
from hypervae.training.generation_check import GenerationCheck
from hypervae.training.observers.interface import EpochReport, Observer


class Monitor(Observer):
    """Generates jets at the end of an epoch, and fills ``val_w1m`` and ``val_floors`` of its row.

    It stands before the observers that read the row, and in every process: the first one generates
    and tells the others.

    Parameters
    ----------
    fabric : Fabric
    check : GenerationCheck, optional
        Needed in the first process alone.
    every : int
        Epochs between two samples; there is one of the last epoch, too.
    floors : bool
        Whether distances in floors are measured, too; see `hypervae.training.floors`.
    """

    def __init__(
        self, fabric: Fabric, check: GenerationCheck | None, every: int, floors: bool = False
    ):
        self.fabric, self.check, self.every = fabric, check, every
        self.floors: dict[str, Floors] = {}
        if check is not None and floors:
            self.floors = {name: Floors(jets, check.seed) for name, jets in check.jets.items()}

    def on_epoch(self, report: EpochReport) -> None:
        """Sample, if it is time."""
        epoch = report.row["epoch"]
        if epoch % self.every and epoch != report.epochs:
            return
        measured: dict[str, float] = {}
        if self.check is not None:
            sample = self.check.measure(report.model)
            report.figures["samples"] = functools.partial(
                self.check.figure, sample, f"epoch {epoch}"
            )
            measured["val_w1m"] = sample.w1m
            if self.floors:
                distances = [
                    floors(sample.generated[name])["mean"] for name, floors in self.floors.items()
                ]
                measured["val_floors"] = sum(distances) / len(distances)
        if self.fabric.world_size > 1:
            measured = self.fabric.broadcast(measured)
        report.row.update(measured)

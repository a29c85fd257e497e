"""Generated against validation jets, every so many epochs."""

from __future__ import annotations

import functools
import math

from lightning.fabric import Fabric

from hypervae.training.observers.interface import EpochReport, Observer
from hypervae.training.samples import SampleCheck


class Monitor(Observer):
    """Generates jets at the end of an epoch, and fills ``val_w1m`` of its row.

    It stands before the observers that read the row, and in every process: the first one generates
    and tells the others.

    Parameters
    ----------
    fabric : Fabric
    check : SampleCheck, optional
        Needed in the first process alone.
    every : int
        Epochs between two samples; there is one of the last epoch, too.
    """

    def __init__(self, fabric: Fabric, check: SampleCheck | None, every: int):
        self.fabric, self.check, self.every = fabric, check, every

    def on_epoch(self, report: EpochReport) -> None:
        """Sample, if it is time."""
        epoch = report.row["epoch"]
        if epoch % self.every and epoch != report.epochs:
            return
        w1m = math.inf
        if self.check is not None:
            sample = self.check.measure(report.model)
            report.figures["samples"] = functools.partial(
                self.check.figure, sample, f"epoch {epoch}"
            )
            w1m = sample.w1m
        report.row["val_w1m"] = w1m if self.fabric.world_size == 1 else self.fabric.broadcast(w1m)

"""Runs of `train` on the small chain."""

import os
import signal

import pytest

from hypervae.training.run import train
from hypervae.training.trainer import Trainer


@pytest.fixture
def run(chain, train_config, tmp_path):
    """Train on the gluon jets, or on those of both types."""

    def run(name="model", checkpoints="checkpoints", jet_types=None, resume=None, **changes):
        files = chain.of("g")
        if jet_types:
            files = chain.shards, chain.correlators, chain.normalization
        return train(
            *files,
            tmp_path / name,
            tmp_path / checkpoints,
            train_config(**changes),
            jet_types=jet_types,
            resume=resume,
        )

    return run


@pytest.fixture
def stop_at(monkeypatch):
    """Send this process a signal within a given optimizer step (counted from now)."""
    step = Trainer.optimizer_step

    def stop_at(number, kind=signal.SIGTERM):
        done = []

        def with_signal(self, group):
            done.append(1)
            if len(done) == number:
                os.kill(os.getpid(), kind)
            return step(self, group)

        monkeypatch.setattr(Trainer, "optimizer_step", with_signal)
        return done

    return stop_at

"""Runs of `train` on the small chain."""

import math
import os
import signal

import pytest
import torch

from hypervae.config import SplitConfig
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard import ShardReader
from hypervae.logs import LOGGER, show_on_terminal
from hypervae.model import HyperVAE, ModelConfig
from hypervae.normalization.sources import find_sources
from hypervae.training import step as step_module
from hypervae.training.checkpoint import Checkpoints
from hypervae.training.loader import JetLoader
from hypervae.training.observers.interface import Observers
from hypervae.training.processes import make_fabric
from hypervae.training.run import TrainingFiles, train
from hypervae.training.step import Optimization
from hypervae.training.stream import JetStream
from hypervae.training.trainer import Loaders, Trainer
from tests.unit.chain import SPLIT


@pytest.fixture
def run(chain, train_config, tmp_path):
    """Train on the gluon jets, or on those of both types."""

    def run(
        name="model", checkpoints="checkpoints", jet_types=None, resume=None, watch=(), **changes
    ):
        files = chain.of("g")
        if jet_types:
            files = chain.shards, chain.correlators, chain.normalization
        return train(
            TrainingFiles(*files),
            tmp_path / name,
            tmp_path / checkpoints,
            train_config(**changes),
            jet_types=jet_types,
            resume=resume,
            observers=watch,
        )

    return run


@pytest.fixture
def shown(monkeypatch):
    """What the package says is shown on standard error, as by the command line."""
    monkeypatch.setattr(LOGGER, "handlers", [])
    monkeypatch.setattr(LOGGER, "level", LOGGER.level)
    show_on_terminal()


@pytest.fixture
def trainer(chain, train_config, tmp_path):
    """Make a trainer without running it."""

    def make(**changes):
        config = train_config(**changes)
        shards, correlators, path = chain.of("g")
        merged = read_normalization(path)
        fabric = make_fabric(config)
        fabric.launch()
        torch.manual_seed(1)
        model = HyperVAE(merged, ["g"], config.model)
        sources = find_sources(shards, correlators, merged, path)
        loaders = [
            JetLoader(
                JetStream(sources, ["g"], split, SplitConfig.of(SPLIT), seed=1),
                merged,
                model.config,
            )
            for split in ("train", "validation")
        ]
        checkpoints = Checkpoints(tmp_path / "checkpoints", "run")
        made = Trainer(fabric, model, Loaders(*loaders), config, checkpoints, Observers())
        made.optimization.model.train()
        return made

    return make


@pytest.fixture
def stop_at(monkeypatch):
    """Send this process a signal within a given optimizer step (counted from now)."""
    step = Optimization.step

    def stop_at(number, kind=signal.SIGTERM):
        done = []

        def with_signal(self, taken, **options):
            done.append(1)
            if len(done) == number:
                os.kill(os.getpid(), kind)
            return step(self, taken, **options)

        monkeypatch.setattr(Optimization, "step", with_signal)
        return done

    return stop_at


@pytest.fixture
def spoil_loss(monkeypatch):
    """Make the loss of some batches, by their number, not finite."""

    def spoil_loss(numbers):
        calls = []
        total = step_module.total_loss

        def spoiled(*arguments):
            calls.append(1)
            return total(*arguments) * (math.nan if len(calls) in numbers else 1.0)

        monkeypatch.setattr(step_module, "total_loss", spoiled)

    return spoil_loss


@pytest.fixture
def blocks(request):
    """How a stream is cut into blocks and windows; by default all jets lie in one window."""
    return getattr(request, "param", {})


@pytest.fixture
def make_loader(chain, blocks):
    """Make a loader of the jets of both types."""

    def make_loader(split="train", seed=1, encoder="binned", workers=0, sources=None, **options):
        merged = chain.merged
        if sources is None:
            sources = find_sources(chain.shards, chain.correlators, merged, chain.normalization)
        modes = {"hyperedge_encoder": encoder, "hyperedge_decoder": "binned"}
        stream = JetStream(sources, ["q", "g"], split, SplitConfig.of(SPLIT), seed, **blocks)
        model = ModelConfig.of({**modes, "decoder": options.pop("decoder", "one_shot")})
        return JetLoader(stream, merged, model, workers, **options)

    return make_loader


@pytest.fixture
def reads(monkeypatch):
    """The rows that are read of shards."""
    found = []
    read = ShardReader.read

    def counted(self, start=0, stop=None):
        found.append((self.path, start, stop))
        return read(self, start, stop)

    monkeypatch.setattr(ShardReader, "read", counted)
    return found

"""Schedules, history, signals and checkpoints."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hypervae.config.decisive import decisive
from hypervae.errors import InputError
from hypervae.training.checkpoint import (
    LAST,
    PREVIOUS,
    Checkpoints,
    fingerprint,
    read_checkpoint,
)
from hypervae.training.interrupt import SignalWatch
from hypervae.training.schedules import kl_factor, learning_rate_factor, temperature
from hypervae.training.state import MeanOfTerms


def test_learning_rate_rises_and_falls():
    assert learning_rate_factor(0.0, 0.1) > 0
    assert learning_rate_factor(0.05, 0.1) == pytest.approx(0.5)
    assert learning_rate_factor(0.1, 0.1) == pytest.approx(1.0)
    assert learning_rate_factor(0.55, 0.1) == pytest.approx(0.01 + 0.99 / 2)
    assert learning_rate_factor(1.0, 0.1) == pytest.approx(0.01)
    assert learning_rate_factor(0.0, 0.0) == pytest.approx(1.0)
    linear = [learning_rate_factor(x, 0.1, "linear") for x in (0.05, 0.1, 0.55, 1.0)]
    assert linear == pytest.approx([0.5, 1, 0.5, 0])
    constant = [learning_rate_factor(x, 0.1, "constant") for x in (0.05, 0.1, 0.5, 1.0)]
    assert constant == pytest.approx([0.5, 1, 1, 1])
    assert np.isfinite([learning_rate_factor(x, 1.0) for x in (0.0, 0.5, 1.0)]).all()


def test_kl_weight_rises_to_one():
    assert [kl_factor(x, 0.4) for x in (0.0, 0.1, 0.4, 1.0)] == pytest.approx([0, 0.25, 1, 1])
    assert kl_factor(0.0, 0.0) == 1.0


def test_cyclical_kl_weight_rises_in_each_cycle():
    progress = [0.0, 0.0625, 0.125, 0.2, 0.25, 0.3125, 0.5, 0.9, 1.0, 1.2]
    found = [kl_factor(x, 0.5, "cyclical", 4) for x in progress]
    assert found == pytest.approx([0, 0.5, 1, 1, 0, 0.5, 0, 1, 1, 1])
    assert kl_factor(0.0, 0.0, "cyclical", 4) == 1.0
    one = [kl_factor(x, 0.4, "cyclical", 1) for x in progress]
    assert one == pytest.approx([kl_factor(x, 0.4) for x in progress])


def test_temperature_falls_geometrically():
    found = [temperature(x, 1.0, 0.25) for x in (0.0, 0.5, 1.0, 2.0)]
    assert found == pytest.approx([1.0, 0.5, 0.25, 0.25])


def test_means_weigh_by_jets_and_survive_a_checkpoint():
    mean = MeanOfTerms()
    mean.add({"a": 1.0}, 3)
    mean = MeanOfTerms(mean.state())
    mean.add({"a": 5.0}, 1)
    assert mean.means() == {"a": 2.0}
    assert MeanOfTerms().means() == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_signals_are_remembered_and_handlers_come_back(number):
    before = signal.signal(number, signal.SIG_DFL)  # tests may run under nohup
    try:
        with SignalWatch() as watch:
            assert watch.received is None
            os.kill(os.getpid(), number)
            assert watch.received == number
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_hangup_that_nohup_ignores_stops_no_training():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalWatch() as watch:
            os.kill(os.getpid(), signal.SIGHUP)
            assert watch.received is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def checkpoints(tmp_path):
    made = Checkpoints(tmp_path, "run")
    for step in (1, 2):
        made.save({"step": step, "weights": torch.full((5000,), float(step))})
    return made


def test_the_last_checkpoint_is_read_and_the_one_before_kept(checkpoints):
    assert checkpoints.load()["step"] == 2
    assert read_checkpoint(checkpoints.directory / PREVIOUS)["step"] == 1
    assert len(list(checkpoints.directory.iterdir())) == 2
    assert Checkpoints(checkpoints.directory, "new").load() is None


DAMAGE = {
    "truncated": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-10],
    "empty": lambda content: b"",
    "text": lambda content: b"not a checkpoint",
    "binary": lambda content: bytes(range(256)) * 10,
    "one bit": lambda content: (
        content[: len(content) // 2]
        + bytes([content[len(content) // 2] ^ 1])
        + content[len(content) // 2 + 1 :]
    ),
    "zeros": lambda content: bytes(len(content)),
}


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.ckpt: file: found no such file"):
        read_checkpoint(tmp_path / "gone.ckpt")


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_corrupt_last_checkpoint_falls_back_to_the_one_before(checkpoints, damage, caplog):
    last = checkpoints.directory / LAST
    last.write_bytes(DAMAGE[damage](last.read_bytes()))
    with pytest.raises(InputError, match=r"last\.ckpt"):
        read_checkpoint(last)
    state = checkpoints.load()
    assert state["step"] == 1
    assert (state["weights"] == 1).all()
    assert "last.ckpt" in caplog.messages[-1]
    assert caplog.messages[-1].endswith("; trying the one before")
    (checkpoints.directory / PREVIOUS).write_bytes(b"")
    assert checkpoints.load() is None
    assert caplog.messages[-1].endswith("; no other is left")


def test_what_killed_saves_left_behind_is_removed(checkpoints, monkeypatch):
    checkpoints.save({"step": 3}, "best")
    whole = set(checkpoints.directory.iterdir())
    # a killed process cleans nothing up
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for name in ("save", "link"):
        with monkeypatch.context() as patch:
            patch.setattr(torch if name == "save" else os, name, killed)
            with pytest.raises(KeyboardInterrupt):
                checkpoints.save({"step": 4}, "best")
    monkeypatch.undo()
    # a half checkpoint, and a whole one with the half of a link to the one before
    assert len(set(checkpoints.directory.iterdir()) - whole) == 3
    checkpoints.clean()
    assert set(checkpoints.directory.iterdir()) == whole


def killed(_, path):
    path.write_bytes(b"half")
    raise KeyboardInterrupt


def test_killed_between_the_two_renames_nothing_is_lost(checkpoints):
    os.replace(checkpoints.directory / LAST, checkpoints.directory / PREVIOUS)
    assert checkpoints.load()["step"] == 2


def test_a_failed_save_leaves_a_checkpoint(checkpoints, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(InputError, match=r"last\.ckpt: .*disk full.*resumes there"):
        checkpoints.save({"step": 3})
    assert checkpoints.load()["step"] == 2
    assert not list(checkpoints.directory.glob(".*"))


FILL = """
import resource, sys, torch
from hypervae.errors import InputError
from hypervae.training.checkpoint import Checkpoints

made = Checkpoints(sys.argv[1], "run")
made.save({"step": 1, "weights": torch.zeros(1000)})
made.save({"step": 2, "weights": torch.zeros(1000)})
# no file may grow beyond 100 kB: the system refuses the write, as it does on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    made.save({"step": 3, "weights": torch.zeros(1_000_000)})
except InputError as error:
    print(error)
print(made.load()["step"], len(list(made.directory.iterdir())))
made.save({"step": 4, "weights": torch.zeros(1000)})
print(made.load()["step"])
"""


def test_a_full_disk_costs_no_checkpoint(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    message, *rest = done.stdout.splitlines()
    assert "last.ckpt: checkpoint: found no way to write it" in message
    assert "resumes there" in message
    assert rest == ["2 2", "4"]


def test_a_directory_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/run: checkpoint directory: found no way to make"):
        Checkpoints(tmp_path / "file", "run")
    monkeypatch.setattr(os, "mkdir", lambda *_: (_ for _ in ()).throw(OSError(30, "Read-only")))
    with pytest.raises(InputError, match="Read-only"):
        Checkpoints(tmp_path / "more", "run")


def test_checkpoints_are_kept_under_other_names(checkpoints, monkeypatch):
    checkpoints.save({"step": 3}, "best", "epoch-0003")
    checkpoints.save({"step": 4})
    checkpoints.save({"step": 5}, "best")
    folder = checkpoints.directory
    assert read_checkpoint(folder / "best.ckpt")["step"] == 5
    assert read_checkpoint(folder / "epoch-0003.ckpt")["step"] == 3
    assert checkpoints.load()["step"] == 5
    # a file system without links
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    checkpoints.save({"step": 6}, "best")
    checkpoints.save({"step": 7})
    assert read_checkpoint(folder / "best.ckpt")["step"] == 6
    assert not list(folder.glob(".*"))


def test_a_checkpoint_of_another_run_is_refused(checkpoints):
    with pytest.raises(InputError, match="fingerprint"):
        read_checkpoint(checkpoints.directory / LAST, "another")
    assert read_checkpoint(checkpoints.directory / LAST)["step"] == 2


def test_foreign_content_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(InputError, match="other content"):
        read_checkpoint(tmp_path / "list.ckpt")
    with pytest.raises(InputError):
        read_checkpoint(tmp_path / "missing.ckpt")


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("evil",))


def test_no_code_is_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"fingerprint": "run", "evil": Evil()}, tmp_path / "evil.ckpt")
    with pytest.raises(InputError):
        read_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "evil").exists()


def test_what_decides_the_result_decides_the_fingerprint(train_config, normalization):
    def of(types="gq", **changes):
        return fingerprint(decisive(train_config(**changes)), normalization, list(types))

    same = of()
    assert of() == same
    execution = {
        "checkpoint_minutes": 1,
        "max_memory_gb": 3,
        "devices": 2,
        "nodes": 2,
        "workers": 1,
        "on_oom": "halve",
        "gradient_checkpointing": True,
    }
    assert of(execution=execution) == same
    for changes in (
        {"precision": "bf16-mixed"},
        {"learning_rate": 2e-3},
        {"batch_size": 8},
        {"accumulate": 2},
        {"seed": 9},
        {"optimizer": "sgd"},
        {"schedule": "constant"},
        {"monitor": "w1m"},
        {"loss_weights": {"kl": 0.5}},
        {"model": {"latent_dim": 3}},
        {"split": {"seed": 3}},
        {"types": "qg"},
    ):
        assert of(**changes) != same, changes

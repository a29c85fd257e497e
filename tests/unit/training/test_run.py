"""How a run ends: by errors in what it is given, or in what it computes."""

import csv
import itertools
import math
import os
import shutil
import threading
import time

import numpy as np
import pytest

from hypervae.data.split import SPLITS
from hypervae.errors import HyperVAEError, InputError
from hypervae.io.lock import LockLost, WriterLock, lock_of
from hypervae.training import run as run_module
from hypervae.training import trainer as trainer_module
from hypervae.training.checkpoint import LAST, read_checkpoint
from hypervae.training.memory import OutOfMemory
from hypervae.training.observers.interface import Observer
from hypervae.training.step import Optimization
from tests.unit.chain import SPLIT

STEPS = 5  # of an epoch: 70 training jets in batches of 16


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(file)]


def validation_gives(monkeypatch, total):
    validate = trainer_module.validate

    def changed(*arguments, **options):
        validated = validate(*arguments, **options)
        validated.terms["total"] = total()
        return validated

    monkeypatch.setattr(trainer_module, "validate", changed)


def test_skipped_steps_are_counted_and_do_not_enter_the_means(run, spoil_loss, tmp_path):
    spoil_loss({2, 4})
    run(epochs=1)
    (row,) = history(tmp_path / "model")
    assert row["skipped"] == 2
    assert math.isfinite(row["train_total"])


def test_an_epoch_of_skipped_steps_alone_has_a_row_of_its_own(run, spoil_loss, tmp_path):
    spoil_loss(set(range(1, STEPS + 1)))
    run(epochs=2)
    first, second = history(tmp_path / "model")
    assert (first["skipped"], second["skipped"]) == (STEPS, 0)
    for name in ("train_total", "gradient_norm"):
        assert math.isnan(first[name])
        assert math.isfinite(second[name])


def test_a_run_that_diverged_ends_with_advice(run, spoil_loss, caplog):
    spoil_loss(set(range(1000)))
    with pytest.raises(HyperVAEError, match=r"7 steps.*learning_rate"):
        run(epochs=10, max_skipped=7)
    assert "step skipped" in caplog.text


def test_a_validation_loss_that_is_never_finite_is_an_error(run, monkeypatch):
    validation_gives(monkeypatch, lambda: math.nan)
    with pytest.raises(HyperVAEError, match="validation loss"):
        run(epochs=1)


def test_another_split_than_the_normalization_has_is_refused(run):
    with pytest.raises(InputError, match="split: found"):
        run(split={**SPLIT, "fractions": [0.5, 0.0, 0.5]})


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_without_jets_is_refused(run, split, monkeypatch):
    monkeypatch.setitem(SPLITS, split, 7)
    with pytest.raises(InputError, match=f"no {split} jets"):
        run()


def test_types_that_are_not_those_of_the_shards_are_refused(run):
    with pytest.raises(InputError, match="jet types"):
        run(jet_types=["g", "t"])


def test_an_output_that_cannot_be_written_is_found_before_the_training(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/model/.*: output: found no way to write there"):
        run("file/model")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and access(path, mode))
    with pytest.raises(InputError, match="output directory"):
        run("new/model")
    assert not (tmp_path / "checkpoints").exists()


def test_the_peak_of_the_gpu_memory_is_noted(run, tmp_path, monkeypatch):
    peaks = iter([None, 111.0, None, 222.0])
    monkeypatch.setattr(trainer_module, "peak_memory_mb", lambda device: next(peaks))
    run()
    assert [row["peak_gpu_memory_mb"] for row in history(tmp_path / "model")] == [111.0, 222.0]


def test_nothing_is_written_to_standard_output(run, capfd, shown):
    run(epochs=1)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "epoch 1/1" in captured.err
    assert np.isfinite(float(captured.err.split("validation ")[1].split()[0]))


def test_one_process_trains_a_run(run, tmp_path):
    run("first")
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert not list(folder.glob(".lock*"))
    with WriterLock(folder), pytest.raises(HyperVAEError, match="being written by process"):
        run("second")
    assert not (tmp_path / "second").exists()
    with WriterLock(tmp_path / "first"), pytest.raises(HyperVAEError, match="being written by"):
        run("first", epochs=1)  # another run, the same model


def fails(error):
    def fails(*arguments, **options):
        raise error

    return fails


# Where a training may end before its first step, and by what.
EARLY = {
    "its files": (run_module, "find_sources", InputError("a", "b", found="c", expected="d")),
    "its weights": (run_module, "HyperVAE", MemoryError()),
    "its loaders": (run_module, "_loaders", InputError("a", "b", found="c", expected="d")),
    "its decoder": (run_module.HyperVAE, "fit_decoder", RuntimeError("std::bad_alloc")),
    "its processes": (run_module, "watching_processes", KeyboardInterrupt()),
    "its checkpoint": (run_module, "_resume", OSError(5, "Input/output error")),
    "its first step": (Optimization, "step", RuntimeError("can't allocate memory")),
    "the thread of its lock": (threading.Thread, "start", RuntimeError("can't start new thread")),
}


@pytest.mark.parametrize("place", EARLY)
def test_a_training_that_ends_before_its_first_step_leaves_nothing(
    run, tmp_path, monkeypatch, place
):
    monkeypatch.setattr(*EARLY[place][:2], fails(EARLY[place][2]))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((Exception, KeyboardInterrupt)):
        run("new/model", "new/checkpoints")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_checkpoint_before_the_first_step_stays(run, tmp_path, monkeypatch):
    """It may be of another run, resumed by hand; and what is said to be saved is."""
    monkeypatch.setattr(Optimization, "step", fails(OutOfMemory("amid a gradient")))
    with pytest.raises(OutOfMemory):
        run()
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert read_checkpoint(folder / LAST)["fingerprint"] == folder.name
    assert not (tmp_path / "model").exists()


def test_what_earlier_attempts_left_stays(run, tmp_path, monkeypatch):
    step = Optimization.step
    monkeypatch.setattr(Optimization, "step", fails(HyperVAEError("too early")))
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(HyperVAEError, match="too early"):
        run()
    assert not list((tmp_path / "checkpoints").iterdir())  # which was there before
    monkeypatch.setattr(Optimization, "step", step)
    late = EndAt(2)
    with pytest.raises(HyperVAEError, match="at step 2"):
        run(watch=[late])
    (folder,) = (tmp_path / "checkpoints").iterdir()
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert kept
    monkeypatch.setattr(Optimization, "step", fails(HyperVAEError("too early")))
    with pytest.raises(HyperVAEError, match="too early"):
        run()
    assert set(kept) <= set(folder.rglob("*"))


class EndAt(Observer):
    """Ends a training at a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, report):
        if report.step == self.step:
            raise HyperVAEError(f"at step {self.step}")


class TakeOver(Observer):
    """Breaks the lock of the run at a step, as another process does that saw no life."""

    def __init__(self, folder, step, seen):
        self.folder, self.step, self.seen = folder, step, seen

    def on_step(self, report):
        if report.step == self.step:
            (run,) = self.folder.iterdir()
            lock = lock_of(run / "last.ckpt")
            shutil.rmtree(run / ".lock")
            if self.seen:
                lock.show_life()
            self.files = contents(run)


class Recorder(Observer):
    """Remembers the last step that was begun to be told."""

    def on_step(self, report):
        self.last = report.step


def contents(folder):
    """All files, but the log, which tells of it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"]
    return {str(path): path.read_bytes() for path in files if "tensorboard" not in path.parts}


@pytest.mark.parametrize(("seen", "steps"), [(True, STEPS + 2), (False, 2 * STEPS)])
def test_a_training_that_lost_its_run_stops_without_writing(run, tmp_path, seen, steps):
    """At the next step where the heartbeat has seen it, else at the next save."""
    watch = [TakeOver(tmp_path / "checkpoints", STEPS + 2, seen), Recorder()]
    with pytest.raises(LockLost, match="taken over"):
        run(epochs=3, watch=watch)
    assert watch[1].last == steps
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert contents(folder) == watch[0].files
    assert not (tmp_path / "model").exists()


def test_a_training_amid_which_the_clock_is_set(run, tmp_path, monkeypatch):
    now, jumps = time.time, itertools.cycle([0.0, 3e7, -86400.0])
    monkeypatch.setattr(time, "time", lambda: now() + next(jumps))
    run(epochs=2, execution={"checkpoint_minutes": 1, "workers": 1})
    assert time.time() != time.time()
    rows = history(tmp_path / "model")
    assert len(rows) == 2
    assert all(1 < row["jets_per_s"] < 1e6 for row in rows)

"""Runs that are killed for real, and resumed."""

import csv
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from hypervae.io import write_list
from hypervae.model import HyperVAE
from hypervae.training.checkpoint import LAST
from hypervae.training.run import TrainingFiles, train
from hypervae.training.step import Optimization
from tests.unit.chain import MODEL, SPLIT

ROOT = Path(__file__).parents[3]
CONFIG = {
    "epochs": 14,
    "batch_size": 40,
    "model": MODEL,
    "split": SPLIT,
    "execution": {"device": "cpu", "checkpoint_minutes": 0},
}


def start(chain, folder):
    shards, correlators, normalization = chain.of("g")
    write_list(folder / "shards.txt", shards)
    write_list(folder / "correlators.txt", correlators)
    command = [
        *(sys.executable, "-m", "hypervae", "train", "--threads", "1"),
        *("--shards", folder / "shards.txt", "--correlators", folder / "correlators.txt"),
        *("--normalization", normalization, "--output-dir", folder / "model"),
        *("--checkpoint-dir", folder / "checkpoints", "--config", json.dumps(CONFIG)),
    ]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_for_a_new_checkpoint(process, folder, since):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = list(folder.glob(f"checkpoints/*/{LAST}"))
        if found and found[0].stat().st_mtime_ns > since:
            return found[0].stat().st_mtime_ns
        if process.poll() is not None:
            pytest.fail(f"ended by itself: {process.stderr.read()}")
        time.sleep(0.005)
    process.kill()
    pytest.fail("no checkpoint")
    return None


@pytest.mark.slow
def test_killed_without_a_warning_and_then_asked_to_stop(chain, train_config, tmp_path):
    process = start(chain, tmp_path)
    written = wait_for_a_new_checkpoint(process, tmp_path, 0)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL

    process = start(chain, tmp_path)
    wait_for_a_new_checkpoint(process, tmp_path, written)
    folders = [path.name for path in (tmp_path / "checkpoints").iterdir()]
    assert len(folders) == 1, "the code was changed between the attempts"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "resuming after epoch" in errors
    assert "hypervae: error: training stopped by SIGTERM" in errors
    assert "Traceback" not in errors
    assert list((tmp_path / "model").iterdir()) == []  # the killed one's folder, without its lock
    (checkpoint,) = tmp_path.glob(f"checkpoints/*/{LAST}")
    state = torch.load(checkpoint, weights_only=True)
    assert 0 < state["epoch"] + state["step_in_epoch"] < CONFIG["epochs"]

    process = start(chain, tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "resuming after epoch" in errors

    whole = tmp_path / "whole"
    train(TrainingFiles(*chain.of("g")), whole, tmp_path / "other", train_config(**CONFIG))
    assert_equal(tmp_path / "model", whole, CONFIG["epochs"])


def assert_equal(one, other, epochs):
    rows = []
    for folder in (one, other):
        with open(folder / "history.csv", newline="") as file:
            rows.append(list(csv.DictReader(file)))
    assert len(rows[0]) == epochs
    for row, same in zip(*rows, strict=True):
        for name in row.keys() - {"jets_per_s"}:
            assert float(row[name] or 0) == pytest.approx(
                float(same[name] or 0), rel=1e-6, abs=1e-9
            ), name
    models = [HyperVAE.load(folder).state_dict() for folder in (one, other)]
    for name, value in models[0].items():
        torch.testing.assert_close(value, models[1][name], rtol=0, atol=1e-6)


def doomed(files, folder, config, step, moment):
    """Train, in a process of its own, until it kills itself at a moment of a step."""
    torch.set_num_threads(1)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    done = []
    take, save = Optimization.step, torch.save

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(self, taken, **options):
        done.append(1)
        if len(done) == step and moment == "before":
            die()
        outcome = take(self, taken, **options)
        if len(done) == step and moment == "after":
            die()
        return outcome

    def half_written(state, path):
        save(state, path)
        if len(done) >= step and moment == "while saving":
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            die()

    Optimization.step, torch.save = counted, half_written
    train(files, folder / "model", folder / "checkpoints", config)


@pytest.mark.slow
def test_killed_ten_times_at_random_a_run_equals_an_uninterrupted_one(
    chain, train_config, tmp_path
):
    epochs = 6
    files = TrainingFiles(*chain.of("g"))
    train(files, tmp_path / "whole", tmp_path / "other", train_config(epochs=epochs))
    # a fork of a process that has imported everything, and run nothing
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "hypervae.training.run"])
    generator = random.Random(11)
    moments = ["before", "after", "while saving"]
    for attempt in range(10):
        # a save after each step, or only at the end of each epoch
        minutes = generator.choice([0, 1000])
        config = train_config(epochs=epochs, execution={"checkpoint_minutes": minutes})
        step = generator.randint(1, 3 if minutes == 0 else 7)
        process = context.Process(
            target=doomed, args=(files, tmp_path, config, step, moments[attempt % 3])
        )
        process.start()
        process.join(timeout=120)
        assert process.exitcode == -signal.SIGKILL, (attempt, process.exitcode)
        assert [path.name for path in (tmp_path / "model").iterdir()] == [".lock"]
    train(
        files,
        tmp_path / "model",
        tmp_path / "checkpoints",
        train_config(epochs=epochs),
    )
    assert_equal(tmp_path / "model", tmp_path / "whole", epochs)
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert not list(folder.glob(".*"))

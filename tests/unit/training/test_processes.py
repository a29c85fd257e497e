"""Several processes (gloo, CPU), and how they are made and stopped."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.environments import LightningEnvironment, SLURMEnvironment
from lightning.fabric.strategies import DDPStrategy

from hypervae.errors import HyperVAEError
from hypervae.io import write_list
from hypervae.training.checkpoint import LAST
from hypervae.training.launch import launched_by
from hypervae.training.processes import ProcessLost, check_alive, make_fabric
from tests.unit.chain import MODEL, SPLIT

ROOT = Path(__file__).parents[3]
NOISY = {**MODEL, "dropout": 0.1, "hyperedge_encoder": "sampled", "hyperedge_samples": 50}
# 70 training jets: 2 steps an epoch, the last of one jet, which one of two processes has not
CONFIG = {"epochs": 25, "batch_size": 69, "model": NOISY, "split": SPLIT, "warmup": 0.1}


def start(module, *arguments):
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    }
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment)


def recorded(chain, folder, execution=None, **changes):
    """What `recorded.py` notes of a training."""
    folder.mkdir()
    files = [[str(path) for path in paths] for paths in chain.of("g")[:2]]
    config = {**CONFIG, **changes, "execution": {"device": "cpu", **(execution or {})}}
    about = {"files": [*files, str(chain.of("g")[2])], "config": config, "jet_types": ["g"]}
    (folder / "settings.json").write_text(json.dumps(about))
    process = start("tests.unit.training.recorded", folder / "settings.json", folder / "out.pt")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return torch.load(folder / "out.pt", weights_only=True), errors


@pytest.mark.slow
def test_two_processes_and_accumulation_train_as_one_batch_does(chain, tmp_path):
    whole, _ = recorded(chain, tmp_path / "whole")
    assert len(whole["losses"]) == 50
    norm = torch.sqrt(sum(g.square().sum() for g in whole["gradient"].values()))
    others = {
        "two processes": {"execution": {"devices": 2}},
        "accumulated": {"batch_size": 23, "accumulate": 3},
        "both": {"batch_size": 23, "accumulate": 3, "execution": {"devices": 2}},
    }
    for name, changes in others.items():
        found, errors = recorded(chain, tmp_path / name, **changes)
        assert found["gradient"].keys() == whole["gradient"].keys()
        difference = torch.sqrt(
            sum((g - found["gradient"][key]).square().sum() for key, g in whole["gradient"].items())
        )
        assert difference < 1e-5 * norm, name
        assert found["losses"] == pytest.approx(whole["losses"], rel=1e-4), name
        # each line is said once
        assert errors.count("epoch 25/25: loss") == 1
        with open(tmp_path / name / "model" / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        with open(tmp_path / "whole" / "model" / "history.csv", newline="") as file:
            expected = list(csv.DictReader(file))
        assert any(row["val_w1m"] for row in expected)
        for one, other in zip(rows, expected, strict=True):
            assert float(one["val_total"]) == pytest.approx(float(other["val_total"]), rel=1e-4)
            assert float(one["val_w1m"] or 0) == pytest.approx(
                float(other["val_w1m"] or 0), rel=1e-2
            )
            assert one["active_units"] == other["active_units"]


@pytest.mark.slow
def test_two_processes_stop_together_and_one_goes_on(chain, tmp_path):
    shards, correlators, normalization = chain.of("g")
    write_list(tmp_path / "shards.txt", shards)
    write_list(tmp_path / "correlators.txt", correlators)

    def attempt(devices, epochs=60):
        config = {**CONFIG, "epochs": epochs}
        config["execution"] = {"device": "cpu", "checkpoint_minutes": 0, "devices": devices}
        return start(
            "hypervae",
            *("train", "--threads", 1, "--shards", tmp_path / "shards.txt"),
            *("--correlators", tmp_path / "correlators.txt", "--normalization", normalization),
            *("--output-dir", tmp_path / "model", "--checkpoint-dir", tmp_path / "checkpoints"),
            *("--config", json.dumps(config)),
        )

    process = attempt(2)
    deadline = time.monotonic() + 360
    while not list(tmp_path.glob(f"checkpoints/*/{LAST}")) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 1, errors
    assert errors.count("training stopped by SIGTERM") == 1
    assert "Traceback" not in errors
    assert not (tmp_path / "model").exists()
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert not (folder / ".lock").exists()
    stopped = torch.load(folder / LAST, weights_only=True)
    # the number of processes is no part of the run: one alone goes on
    process, state = attempt(1), stopped
    while process.poll() is None and time.monotonic() < deadline:
        # for a moment of each save there is only the one before
        with contextlib.suppress(FileNotFoundError):
            state = torch.load(folder / LAST, weights_only=True)
        if (state["epoch"], state["step_in_epoch"]) > (stopped["epoch"], stopped["step_in_epoch"]):
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=180)
    where = f"resuming after epoch {stopped['epoch']}, step {stopped['step_in_epoch']}"
    assert where in errors


def test_one_process_needs_no_strategy(train_config):
    assert not isinstance(make_fabric(train_config()).strategy, DDPStrategy)
    assert isinstance(make_fabric(train_config(execution={"devices": 2})).strategy, DDPStrategy)


def test_lightning_does_not_requeue(monkeypatch):
    step = {
        "SLURM_NTASKS": "2",
        "SLURM_JOB_NAME": "train",
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_NUM_TASKS": "1",
    }
    for name, value in step.items():
        monkeypatch.setenv(name, value)
    assert isinstance(launched_by(1), LightningEnvironment)
    assert isinstance(launched_by(2), LightningEnvironment)
    # srun started both
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    environment = launched_by(2)
    assert isinstance(environment, SLURMEnvironment)
    assert not environment.auto_requeue


def test_more_gpus_than_there_are_is_an_error(train_config, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(HyperVAEError, match="found 1 GPUs, expected 3"):
        make_fabric(train_config(precision="32", execution={"device": "cuda", "devices": 3}))


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("[gloo/transport/tcp/pair.cc:537] Read error: Connection reset by peer", True),
        ("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1", True),
        ("NCCL error: remote process exited or there was a network error", True),
        ("The size of tensor a (3) must match", False),
    ],
)
def test_the_death_of_another_process_is_one_line(said, lost):
    with pytest.raises(ProcessLost, match="was killed") if lost else contextlib.nullcontext():
        check_alive(RuntimeError(said))

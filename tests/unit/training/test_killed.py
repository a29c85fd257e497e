"""A run that is killed for real, twice, and taken up again."""

import csv
import json
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
from hypervae.training.run import train
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
    assert not (tmp_path / "model").exists()
    (checkpoint,) = tmp_path.glob(f"checkpoints/*/{LAST}")
    state = torch.load(checkpoint, weights_only=True)
    assert 0 < state["epoch"] + state["step_in_epoch"] < CONFIG["epochs"]

    process = start(chain, tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "resuming after epoch" in errors

    whole = tmp_path / "whole"
    train(*chain.of("g"), whole, tmp_path / "other", train_config(**CONFIG))
    rows = []
    for folder in (tmp_path / "model", whole):
        with open(folder / "history.csv", newline="") as file:
            rows.append(list(csv.DictReader(file)))
    assert len(rows[0]) == CONFIG["epochs"]
    for one, other in zip(*rows, strict=True):
        for name in one.keys() - {"jets_per_s"}:
            assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-6, abs=1e-9), name
    one, other = (HyperVAE.load(folder).state_dict() for folder in (tmp_path / "model", whole))
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=0, atol=1e-6)

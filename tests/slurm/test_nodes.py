"""One training over two nodes, whose processes srun starts."""

import csv
import json
import subprocess
import sys

import pytest

from hypervae.io import write_list
from tests.slurm.cluster import ROOT
from tests.unit.chain import MODEL, SPLIT, chain  # noqa: F401

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


def test_two_nodes_train_as_one_process_does(cluster, chain, tmp_path):  # noqa: F811
    shards, correlators, normalization = chain.of("g")
    write_list(tmp_path / "shards.txt", shards)
    write_list(tmp_path / "correlators.txt", correlators)
    histories = {}
    for nodes in (1, 2):
        folder = tmp_path / f"model{nodes}"
        execution = {"device": "cpu", "nodes": nodes}
        config = {"epochs": 3, "model": MODEL, "split": SPLIT, "execution": execution}
        command = [
            *("srun", "--partition", "cpu", "--nodes", nodes, "--ntasks-per-node", 1),
            *("--mem", 2000, "--time", 3, sys.executable, "-m", "hypervae", "train"),
            *("--threads", 1, "--shards", tmp_path / "shards.txt"),
            *("--correlators", tmp_path / "correlators.txt", "--normalization", normalization),
            *("--output-dir", folder, "--checkpoint-dir", tmp_path / f"checkpoints{nodes}"),
            *("--config", json.dumps(config)),
        ]
        # the names of this cluster's nodes lead nowhere
        environment = {**cluster.environment, "MASTER_ADDR": "127.0.0.1"}
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert ("process 2 of 2 has met the others" in done.stderr) == (nodes == 2)
        with open(folder / "history.csv", newline="") as file:
            histories[nodes] = list(csv.DictReader(file))
    for one, two in zip(histories[1], histories[2], strict=True):
        for name in ("train_total", "val_total", "gradient_norm"):
            assert float(two[name]) == pytest.approx(float(one[name]), rel=1e-4), name

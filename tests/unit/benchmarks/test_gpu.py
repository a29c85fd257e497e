"""The search for the largest batch; the rest needs a GPU."""

import subprocess
import sys

import pytest
import torch

from benchmarks import gpu


@pytest.mark.parametrize("room", [0, 1, 5, 63, 64, 100, 1_000, 9_999])
def test_the_largest_batch_is_found_to_an_eighth(room):
    tried = []

    def attempt(jets):
        tried.append(jets)
        return {"jets_per_s": float(jets)} if jets <= room else None

    found = gpu.search(attempt)
    largest = found.get("largest", {"batch": 0})["batch"]
    assert largest <= room <= largest + max(largest // 8, 1)
    assert ("batch_64" in found) == (room >= 64)
    assert len(tried) == len(set(tried)) <= 14


def test_no_batch_above_the_most_is_tried():
    found = gpu.search(lambda jets: {"jets_per_s": float(jets)})
    assert found["largest"]["batch"] == gpu.MOST


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "found no GPU" in done.stderr
    assert "Traceback" not in done.stderr

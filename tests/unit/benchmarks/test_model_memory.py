"""The benchmark of memory: a whole training step runs on fake tensors, and its bytes count."""

import pytest

from benchmarks import model, model_memory
from benchmarks.jets import gluon_jets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("memory")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "gluon_jets", lambda: gluon_jets()[:200])
        model.prepare(path)
    return path


def test_a_whole_step_is_counted_and_the_largest_batch_fills_the_budget(folder, monkeypatch):
    monkeypatch.setattr(model_memory, "BUDGET", 0.3e9)

    found = model_memory.measure("binned", False, folder, "slim")

    weights = 16e-9 * found["parameters"]  # with two states of AdamW and the average, 4 bytes each
    assert weights < found["gb_of_2"] < 0.3
    a_jet = (0.3 - found["gb_of_2"]) / (found["largest_batch"] - 2)
    assert weights + 2 * a_jet == pytest.approx(found["gb_of_2"], rel=0.15)

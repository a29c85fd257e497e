import csv

import numpy as np
import pytest

from hypervae.errors import InputError
from hypervae.formats.history import read_history, write_history


def test_history_is_a_table(tmp_path):
    write_history(tmp_path / "h.csv", [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "loss": 0.25}])
    with open(tmp_path / "h.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"epoch": "1", "loss": "0.3333333"}, {"epoch": "2", "loss": "0.25"}]
    write_history(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_text().strip() == "epoch"


def test_what_is_written_is_read(tmp_path):
    rows = [{"epoch": 1, "val_w1m": None, "by": "a"}, {"epoch": 2, "val_w1m": 0.5, "by": "b"}]
    write_history(tmp_path / "h.csv", rows)
    columns = read_history(tmp_path / "h.csv")
    assert list(columns) == ["epoch", "val_w1m"]  # text is skipped
    np.testing.assert_array_equal(columns["val_w1m"], [np.nan, 0.5])


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "history.csv"
    with pytest.raises(InputError, match=r"history\.csv"):
        read_history(path)
    path.write_text("epoch,train_total\n")
    with pytest.raises(InputError, match="no rows"):
        read_history(path)
    path.write_text("step,train_total\n1,2\n")
    with pytest.raises(InputError, match="'epoch'"):
        read_history(path)
    path.write_text("epoch,train_total\none,2\n")
    with pytest.raises(InputError, match="epoch: found text"):
        read_history(path)

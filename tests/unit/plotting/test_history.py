import matplotlib.pyplot as plt
import numpy as np
import pytest

from hypervae.errors import InputError
from hypervae.plotting.history import draw_history, panels_of, read_history
from hypervae.plotting.style import figure_style


def test_columns_are_read_whatever_their_names(write_history):
    columns = read_history(write_history(3))
    assert "note" not in columns
    np.testing.assert_allclose(columns["train_total"], [3, 1.5, 1])
    assert np.isnan(columns["val_kl"]).all()


def test_both_sides_of_a_term_share_a_panel():
    names = ["epoch", "step", "learning_rate", "train_kl", "val_kl", "train_total", "val_total"]
    panels = panels_of([*names, "train_new_term"])
    assert list(panels) == ["total", "kl", "new_term", "learning_rate"]
    assert panels["kl"] == {"train": "train_kl", "val": "val_kl"}
    assert panels["learning_rate"] == {"": "learning_rate"}


@pytest.mark.parametrize("epochs", [1, 4])
def test_curves_are_those_of_the_file(write_history, config, epochs):
    with figure_style(config):
        figure = draw_history(read_history(write_history(epochs)))
        shown = [axis for axis in figure.axes if axis.get_visible()]
        assert [axis.get_title() for axis in shown] == [
            "total loss", "KL loss", "learning rate", "seconds",
        ]  # fmt: skip
        curve = shown[0].get_lines()[0]
        np.testing.assert_allclose(curve.get_ydata(), 3 / np.arange(1, epochs + 1))
        plt.close(figure)


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

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hypervae.formats.history import read_history
from hypervae.plotting.history import draw_history, panels_of
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


def full_history(**changes):
    """Columns of five epochs, with generated jets in the second, fourth and fifth."""
    missing = np.full(5, np.nan)
    columns = {
        "epoch": np.arange(1.0, 6),
        "step": np.arange(10.0, 60, 10),
        "learning_rate": np.full(5, 1e-3),
        "train_total": np.array([5, 4, 3, 2, 1.0]),
        "train_kl": np.ones(5),
        "val_total": np.array([5, 4, 2, 3, 3.5]),
        "val_kl": np.ones(5),
        "val_w1m": np.array([np.nan, 0.05, np.nan, 0.02, 0.03]),
        "gradient_norm": np.ones(5),
        "skipped": np.zeros(5),
        "active_units": np.arange(5.0),
        "peak_gpu_memory_mb": missing,
        "jets_per_s": np.full(5, 200.0),
    }
    return {**columns, **changes}


def shown(columns, config):
    """The panels by title."""
    with figure_style(config):
        figure = draw_history(columns)
        plt.close(figure)
    return {axis.get_title(): axis for axis in figure.axes if axis.get_visible()}


def stars(axis):
    lines = [
        line for line in axis.get_lines() if line.get_marker() == "*" and len(line.get_xdata())
    ]
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines]


def test_panels_are_what_there_is_to_see(config):
    assert list(shown(full_history(), config)) == [
        "total loss",
        "KL loss",
        "W1M of generated jets",
        "active latent dimensions",
        "gradient norm",
        "learning rate",
        "jets/s",
    ]
    more = full_history(
        skipped=np.array([0, 0, 3.0, 0, np.nan]), peak_gpu_memory_mb=np.full(5, 800.0)
    )
    assert {"skipped steps", "peak GPU memory [MB]"} < set(shown(more, config))
    less = full_history(val_w1m=np.full(5, np.nan))
    assert "W1M of generated jets" not in shown(less, config)


def test_terms_that_were_left_out_of_the_loss_have_no_panel(config):
    nothing = np.zeros(5)
    without = full_history(train_edge=nothing, val_edge=nothing, active_units=nothing)
    titles = shown(without, config)
    assert "edge loss" not in titles
    assert "active latent dimensions" in titles  # none is something to see
    assert "edge loss" in shown({**without, "val_edge": np.full(5, 0.1)}, config)


def test_w1m_is_points_over_its_epochs(config):
    panels = shown(full_history(), config)
    curve = panels["W1M of generated jets"].get_lines()[0]
    np.testing.assert_array_equal(curve.get_xdata(), [2, 4, 5])
    np.testing.assert_array_equal(curve.get_ydata(), [0.05, 0.02, 0.03])
    assert curve.get_marker() == "o"
    limits = {axis.get_xlim() for axis in panels.values()}
    assert len(limits) == 1  # epochs stand one below the other


def test_the_best_epochs_are_marked(config):
    panels = shown(full_history(), config)
    assert stars(panels["total loss"]) == [(3, 2)]
    assert stars(panels["W1M of generated jets"]) == [(4, 0.02)]
    assert not stars(panels["KL loss"])


def test_what_is_not_finite_is_not_the_best(config):
    columns = full_history(
        val_total=np.array([np.nan, -np.inf, 3, 2, np.nan]),
        val_w1m=np.array([np.inf, np.nan, 0.3, np.nan, np.inf]),
    )
    panels = shown(columns, config)
    assert stars(panels["total loss"]) == [(4, 2)]
    assert stars(panels["W1M of generated jets"]) == [(3, 0.3)]


@pytest.mark.parametrize("terms", [0, 4, 12, 30])
def test_the_figure_is_wider_than_high_and_says_what_it_is(config, terms):
    more = {f"val_term_{i}": np.ones(5) for i in range(terms)}
    with figure_style(config):
        figure = draw_history(full_history(**more), "model t")
        plt.close(figure)
    width, height = figure.get_size_inches()
    assert width > 1.2 * height
    assert figure.get_suptitle() == "model t: training"

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hypervae.formats.evaluation import read_arrays
from hypervae.plotting.evaluated_correlators import draw_evaluated_correlators
from hypervae.plotting.style import figure_style


@pytest.fixture
def draw(config):
    """Draw the correlators; closed at the end."""
    with figure_style(config):
        yield lambda read: draw_evaluated_correlators(read.correlators, read.results)
    plt.close("all")


def steps(axis):
    return [p.get_data() for p in axis.patches if p.get_data().baseline is None]


def test_densities_and_ratios_are_those_of_the_arrays(draw, write_arrays):
    read = read_arrays(write_arrays())
    axes = draw(read).axes
    assert len(axes) == 2 * 5 + 1
    assert all(axis.get_xscale() == "log" for axis in axes[:10])
    found = read.correlators
    width = np.log(1000) / 10
    order = ("test", "train", "generated")
    panels = {(0, "mean"): 0, (1, "mean"): 2, (1, "ratio"): 4, (2, "mean"): 6, (2, "ratio"): 8}
    for (row, table), place in panels.items():
        values = {name: getattr(found, table)[name][row] for name in order}
        scale = width if table == "mean" else 1.0
        for name, drawn in zip(order, steps(axes[place]), strict=True):
            np.testing.assert_allclose(drawn.values, values[name] / scale)
        for name, drawn in zip(order[1:], steps(axes[place + 1]), strict=True):
            np.testing.assert_allclose(drawn.values, values[name] / values["test"])


def test_bins_without_pairs_and_nan_break_nothing(draw, write_arrays):
    read = read_arrays(write_arrays())
    found = read.correlators
    for table in (found.mean, found.error):
        table["generated"][:] = 0
        table["test"][:, :2] = 0
    found.ratio["generated"][:] = np.nan
    found.ratio["test"][:, 3] = np.nan
    draw(read).savefig("/dev/null", format="png")
    found.mean["test"][:] = np.nan
    draw(read).savefig("/dev/null", format="png")


def test_without_correlators_the_figure_says_so(draw, write_arrays):
    read = read_arrays(write_arrays())
    read.correlators = None
    figure = draw(read)
    assert "not in the evaluation" in figure.axes[0].texts[0].get_text()

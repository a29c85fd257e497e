"""Texts that users give may hold what matplotlib takes for formulas."""

import matplotlib.pyplot as plt
import pytest

from hypervae.plotting.style import save


@pytest.mark.parametrize("name", ["$\\frac$", "$x_$", "$$", "a$b", "$R_L$", "$\\text{}$", "$\\$"])
def test_a_name_that_is_no_formula_is_drawn_as_it_is(name, tmp_path):
    figure, axes = plt.subplots()
    axes.set_title(f"{name}: training")
    axes.plot([1, 2], label=name)
    axes.legend()
    save(figure, 30, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size

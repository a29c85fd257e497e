"""Pairs of observables: columns, contours, and what is drawn without them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hypervae.observables import JetSample, ObservableValues, compute_observables
from hypervae.plotting.pairs import PAIRS, SHARES, column, contour_levels, draw_pairs
from tests.unit.toys import toy_jets

RESULTS = {
    "jet_type": "g",
    "model": "toy",
    "sizes": {"compared": 300},
    "metrics": {
        "w1_mass_ratio": {"value": 0.5, "error": 0.1, "floor": 0.2, "floor_error": 0.1},
    },
}


@pytest.fixture
def samples():
    return {
        name: compute_observables(JetSample(toy_jets(300, seed)))
        for seed, name in enumerate(("test", "generated"))
    }


@pytest.fixture
def figure():
    yield
    plt.close("all")


def test_the_summed_share_is_that_of_the_kept_particles():
    jets = toy_jets(50, 3)
    found = column(compute_observables(JetSample(jets)), "sum_ptrel")
    expected = (jets.particle_features[..., 2] * jets.mask).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_contours_hold_the_shares_of_a_gaussian():
    x = np.linspace(-5, 5, 201)
    density = np.exp(-0.5 * (x[:, None] ** 2 + x[None] ** 2))
    levels = contour_levels(density)
    # of a two-dimensional Gaussian, the share within the level exp(-r^2 / 2) is 1 - level
    np.testing.assert_allclose(levels, [1 - share for share in SHARES[::-1]], rtol=0.05)
    assert levels == sorted(levels)


@pytest.mark.parametrize(("density", "count"), [(np.zeros((3, 3)), 0), (np.eye(3)[:1], 1)])
def test_contours_of_next_to_nothing(density, count):
    assert len(contour_levels(density)) == count


def test_each_pair_has_both_samples(samples, figure):
    axes = draw_pairs(samples, RESULTS).axes[: len(PAIRS)]
    for axis in axes:
        assert len(axis.collections) == 3  # colours, and the contours of two samples
        assert axis.get_xlabel()
        assert axis.get_ylabel()
    assert "0.50 ± 0.10" in axes[1].get_title()
    assert axes[0].get_title() == ""


def test_colours_are_shares_of_the_generated_jets(samples, figure):
    shown = draw_pairs(samples, RESULTS).axes[0].collections[0].get_array()
    assert 0.9 < shown.filled(0).sum() <= 1 + 1e-9


def test_a_model_whose_pairs_are_torn_is_drawn_apart(samples, figure):
    """The same marginals, drawn apart, leave the diagonal."""
    values = samples["test"].values
    values["mass_kept"] = 0.9 * values["jet_mass"]
    torn = dict(values)
    torn["mass_kept"] = np.roll(values["mass_kept"], 7)
    pair = {"test": samples["test"]}
    whole = draw_pairs({**pair, "generated": samples["test"]}, RESULTS)
    apart = draw_pairs(
        {**pair, "generated": ObservableValues(torn, samples["test"].multiplicity)}, RESULTS
    )
    place = [(one.x, one.y) for one in PAIRS].index(("jet_mass", "mass_kept"))
    filled = [f.axes[place].collections[0].get_array().filled(0) for f in (whole, apart)]
    assert (filled[1] > 0).sum() > 1.5 * (filled[0] > 0).sum()


def test_what_is_missing_is_said(samples, figure):
    del samples["generated"].values["jet_pt"]
    axes = draw_pairs(samples, RESULTS).axes
    assert any("not in the evaluation" in text.get_text() for text in axes[0].texts)
    assert len(axes[1].collections) == 3


def test_one_jet_and_equal_values_are_drawn(samples, figure):
    one = {name: sample.part(0, 1) for name, sample in samples.items()}
    draw_pairs(one, RESULTS).canvas.draw()

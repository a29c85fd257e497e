import matplotlib.pyplot as plt
import numpy as np
import pytest

from hypervae.formats.evaluation import read_arrays
from hypervae.observables import OBSERVABLES, drawn_in, table
from hypervae.observables.table import PAGES, Observable
from hypervae.plotting.observables import bin_edges, density, draw_page
from hypervae.plotting.style import figure_style


class TestDensity:
    def test_one_value_a_jet_has_the_binomial_error(self):
        values = np.array([0.5] * 30 + [1.5] * 60 + [9.0] * 10)
        found, error, entries = density(values, np.arange(100), 100, np.array([0.0, 1, 2]))
        np.testing.assert_allclose(found, [0.3, 0.6])
        np.testing.assert_allclose(error, np.sqrt([0.3 * 0.7 / 100, 0.6 * 0.4 / 100]))
        np.testing.assert_array_equal(entries, [30, 60])

    def test_equal_particles_of_a_jet_count_as_one(self):
        values, jets = np.array([0.5] * 30 + [1.5] * 70), np.arange(100)
        edges = np.array([0.0, 1, 2])
        one = density(values, jets, 100, edges)
        ten = density(np.repeat(values, 10), np.repeat(jets, 10), 100, edges)
        np.testing.assert_allclose(ten[0], one[0])
        np.testing.assert_allclose(ten[1], one[1])

    def test_error_is_the_spread_between_samples(self):
        generator = np.random.default_rng(1)
        edges = np.array([0.0, 0.4, 1.0])
        found = []
        for _ in range(300):
            # Jets of 1 to 8 particles around a common centre.
            count = generator.integers(1, 9, 100)
            jet = np.repeat(np.arange(100), count)
            values = generator.uniform(0, 1, 100)[jet] * 0.8 + generator.uniform(0, 0.2, len(jet))
            found.append(density(values, jet, 100, edges)[:2])
        values, errors = np.array(found).transpose(1, 0, 2)
        np.testing.assert_allclose(errors.mean(axis=0), values.std(axis=0), rtol=0.15)

    def test_upper_edge_counts_and_widths_divide(self):
        found, _, _ = density(np.array([0.0, 4.0]), np.arange(2), 2, np.array([0.0, 2, 4]))
        np.testing.assert_allclose(found, [0.25, 0.25])


def test_multiplicity_bins_hold_whole_numbers_of_both_samples():
    edges = bin_edges(np.array([29.0, 30, 30]), np.array([12.0, 25]), "multiplicity", 40)
    np.testing.assert_allclose(np.diff(edges), 1)
    assert edges[0] <= 11.5
    assert edges[-1] >= 30.5
    wide = bin_edges(np.arange(1.0, 151), np.arange(1.0, 151), "multiplicity", 40)
    assert len(wide) <= 41
    np.testing.assert_allclose(wide % 1, 0.5)


@pytest.mark.parametrize(("low", "high"), [(20, 20), (29, 30), (3, 3), (0, 0)])
def test_equal_multiplicities_are_one_bin_of_several(low, high):
    values = np.array([low, high, high], np.float64)
    edges = bin_edges(values, values, "multiplicity", 40)
    assert len(edges) == 9
    np.testing.assert_allclose(np.diff(edges), 1)
    assert edges[0] == max(high - 7.5, -0.5)
    assert edges[0] < low <= high < edges[-1]


@pytest.mark.parametrize("name", OBSERVABLES)
def test_a_constant_observable_has_bins(name):
    edges = bin_edges(np.full(10, 0.3), np.full(10, 0.3), name, 10)
    assert (np.diff(edges) > 0).all()


def test_bins_of_a_log_axis_are_equal_in_the_logarithm():
    values = np.random.default_rng(1).lognormal(-4, 1, 500)
    steps = np.diff(np.log(bin_edges(values, values, "ptrel", 20)))
    np.testing.assert_allclose(np.ptp(steps), 0, atol=1e-12)
    # with values of 0 there is no logarithm
    edges = bin_edges(np.append(values * 0, values), values, "ptrel", 20)
    np.testing.assert_allclose(np.ptp(np.diff(edges)), 0, atol=1e-12)


def test_every_observable_is_on_one_page():
    assert sorted(name for page in PAGES for name in drawn_in(page)) == sorted(OBSERVABLES)


def test_a_page_grows_with_what_it_shows(page, write_arrays, monkeypatch):
    more = Observable(lambda sample: sample.features[:, 0], "more", "more", ("jets",))
    monkeypatch.setattr(table, "OBSERVABLES", {**OBSERVABLES, "more": more})
    monkeypatch.setitem(OBSERVABLES, "more", more)
    figure = page("jets", read_arrays(write_arrays()))
    assert len(figure.axes) == 14
    assert figure.get_figheight() > 12


@pytest.fixture
def page(config):
    """Draw a page; closed at the end."""
    with figure_style(config):
        yield lambda name, read: draw_page(name, read.samples, read.results, 20)
    plt.close("all")


@pytest.mark.parametrize("name", PAGES)
def test_panels_show_the_samples_the_distance_and_the_jets(name, page, write_arrays):
    figure = page(name, read_arrays(write_arrays()))
    assert len(figure.axes) == 2 * len(drawn_in(name))
    titles = [axis.get_title(loc="right") for axis in figure.axes[::2]]
    for title in titles:
        assert "0.0300 ± 0.0010 (floor 0.0100 ± 0.0020), 100 jets" in title
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:3] == ["test (300 jets)", "generated (200)", "train (400)"]


def test_ratios_are_of_the_densities_and_areas_are_1(page, write_arrays):
    read = read_arrays(write_arrays())
    figure = page("jets", read)
    main, ratio = figure.axes[2 * list(drawn_in("jets")).index("jet_mass") :][:2]
    steps = [patch.get_data() for patch in main.patches if patch.get_data().baseline is None]
    test, train, generated = (data.values for data in steps)
    edges = steps[0].edges
    for key, drawn in (("test", test), ("train", train), ("generated", generated)):
        values = read.samples[key].values["jet_mass"]
        inside = np.mean((values >= edges[0]) & (values <= edges[-1]))
        assert (drawn * np.diff(edges)).sum() == pytest.approx(inside)
    quotients = [patch.get_data() for patch in ratio.patches]
    quotients = [data.values for data in quotients if data.baseline is None]
    counts = np.histogram(read.samples["test"].values["jet_mass"], edges)[0]
    for found, made in zip(quotients, (train, generated), strict=True):
        enough = counts >= 5
        np.testing.assert_allclose(found[enough], made[enough] / test[enough])
        assert np.isnan(found[~enough]).all()


def texts(axis):
    return "\n".join(text.get_text() for text in axis.texts)


def test_missing_values_are_counted_and_missing_observables_said(page, write_arrays):
    read = read_arrays(write_arrays())
    made = read.samples["generated"].values
    made["mass"][:7] = np.nan
    made["jet_pt"][:] = np.nan
    del made["jet_eta"], read.samples["test"].values["jet_eta"]
    del read.samples["train"].values["jet_eta"]
    del read.results["metrics"]["w1_mass_kept"]
    figure = page("jets", read)
    panels = dict(zip(drawn_in("jets"), figure.axes[::2], strict=True))
    assert texts(panels["mass"]).splitlines()[0] == "7 generated missing"
    assert texts(panels["jet_pt"]) == "no finite value"
    assert texts(panels["jet_eta"]) == "not in the evaluation"
    assert panels["mass_kept"].get_title(loc="right") == ""
    assert panels["mass_kept"].patches
    figure.savefig("/dev/null", format="png")


def test_generated_values_beyond_the_axis_are_told(page, write_arrays):
    read = read_arrays(write_arrays())
    read.samples["generated"].values["mass"][:] = read.samples["test"].values["mass"].mean()
    read.samples["generated"].values["mass"][:50] = 1e6
    figure = page("jets", read)
    assert texts(figure.axes[2 * list(drawn_in("jets")).index("mass")]) == "25% beyond ▶"


def test_one_jet_of_each_is_drawn(page, write_arrays):
    from tests.unit.toys import toy_jets

    read = read_arrays(write_arrays(generated=toy_jets(1, 1), test=toy_jets(1, 2)))
    for name in PAGES:
        page(name, read).savefig("/dev/null", format="png")

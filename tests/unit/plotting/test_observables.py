import h5py
import numpy as np
import pytest

from hypervae.errors import InputError
from hypervae.plotting.observables import (
    PANELS,
    bin_edges,
    density,
    draw_observables,
    read_arrays,
)
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


@pytest.mark.parametrize("name", PANELS)
def test_a_constant_observable_has_bins(name):
    edges = bin_edges(np.full(10, 0.3), np.full(10, 0.3), name, 10)
    assert (np.diff(edges) > 0).all()


def test_panels_show_both_samples_and_the_distance(write_arrays, config):
    samples, results = read_arrays(write_arrays())
    with figure_style(config):
        figure = draw_observables(samples, results, 20)
        assert len(figure.axes) == 2 * len(PANELS)
        titles = [axis.get_title(loc="right") for axis in figure.axes]
        assert sum("0.0300 ± 0.0010" in title for title in titles) == len(PANELS)
        assert sum("(floor 0.0100 ± 0.0020)" in title for title in titles) == len(PANELS)
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert legend[:2] == ["held-out (300)", "generated (200)"]
        import matplotlib.pyplot as plt

        plt.close(figure)


def test_missing_and_inconsistent_arrays_are_named(write_arrays):
    path = write_arrays()
    with h5py.File(path, "a") as file:
        values = file["test/ptrel"][:-1]
        del file["test/ptrel"]
        file["test/ptrel"] = values
    with pytest.raises(InputError, match=r"test/ptrel: found .* values"):
        read_arrays(path)
    with h5py.File(path, "a") as file:
        del file["generated/mass"]
    with pytest.raises(InputError, match="generated/mass: found no such dataset"):
        read_arrays(path)

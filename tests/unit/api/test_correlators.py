"""Energy correlators of jets in memory are those of the command, as histograms with errors."""

import sys

import hist
import numpy as np
import pytest

import hypervae
from hypervae.config import resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.errors import ArgumentError, MissingPackageError
from hypervae.formats.correlator_curves import read_correlators
from tests.unit.toys import toy_jets

BINS = {"bins": 20, "range": (1e-3, 1.0)}


@pytest.fixture(scope="module")
def jets():
    return toy_jets(80, jet_type="t")


@pytest.fixture(scope="module")
def found(jets):
    return hypervae.energy_correlators(jets, orders=(2, 3), **BINS)


def test_they_are_those_of_the_command(jets, found, tmp_path):
    jets.save(tmp_path / "jets.h5")
    section = {"orders": [2, 3], "bins": 20, "range": [1e-3, 1.0], "hyperedges": {"orders": [3]}}
    config = resolve_section("correlators", section)
    compute_correlators(tmp_path / "jets.h5", tmp_path / "c.h5", config)
    expected = read_correlators(tmp_path / "c.h5")
    for order in (2, 3):
        np.testing.assert_allclose(found.mean(order), expected.mean(order))
        np.testing.assert_allclose(found.error(order), expected.error(order))
        np.testing.assert_allclose(found.ratio(order), expected.ratio(order))
    assert found.table() == expected.table()
    again = hypervae.energy_correlators(tmp_path / "jets.h5", orders=3, **BINS)
    np.testing.assert_array_equal(again.means.mean, found.means.mean)


def test_histograms_sum_to_one_with_their_flow(found):
    for order, histogram in found.histograms.items():
        assert isinstance(histogram, hist.Hist)
        assert histogram.axes[0].name == "R_L"
        np.testing.assert_allclose(histogram.sum(flow=True).value, 1.0)
        np.testing.assert_allclose(histogram.values(), found.mean(order))
        np.testing.assert_allclose(np.sqrt(histogram.variances()), found.error(order))
    assert set(found.ratios) == {3}
    np.testing.assert_allclose(found.ratios[3].values(), found.ratio(3)[0])


def test_arrays_need_neither_axis_nor_jet(jets, found):
    particles = jets.particle_features.astype(float)
    moved = particles.copy()
    moved[..., 0] += 1.5
    moved[..., 1] += np.pi - 0.05  # across the edge of phi
    moved[..., 1] = (moved[..., 1] + np.pi) % (2 * np.pi) - np.pi
    moved[..., 2] *= jets.jet_features[:, :1]
    for array in (particles, particles[..., :3], moved, moved[:, ::-1], moved[..., :3].tolist()):
        other = hypervae.energy_correlators(array, orders=(2, 3), **BINS)
        np.testing.assert_allclose(other.means.mean, found.means.mean, atol=2e-3)
    assert "of 80 jets" in repr(other)


def test_batches_and_threads_change_nothing(jets, found, monkeypatch):
    monkeypatch.setattr("hypervae.api.correlators.PAIRS_AT_ONCE", 435 * 7)
    other = hypervae.energy_correlators(jets, orders=(2, 3), threads=2, **BINS)
    np.testing.assert_allclose(other.means.mean, found.means.mean)
    np.testing.assert_allclose(other.means.variance, found.means.variance)


def test_an_order_that_is_not_there_is_named(found):
    with pytest.raises(ArgumentError, match="order: found 5, expected one of 2, 3"):
        found.mean(5)


def test_figures_of_one_sample_and_of_two(found, tmp_path):
    from matplotlib.figure import Figure

    other = hypervae.energy_correlators(toy_jets(50, jet_type="q"), orders=(2, 3), **BINS)
    assert isinstance(found.plot(tmp_path / "one.png"), Figure)
    both = found.plot(tmp_path / "two.pdf", reference=other, title="tops")
    labels = [text.get_text() for text in both.axes[0].get_legend().get_texts()]
    assert labels[:2] == ["E2C of 80 t jets", "E2C of 50 q jets (reference)"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.pdf"]
    with pytest.raises(ArgumentError, match=r"path: found .*f\.txt, expected .* \.png or \.pdf"):
        found.plot(tmp_path / "f.txt")
    wide = hypervae.energy_correlators(toy_jets(5), bins=3)
    with pytest.raises(ArgumentError, match=r"reference: found orders \[2, 3, 4\], 3 bins, expec"):
        found.plot(reference=wide)


@pytest.mark.parametrize(
    ("module", "extra", "use"),
    [("hist", "analysis", lambda e: e.histograms), ("matplotlib", "plot", lambda e: e.plot())],
)
def test_a_missing_package_is_named_with_its_extra(found, monkeypatch, module, extra, use):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=rf"needs {module}.*'hypervae\[{extra}\]'"):
        use(found)

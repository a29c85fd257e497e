import numpy as np
import pytest

from hypervae.correlators.binning import Binning
from hypervae.enc.compute import correlators_of, spectrum
from hypervae.enc.ratios import cumulants, ratios, slopes
from hypervae.enc.spectrum import BEFORE, Settings, Spectrum
from hypervae.errors import ArgumentError
from tests.unit.enc.jets import BINNING, clustered_jets

SETTINGS = Settings("R_L", (2.0, 3.0, 4.0), BINNING)


@pytest.fixture(scope="module")
def whole():
    return spectrum([clustered_jets(400, 20)], SETTINGS)


def test_several_ratios_are_each_alone_with_what_they_share(whole):
    both = ratios(whole, [3.0, 4.0])
    bins = BINNING.bins
    for row, order in enumerate((3.0, 4.0)):
        alone, part = whole.ratio(order), slice(row * bins, (row + 1) * bins)
        assert both.value[part] == pytest.approx(alone.value, nan_ok=True)
        assert both.covariance[part, part] == pytest.approx(alone.covariance, nan_ok=True)
    assert ratios(whole, [2.0]).value[np.isfinite(whole.ratio(3.0).value)] == pytest.approx(1.0)
    assert np.nanmax(ratios(whole, [2.0]).error) < 1e-6
    with pytest.raises(ArgumentError, match="one of 2, 3, 4"):
        ratios(whole, [2.5])
    with pytest.raises(ArgumentError, match="none"):
        ratios(whole, [])


def test_their_covariance_is_how_samples_scatter():
    samples = [spectrum([clustered_jets(300, 10, seed=seed)], SETTINGS) for seed in range(80)]
    found = [ratios(sample, [3.0, 4.0]) for sample in samples]
    values = np.array([one.value for one in found])
    used = np.isfinite(values).all(axis=0)
    used &= np.tile(samples[0].curve([2.0]).value > 0.01, 2)
    values = values[:, used]
    predicted = np.mean([one.covariance[np.ix_(used, used)] for one in found], axis=0)
    half = used[: BINNING.bins].sum()
    assert half == used[BINNING.bins :].sum() > 5
    for row in range(half):
        shared = np.corrcoef(values[:, row], values[:, half + row])[0, 1]
        wanted = predicted[row, half + row] / np.sqrt(
            predicted[row, row] * predicted[half + row, half + row]
        )
        assert wanted > 0.5
        assert shared == pytest.approx(wanted, abs=0.25)


def test_slopes_of_one_are_the_fit_of_it(whole):
    line, found = whole.slope(3.0, 2.0, 0.02, 1.0), slopes(whole, [3.0], 2.0, 0.02, 1.0)
    assert found.value[0] == pytest.approx(line.slope)
    assert found.offset[0] == pytest.approx(line.offset)
    assert found.covariance == pytest.approx(line.covariance)
    assert (found.chi2, found.points) == (pytest.approx(line.chi2), line.points)
    with pytest.raises(ArgumentError, match=r"0 bins with a ratio E3C / E2C"):
        slopes(whole, [3.0], 2.0, 0.1, 0.101)


def test_slopes_of_two_have_the_pulls_and_the_correlation_that_they_say():
    generator = np.random.default_rng(3)
    binning = Binning(20, 0.01, 1.0)
    settings = Settings("R_L", (2.0, 3.0, 4.0), binning)
    x = np.log(binning.centers) - 0.5 * np.log(0.01)
    pulls, correlations = [], []
    for _ in range(200):
        values = np.zeros((500, 3, settings.columns))
        two = generator.gamma(4.0, 0.25, (500, 20))
        values[:, 0, BEFORE:-1] = two
        noise = generator.normal(0, 0.05, (500, 20))
        values[:, 1, BEFORE:-1] = two * (0.8 + 0.1 * x + noise)
        values[:, 2, BEFORE:-1] = two * (
            0.6 + 0.2 * x + noise + generator.normal(0, 0.05, (500, 20))
        )
        found = slopes(Spectrum.of(settings, values), [3.0, 4.0], 2.0, 0.01, 1.0)
        assert found.points == 40
        errors = np.sqrt(np.diagonal(found.covariance))
        pulls.append((found.value - [0.1, 0.2]) / errors[:2])
        correlations.append(found.covariance[0, 1] / errors[0] / errors[1])
    pulls = np.array(pulls)
    assert np.abs(pulls.mean(axis=0)).max() < 0.25
    assert pulls.std(axis=0) == pytest.approx([1.0, 1.0], abs=0.2)
    assert np.mean(correlations) == pytest.approx(0.5**0.5, abs=0.05)
    assert np.corrcoef(pulls.T)[0, 1] == pytest.approx(0.5**0.5, abs=0.12)


def test_cumulants_have_their_covariance(whole):
    found = cumulants(whole, [2.0, 4.0])
    size = BINNING.bins + 1
    for row, order in enumerate((2.0, 4.0)):
        alone, part = whole.cumulative(order), slice(row * size, (row + 1) * size)
        assert found.value[part] == pytest.approx(alone.value)
        assert found.covariance[part, part] == pytest.approx(alone.covariance)
    values = correlators_of(clustered_jets(400, 20), SETTINGS)[:, [0, 2]].cumsum(axis=2)
    values = values[..., 1:-1].reshape(400, -1)
    wanted = np.cov(values, rowvar=False) / 400
    assert found.covariance == pytest.approx(wanted, abs=1e-12)


def test_the_table_has_cumulants_and_ratios(whole):
    table = np.genfromtxt(whole.table().splitlines(), delimiter=",", names=True, deletechars="")
    assert table["E3C_cumulative"][-1] == pytest.approx(1.0, abs=1e-6)
    assert table["E3C_cumulative"][1:-1] == pytest.approx(whole.cumulative(3.0).value, rel=1e-6)
    error = table["E3C_cumulative_error"][1:-1]
    assert error == pytest.approx(whole.cumulative(3.0).error, rel=1e-5, abs=1e-9)
    ratio = whole.ratio(4.0)
    assert table["E4C/E2C"][2:-1] == pytest.approx(ratio.value, rel=1e-6, nan_ok=True)
    assert table["E4C/E2C_error"][2:-1] == pytest.approx(ratio.error, rel=1e-6, nan_ok=True)

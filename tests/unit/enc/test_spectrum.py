import numpy as np
import pytest

from hypervae.correlators.binning import Binning
from hypervae.correlators.kernel import correlate
from hypervae.enc.compute import correlators_of, hardest, spectrum
from hypervae.enc.spectrum import BEFORE, Settings, Spectrum
from hypervae.errors import ArgumentError
from tests.unit.enc.jets import BINNING, arrays_of, clustered_jets

SETTINGS = Settings("R_L", (2.0, 2.5, 3.0), BINNING)


@pytest.fixture(scope="module")
def jets():
    return clustered_jets(400, 20)


@pytest.fixture(scope="module")
def whole(jets):
    return spectrum([jets], SETTINGS)


def test_means_and_covariance_are_those_of_the_jets(jets, whole):
    values = correlators_of(jets, SETTINGS).reshape(len(jets), -1)
    assert whole.mean.ravel() == pytest.approx(values.mean(axis=0), abs=1e-15)
    wanted = np.cov(values, rowvar=False) / len(jets)
    assert whole.covariance().reshape(wanted.shape) == pytest.approx(wanted, abs=1e-14)
    assert whole.error.ravel() == pytest.approx(np.sqrt(np.diagonal(wanted)), abs=1e-9)


def test_contact_terms_and_what_lies_outside_stand_apart(jets):
    narrow = Settings("R_L", (2.0, 3.0), Binning(10, 0.05, 0.3))
    found = spectrum([jets], narrow)
    weight, multiplicity, bins = arrays_of(jets, narrow.binning)
    total = correlate(weight, multiplicity, bins, [2, 3], narrow.binning.size)[0][0] / len(jets)
    assert found.mean[:, 0] == pytest.approx([(weight**n).sum() / len(jets) for n in (2, 3)])
    assert found.mean[:, 0] + found.mean[:, 1] == pytest.approx(total[:, 0])
    assert found.mean[:, 1].min() > 0
    assert found.mean[:, BEFORE:] == pytest.approx(total[:, 1:])


def test_parts_merge_to_the_whole(jets, whole):
    parts = [spectrum([jets[a:b]], SETTINGS) for a, b in ((0, 1), (1, 150), (150, 400))]
    merged = Spectrum.merge(parts)
    assert merged.n_jets == 400
    assert merged.mean == pytest.approx(whole.mean, rel=1e-12, abs=1e-16)
    assert merged.covariance() == pytest.approx(whole.covariance(), abs=1e-15)
    assert parts[0].n_jets == 1
    assert np.isnan(parts[0].error).all()


def test_ratios_have_the_errors_that_samples_scatter_by():
    samples = [spectrum([clustered_jets(300, 10, seed=seed)], SETTINGS) for seed in range(60)]
    ratios = [sample.ratio(3.0) for sample in samples]
    values = np.array([ratio.value for ratio in ratios])
    used = np.isfinite(values).all(axis=0) & (samples[0].curve([2.0]).value > 0.01)
    assert used.sum() > 5
    scatter = values[:, used].std(axis=0, ddof=1)
    errors = np.mean([ratio.error[used] for ratio in ratios], axis=0)
    assert np.median(errors / scatter) == pytest.approx(1.0, abs=0.2)
    curves = [sample.curve([3.0]) for sample in samples]
    apart = np.mean([one.error[used] / one.value[used] for one in curves], axis=0)
    assert np.median(errors / values[:, used].mean(axis=0) / apart) < 0.8  # they move together


def test_cumulative_ends_at_all_of_it(whole):
    found = whole.cumulative(2.5)
    assert found.value[0] == pytest.approx(whole.mean[1, :2].sum())
    assert found.value[-1] + whole.mean[1, -1] == pytest.approx(1.0)
    assert found.error[-1] == pytest.approx(whole.error[1, -1], rel=1e-6)
    assert np.all(np.diff(found.value) >= 0)


def test_a_line_is_found_with_its_error():
    generator = np.random.default_rng(3)
    binning = Binning(20, 0.01, 1.0)
    settings = Settings("R_L", (2.0, 3.0), binning)
    x = np.log(binning.centers) - 0.5 * np.log(0.01)
    pulls = []
    for _ in range(200):
        values = np.zeros((500, 2, settings.columns))
        values[:, 0, BEFORE:-1] = generator.gamma(4.0, 0.25, (500, 20))
        ratio = 0.8 + 0.1 * x + generator.normal(0, 0.05, (500, 20))
        values[:, 1, BEFORE:-1] = values[:, 0, BEFORE:-1] * ratio
        line = Spectrum.of(settings, values).slope(3.0, 2.0, 0.01, 1.0)
        assert line.points == 20
        pulls.append((line.slope - 0.1) / line.covariance[0, 0] ** 0.5)
    assert abs(np.mean(pulls)) < 0.25
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_table_has_a_row_for_everything(whole):
    lines = whole.table().splitlines()
    assert lines[0].startswith("R_L_low,R_L_high,E2C,E2C_error,E2.5C,E2.5C_error,E3C")
    rows = np.array([[float(word) for word in line.split(",")] for line in lines[1:]])
    assert len(rows) == BINNING.bins + 3
    assert rows[0, :2].tolist() == [0, 0]
    assert rows[1, 1] == pytest.approx(BINNING.low)
    assert np.isinf(rows[-1, 1])
    assert rows[:, 2].sum() == pytest.approx(1.0, abs=1e-6)


def test_hardest_particles_are_kept_and_share_the_weight(jets):
    cut = hardest(jets, 5)
    assert cut.particle_features.shape[1] == 5
    assert cut.multiplicity.tolist() == np.minimum(jets.multiplicity, 5).tolist()
    found = correlators_of(jets, Settings("R_1", (3.0,), BINNING, particles=5))
    assert found.sum(axis=2) == pytest.approx(1.0, abs=1e-12)
    assert hardest(jets, 0) is jets


@pytest.mark.parametrize(
    ("orders", "message"),
    [((), "none"), ((0.0,), "positive"), ((2.0, 2.0), "once"), ((float("nan"),), "positive")],
)
def test_orders_that_are_none(orders, message):
    with pytest.raises(ArgumentError, match=message):
        Settings("R_L", orders, BINNING)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"variable": "RL"}, "variable: found 'RL'"),
        ({"weight": "mass"}, "weight: found 'mass'"),
        ({"exponent": float("inf")}, "exponent"),
        ({"particles": -1}, "particles"),
    ],
)
def test_settings_that_are_none(more, message):
    with pytest.raises(ArgumentError, match=message):
        Settings(**{"variable": "R_L", "orders": (2.0,), "binning": BINNING, **more})


def test_what_does_not_fit_is_refused(jets, whole):
    other = spectrum([jets], Settings("R_1", (2.0, 2.5, 3.0), BINNING))
    with pytest.raises(ArgumentError, match="R_1"):
        Spectrum.merge([whole, other])
    with pytest.raises(ArgumentError, match="at least one"):
        Spectrum.merge([])
    with pytest.raises(ArgumentError, match=r"one of 2, 2\.5, 3"):
        whole.ratio(4.0)
    with pytest.raises(ArgumentError, match="at least 3"):
        whole.slope(3.0, 2.0, 0.1, 0.11)

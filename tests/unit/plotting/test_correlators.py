import h5py
import matplotlib.pyplot as plt
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.correlators import geometry, kernel
from hypervae.correlators.binning import Binning
from hypervae.errors import InputError
from hypervae.formats.correlator_curves import read_correlators
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from hypervae.plotting.correlators import draw_correlators
from tests.unit.toys import toy_jets


def test_mean_and_error_are_those_over_jets(write_normalization):
    per_jet = np.random.default_rng(3).gamma(1, 0.01, (50, 12))
    found = read_correlators(write_normalization(per_jet=per_jet))
    inside = per_jet[:, 1:-1]  # without underflow and overflow
    np.testing.assert_allclose(found.mean(2), inside.mean(axis=0))
    np.testing.assert_allclose(found.error(2), inside.std(axis=0, ddof=1) / np.sqrt(50))
    np.testing.assert_allclose(found.ratio(3)[0], 1.5)
    values, _ = found.density(2)
    np.testing.assert_allclose((values * np.diff(np.log(found.edges))).sum(), found.mean(2).sum())


def test_empty_bins_have_no_ratio(write_normalization):
    per_jet = np.random.default_rng(3).gamma(1, 0.01, (50, 12))
    per_jet[:, 4] = 0
    values, error = read_correlators(write_normalization(per_jet=per_jet)).ratio(3)
    assert np.isnan(values[3])
    assert np.isnan(error[3])
    assert np.isfinite(np.delete(values, 3)).all()


def test_bad_files_are_named(write_normalization):
    path = write_normalization()
    with h5py.File(path, "a") as file:
        del file["enc/3/sum2"]
    with pytest.raises(InputError, match="enc/3/sum2: found no such dataset"):
        read_correlators(path)
    with h5py.File(path, "a") as file:
        file["enc/3/sum2"] = np.zeros(4)
    with pytest.raises(InputError, match=r"enc/3/sum2: found shape \(4,\)"):
        read_correlators(path)
    with h5py.File(path, "a") as file:
        del file["enc/3/sum2"]
        file["enc/3/sum2"] = np.zeros(12)
        file.attrs["n_jets"] = 0
    with pytest.raises(InputError, match="n_jets"):
        read_correlators(path)


def test_errors_of_ratios_know_that_both_are_of_the_same_jets(write_normalization):
    # every jet has E3C = 1.5 E2C: the ratio does not fluctuate, however much the jets do
    values, error = read_correlators(write_normalization()).ratio(3)
    np.testing.assert_allclose(values, 1.5)
    np.testing.assert_allclose(error, 0, atol=1e-6)


def test_a_correlator_file_gives_a_plot_and_a_table(tmp_path):
    shard = tmp_path / "g.h5"
    write_shard(shard, toy_jets(60, jet_type="g"), source="test", jet_type="g")
    names = ["--input", shard, "--output", tmp_path / "c.h5", "--plot", tmp_path / "c.png"]
    arguments = [*names, "--table", tmp_path / "c.csv", "--bins", "30", "--orders", "[2, 3, 4]"]
    done = CliRunner().invoke(cli, ["correlators", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    table = np.genfromtxt(tmp_path / "c.csv", delimiter=",", names=True)
    assert len(table) == 32
    found = read_correlators(tmp_path / "c.h5")
    assert found.n_jets == 60
    np.testing.assert_allclose(table["E4C"][1:-1], found.mean(4), rtol=1e-6)
    assert table["R_L_low"][:2] == pytest.approx([0.0, 1e-4])
    assert table["R_L_high"][-2:] == pytest.approx([2.0, np.inf])
    # contact terms included: nothing of a jet is missing
    for order in (2, 3, 4):
        assert table[f"E{order}C"].sum() == pytest.approx(1.0, rel=1e-6)
    # jackknife over jets: an error of the ratio from the data alone
    with ShardReader(shard) as reader:
        jets = reader.read()
    binning = Binning(30, 1e-4, 2.0)
    weight, codes = geometry.weights(jets), geometry.pair_bins(jets, binning)
    single = np.array(
        [
            kernel.correlate(weight[k : k + 1], jets.multiplicity[k : k + 1], codes[k : k + 1],
                             [2, 3], binning.size)[0][0, :, 1:-1]
            for k in range(60)
        ]
    )  # fmt: skip
    left_out = single.sum(axis=0) - single
    ratios = left_out[:, 1] / np.where(left_out[:, 0] > 0, left_out[:, 0], np.nan)
    jackknife = np.sqrt(59 / 60 * ((ratios - ratios.mean(axis=0)) ** 2).sum(axis=0))
    error = found.ratio(3)[1]
    well = found.mean(2) > 0.02
    assert well.sum() > 5
    np.testing.assert_allclose(error[well], jackknife[well], rtol=0.25)


def test_the_title_says_what_the_figure_shows(write_normalization):
    read = read_correlators(write_normalization())
    for title, shown in (
        ("", "energy correlators of training jets"),
        ("model t", "model t: energy correlators of training jets"),
    ):
        figure = draw_correlators(read, title)
        plt.close(figure)
        assert figure.get_suptitle() == shown

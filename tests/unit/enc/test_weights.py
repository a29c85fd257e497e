import itertools

import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.correlators.geometry import pair_bins, weights
from hypervae.enc.compute import correlators_of, spectrum
from hypervae.enc.file import read_spectrum, write_spectrum
from hypervae.enc.spectrum import Settings, Spectrum
from hypervae.enc.weights import weights_of
from hypervae.errors import ArgumentError, HyperVAEError
from hypervae.formats.shard_writer import write_shard
from tests.unit.enc.jets import BINNING, bin_of, clustered_jets


def charged_jets(n=12, particles=7, seed=4):
    jets = clustered_jets(n, particles, seed=seed, spread=0.3)
    charge = np.random.default_rng(seed).integers(-1, 2, jets.mask.shape) * jets.mask
    jets.extra = {"charge": charge.astype(np.float32)}
    return jets


def by_tuples(weight, bins, order, variable):
    out = np.zeros(BINNING.size)
    for members in itertools.product(range(len(weight)), repeat=order):
        pairs = (
            itertools.combinations(members, 2)
            if variable == "R_L"
            else [(members[0], other) for other in members]
        )
        farthest = max((bin_of(bins, i, j) for i, j in pairs), default=0)
        out[farthest] += np.prod([weight[t] for t in members])
    return out


@pytest.mark.parametrize("variable", ["R_L", "R_1"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("weight", "select"),
    [
        ("charge", ""),
        ("energy*charge", ""),
        ("pt", "charged"),
        ("pt", "neutral"),
        ("charge", "charge"),
    ],
)
def test_they_are_sums_over_all_tuples(variable, order, weight, select):
    jets = charged_jets(particles=5)
    settings = Settings(variable, (float(order),), BINNING, weight, 1.3, select=select)
    found = correlators_of(jets, settings)[:, 0]
    z = weights(jets, "energy" if "energy" in weight else "pt", 1.3)
    charge, bins = jets.extra["charge"], pair_bins(jets, BINNING)
    if "charge" in weight:
        z = z * charge
    if select:
        z = z * ((charge == 0) if select == "neutral" else (charge != 0))
    for jet, n in enumerate(jets.multiplicity):
        wanted = by_tuples(z[jet, :n], bins[jet], order, variable)
        assert found[jet, 0] == pytest.approx((z[jet] ** order).sum(), abs=1e-15)
        assert found[jet, :2].sum() == pytest.approx(wanted[0], abs=1e-14)
        assert found[jet, 2:] == pytest.approx(wanted[1:], abs=1e-14)
        assert found[jet].sum() == pytest.approx(z[jet].sum() ** order, abs=1e-14)


@pytest.mark.parametrize("order", [1.5, 2.5])
def test_tracks_are_a_jet_of_their_own_but_for_the_scale(order):
    jets = charged_jets(30, 12)
    tracks = weights_of(jets, select="charged")
    found = correlators_of(jets, Settings("R_L", (order,), BINNING, select="charged"))[:, 0]
    assert found.sum(axis=1) == pytest.approx(tracks.sum(axis=1) ** order, abs=1e-14)
    assert weights_of(jets, select="neutral") + tracks == pytest.approx(weights(jets))
    empty = charged_jets(3)
    empty.extra["charge"][:] = 0
    assert not correlators_of(empty, Settings("R_1", (order,), BINNING, select="charged")).any()


def test_like_and_unlike_signs_add_up():
    """The charge-weighted E2C is that of pairs of like signs less that of unlike ones."""
    jets = charged_jets(60, 20)
    of = {
        sign: correlators_of(
            jets_with(jets, sign), Settings("R_L", (2.0,), BINNING, select="chosen")
        )
        for sign in (1, -1)
    }
    both = correlators_of(jets, Settings("R_L", (2.0,), BINNING, select="charged"))
    signed = correlators_of(jets, Settings("R_L", (2.0,), BINNING, "charge"))
    like = of[1] + of[-1]
    assert signed == pytest.approx(2 * like - both, abs=1e-15)


def jets_with(jets, sign):
    chosen = jets[:]
    chosen.extra = {"chosen": (jets.extra["charge"] == sign).astype(np.float32)}
    return chosen


def test_what_is_missing_or_no_weight_is_named():
    plain = clustered_jets(3, 5)
    for settings in (
        Settings("R_L", (2.0,), BINNING, "charge"),
        Settings("R_L", (2.0,), BINNING, select="charged"),
    ):
        with pytest.raises(ArgumentError, match=r"extra: found columns none.*charge among them"):
            spectrum([plain], settings)
    with pytest.raises(ArgumentError, match="whole numbers"):
        Settings("R_L", (2.5,), BINNING, "charge")
    for weight in ("pt*energy", "", "a b", "charge**2", "pt*"):
        with pytest.raises(ArgumentError, match="weight"):
            Settings("R_L", (2.0,), BINNING, weight)
    with pytest.raises(ArgumentError, match="select"):
        Settings("R_L", (2.0,), BINNING, select="not charged")


def test_files_keep_the_selection(tmp_path):
    settings = Settings("R_L", (2.0, 3.0), BINNING, "charge", select="charged")
    written = spectrum([charged_jets(20)], settings)
    write_spectrum(tmp_path / "a.h5", written)
    assert read_spectrum(tmp_path / "a.h5").settings == settings
    others = spectrum([charged_jets(20)], Settings("R_L", (2.0, 3.0), BINNING, "charge"))
    with pytest.raises(ArgumentError):
        Spectrum.merge([written, others])


def test_the_command_takes_columns_of_the_shard(tmp_path):
    jets = charged_jets(50, 12)
    write_shard(tmp_path / "a.h5", jets, source="test")
    write_shard(tmp_path / "plain.h5", clustered_jets(50, 12), source="test")

    def run(name, *words):
        options = ["--orders", "2,3", "--output", str(tmp_path / "o.h5"), *words]
        options += ["--plot", str(tmp_path / "o.png")]
        words = ["enc", "--input", str(tmp_path / name), *options]
        return CliRunner().invoke(cli, words, catch_exceptions=False)

    for words in (
        ("--weight", "charge"),
        ("--select", "charged"),
        ("--particles", "5", "--select", "neutral"),
    ):
        done = run("a.h5", *words)
        assert done.exit_code == 0, done.output
        settings = read_spectrum(tmp_path / "o.h5").settings
        wanted = spectrum([jets], settings).mean
        assert read_spectrum(tmp_path / "o.h5").mean == pytest.approx(wanted, abs=1e-7)
        (tmp_path / "o.h5").unlink()
        with pytest.raises(
            HyperVAEError, match=r"plain\.h5: particle_extra charge: .*no such column"
        ):
            run("plain.h5", *words)
        assert not (tmp_path / "o.h5").exists()

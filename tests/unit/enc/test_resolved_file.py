import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.correlators.binning import Binning
from hypervae.enc.file import read_resolved, write_spectrum
from hypervae.enc.resolved import ResolvedSettings, resolve
from hypervae.enc.spectrum import Settings
from hypervae.enc.triangles import Shape
from hypervae.errors import HyperVAEError, InputError
from hypervae.formats.shard_writer import write_shard
from tests.unit.enc.jets import clustered_jets

SETTINGS = ResolvedSettings(
    Settings("R_1", (4.0,), Binning(4, 0.01, 1.0), "energy", 1.5, 10), Shape(3, 2, signed=True)
)


def run(*words):
    return CliRunner().invoke(cli, ["enc", *map(str, words)], catch_exceptions=False)


def test_it_comes_back_as_it_was(tmp_path):
    written = resolve([clustered_jets(30, 12)], SETTINGS)
    write_spectrum(tmp_path / "a.h5", written)
    read = read_resolved(tmp_path / "a.h5")
    assert read.settings == SETTINGS
    assert read.n_jets == 30
    assert np.array_equal(read.total, written.total)
    assert np.array_equal(read.products, written.products)


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (lambda f: f.attrs.__setitem__("ratios", 0), "bins of the shape"),
        (lambda f: f.attrs.__setitem__("angles", 5), "total"),
        (lambda f: f.attrs.__setitem__("signed", "yes"), "attribute signed"),
        (lambda f: f.attrs.__setitem__("variable", "R_L"), "orders"),
        (lambda f: f["total"].__setitem__((0, 0), np.inf), "total"),
        (lambda f: f.attrs.__setitem__("kind", "energy correlator spectrum"), "kind"),
    ],
)
def test_damage_is_named(tmp_path, what, field):
    write_spectrum(tmp_path / "a.h5", resolve([clustered_jets(5, 6)], SETTINGS))
    with h5py.File(tmp_path / "a.h5", "a") as file:
        what(file)
    with pytest.raises(InputError, match=rf"a\.h5: {field}"):
        read_resolved(tmp_path / "a.h5")


@pytest.mark.parametrize("words", [(), ("--variable", "R_1", "--orders", "4", "--signed")])
def test_the_command_resolves_and_merges(tmp_path, words):
    jets = clustered_jets(60, 12)
    write_shard(tmp_path / "1.h5", jets[:25], source="test")
    write_shard(tmp_path / "2.h5", jets[25:], source="test")
    words = ["--resolve", "3,4", "--bins", 5, "--range", "0.05,1", *words]
    for name in "12":
        done = run("--input", tmp_path / f"{name}.h5", *words, "--output", tmp_path / f"p{name}.h5")
        assert done.exit_code == 0, done.output
    parts = f"{tmp_path / 'p1.h5'},{tmp_path / 'p2.h5'}"
    outputs = ["--output", tmp_path / "m.h5", "--table", tmp_path / "m.csv"]
    done = run("--input", parts, *words, *outputs, "--plot", tmp_path / "m.png")
    assert done.exit_code == 0, done.output
    merged = read_resolved(tmp_path / "m.h5")
    wanted = resolve([jets], merged.settings)
    assert merged.mean == pytest.approx(wanted.mean, abs=1e-7)
    assert merged.settings.shape == Shape(3, 4, "--signed" in words)
    assert (tmp_path / "m.csv").read_text().count("\n") == merged.settings.numbers + 1
    assert (tmp_path / "m.png").stat().st_size > 10_000
    checked = CliRunner().invoke(cli, ["validate", str(tmp_path / "m.h5")])
    assert "C of 60 jets in (R_" in checked.output
    assert "5 x 3 x 4 bins" in checked.output
    with pytest.raises(InputError, match=r"p1\.h5: kind"):
        run("--input", tmp_path / "p1.h5", "--output", tmp_path / "x.h5")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resolve", "3"], "--resolve: found '3', expected 2 numbers"),
        (["--resolve", "3,0"], "--resolve: .*whole numbers"),
        (["--resolve", "3,2.5"], "--resolve: .*whole numbers"),
        (["--resolve", "3,4", "--orders", "4"], "orders: found 4, expected one of 3"),
        (["--resolve", "90,90"], "fits into memory"),
        (["--resolve", "3,4", "--slope", "3,2,0.1,1"], "--slope"),
        (["--signed"], "--signed"),
    ],
)
def test_bad_options_are_one_line(tmp_path, words, message):
    write_shard(tmp_path / "a.h5", clustered_jets(5, 6), source="test")
    with pytest.raises(HyperVAEError, match=message):
        run("--input", tmp_path / "a.h5", *words)


def test_slopes_of_several_ratios(tmp_path):
    write_shard(tmp_path / "a.h5", clustered_jets(200, 12), source="test")
    done = run("--input", tmp_path / "a.h5", "--bins", 20, "--slope", "3,4,2,0.05,1")
    assert done.exit_code == 0, done.output
    assert "slope of E4C / E2C in ln R_L: " in done.output
    assert "correlation of E3C's and E4C's: " in done.output

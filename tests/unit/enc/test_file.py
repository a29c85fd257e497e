import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.enc.compute import spectrum
from hypervae.enc.file import is_spectrum, read_spectrum, write_spectrum
from hypervae.enc.spectrum import Settings
from hypervae.errors import InputError
from hypervae.formats.shard_writer import write_shard
from tests.unit.enc.jets import BINNING, clustered_jets


def run(*words):
    return CliRunner().invoke(cli, ["enc", *map(str, words)], catch_exceptions=False)


@pytest.fixture
def shards(tmp_path):
    paths = []
    for seed in (1, 2):
        paths.append(tmp_path / f"{seed}.h5")
        write_shard(paths[-1], clustered_jets(50, 12, seed=seed), source="test")
    return paths


def test_it_comes_back_as_it_was(tmp_path):
    path = tmp_path / "a.h5"
    settings = Settings("R_1", (2.0, 3.5), BINNING, "energy", 1.5, 10)
    written = spectrum([clustered_jets(30, 12)], settings)
    write_spectrum(path, written)
    read = read_spectrum(path)
    assert is_spectrum(path)
    assert read.settings == settings
    assert read.n_jets == 30
    assert np.array_equal(read.total, written.total)
    assert np.array_equal(read.products, written.products)


def damage(path, what):
    with h5py.File(path, "a") as file:
        what(file)


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (lambda f: f.__delitem__("total"), "total"),
        (lambda f: f["total"].__setitem__((0, 0), np.nan), "total"),
        (lambda f: f.attrs.__setitem__("n_jets", "many"), "attribute n_jets"),
        (lambda f: f.attrs.__setitem__("n_jets", 0), "attribute n_jets"),
        (lambda f: f.attrs.__setitem__("variable", "R_9"), "variable"),
        (lambda f: f.attrs.__setitem__("weight", "mass"), "weight"),
        (lambda f: f.attrs.__setitem__("exponent", np.nan), "attribute exponent"),
        (lambda f: f.attrs.__setitem__("particles", -1), "attribute particles"),
        (lambda f: f["orders"].__setitem__(0, -2.0), "orders"),
        (lambda f: f["edges"].__setitem__(0, -1.0), "edges"),
        (lambda f: (f.__delitem__("edges"), f.create_dataset("edges", data=[1.0])), "edges"),
        (lambda f: f.attrs.__setitem__("schema_version", 9), "kind"),
        (lambda f: (f.__delitem__("products"), f.create_dataset("products", data=[[1.0]])), "prod"),
        (lambda f: (f.__delitem__("orders"), f.create_dataset("orders", data=["2"])), "orders"),
    ],
)
def test_damage_is_named(tmp_path, what, field):
    path = tmp_path / "a.h5"
    write_spectrum(path, spectrum([clustered_jets(5, 6)], Settings("R_L", (2.0,), BINNING)))
    damage(path, what)
    with pytest.raises(InputError, match=rf"a\.h5: {field}"):
        read_spectrum(path)


def test_the_command_merges_shards_and_what_it_wrote(tmp_path, shards):
    options = ["--orders", "2,2.5,3", "--bins", 20, "--range", "0.01,1"]
    both = run("--input", f"{shards[0]},{shards[1]}", *options, "--output", tmp_path / "both.h5")
    assert both.exit_code == 0, both.output
    for number, shard in enumerate(shards):
        run("--input", shard, *options, "--output", tmp_path / f"p{number}.h5")
    parts = f"{tmp_path / 'p0.h5'},{tmp_path / 'p1.h5'}"
    words = ["--output", tmp_path / "m.h5", "--table", tmp_path / "m.csv", "--slope", "3,2,0.05,1"]
    merged = run("--input", parts, *words, "--plot", tmp_path / "m.png")
    assert merged.exit_code == 0, merged.output
    assert "slope of E3C / E2C in ln R_L: " in merged.output
    one, other = read_spectrum(tmp_path / "both.h5"), read_spectrum(tmp_path / "m.h5")
    assert other.n_jets == 100
    assert one.settings == other.settings
    assert other.mean == pytest.approx(one.mean, rel=1e-12, abs=1e-16)
    assert (tmp_path / "m.csv").read_text().startswith("R_L_low,R_L_high,E2C")
    assert (tmp_path / "m.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--orders", "2,x"], "--orders"),
        (["--orders", "2,-3"], "positive"),
        (["--range", "1,0.1"], "--range"),
        (["--range", "0.1"], "2 numbers"),
        (["--slope", "3,2"], "4 numbers"),
    ],
)
def test_bad_options_are_one_line(shards, words, message):
    from hypervae.errors import HyperVAEError

    with pytest.raises(HyperVAEError, match=message):
        run("--input", shards[0], *words)


def test_spectra_of_other_settings_are_refused(tmp_path, shards):
    run("--input", shards[0], "--orders", "2", "--output", tmp_path / "a.h5")
    run("--input", shards[1], "--orders", "3", "--output", tmp_path / "b.h5")
    with pytest.raises(InputError, match=r"b\.h5: spectrum"):
        run("--input", f"{tmp_path / 'a.h5'},{tmp_path / 'b.h5'}", "--output", tmp_path / "c.h5")

import json
import tracemalloc

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.checks.files import check_file
from hypervae.cli import cli
from hypervae.config import resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import ConfigError, HyperVAEError, InputError
from hypervae.formats.shard import ShardReader
from hypervae.generation.files import TypedReader
from hypervae.generation.generate import generate_jets
from hypervae.model import HyperVAE
from hypervae.model.sampling import Sampler
from tests.unit.chain import CORRELATORS


@pytest.fixture
def folder(model, chain, tmp_path):
    model.float().save(tmp_path / "model", chain.normalization)
    return tmp_path / "model"


def config(**changes):
    return resolve_section("generate", {"jets": 70, "batch_size": 32, "device": "cpu", **changes})


@pytest.mark.parametrize("jet_type", ["g", "q"])
def test_a_generated_file_is_a_shard_of_its_type(folder, model, tmp_path, jet_type):
    generate_jets(folder, tmp_path / "out.h5", config(seed=4), jet_type=jet_type)
    with ShardReader(tmp_path / "out.h5", jet_type) as reader:
        jets, attributes = reader.read(), reader.attributes
    assert len(jets) == 70
    assert attributes["jet_type"] == jet_type
    assert attributes["source"] == "hypervae"
    assert attributes["seed"] == 4
    settings = json.loads(attributes["settings"])
    assert settings["temperature"] == 1.0
    assert "device" not in settings
    assert "torch" in json.loads(attributes["versions"])
    expected = model.generate(70, seed=4, jet_type=jet_type)
    np.testing.assert_allclose(jets.particle_features, expected.particle_features, atol=1e-5)
    np.testing.assert_allclose(jets.jet_features, expected.jet_features, rtol=1e-5)
    assert any(f"70 jets, type {jet_type}" in line for line in check_file(tmp_path / "out.h5"))


def test_a_generated_file_goes_through_the_next_stage(folder, tmp_path):
    generate_jets(folder, tmp_path / "out.h5", config(), jet_type="g")
    settings = resolve_section("correlators", CORRELATORS)
    compute_correlators(tmp_path / "out.h5", tmp_path / "c.h5", settings)
    assert "70 jets, type g" in check_file(tmp_path / "c.h5")[0]


def test_two_runs_are_equal_and_batches_do_not_matter(folder, tmp_path):
    found = []
    for name, size in (("a", 32), ("b", 32), ("c", 9)):
        generate_jets(folder, tmp_path / f"{name}.h5", config(batch_size=size), jet_type="q")
        with ShardReader(tmp_path / f"{name}.h5") as reader:
            found.append(reader.read().particle_features)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], found[2], atol=1e-5)


def test_a_model_that_is_missing_leaves_no_file(tmp_path):
    with pytest.raises(InputError, match=r"config.json"):
        generate_jets(tmp_path / "none", tmp_path / "out.h5", config())
    assert not (tmp_path / "out.h5").exists()


def test_a_type_that_the_model_does_not_know_leaves_no_file(folder, tmp_path):
    for jet_type in ("t", None):
        with pytest.raises(HyperVAEError, match="jet type"):
            generate_jets(folder, tmp_path / "out.h5", config(), jet_type=jet_type)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_mix_of_types_is_one_file_that_says_the_type_of_each_jet(folder, tmp_path):
    generate_jets(folder, tmp_path / "out.h5", config(mix={"q": 0.4, "g": 0.6}))
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["jet_type"] == "mixed"
        assert json.loads(file.attrs["settings"])["mix"] == {"q": 0.4, "g": 0.6}
        types = file["jet_type"][()]
        particles = file["particle_features"][()]
    assert set(types) == {JET_TYPES["g"], JET_TYPES["q"]}
    assert 15 < (types == JET_TYPES["q"]).sum() < 45
    for kind in "gq":
        generate_jets(folder, tmp_path / f"{kind}.h5", config(), jet_type=kind)
        with ShardReader(tmp_path / f"{kind}.h5") as reader:
            alone = reader.read().particle_features
        found = particles[types == JET_TYPES[kind]]
        np.testing.assert_allclose(found, alone[: len(found)], atol=1e-5)


@pytest.mark.parametrize("mix", [{"q": 1}, {"q": 1, "g": 1}], ids=str)
def test_two_runs_make_the_same_file_byte_by_byte(folder, tmp_path, mix):
    for name in "ab":
        generate_jets(folder, tmp_path / f"{name}.h5", config(mix=mix))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_what_expects_one_type_refuses_a_mix(folder, tmp_path):
    generate_jets(folder, tmp_path / "out.h5", config(mix={"q": 1, "g": 1}))
    for jet_type in ("q", None):
        with pytest.raises(InputError, match=r"out\.h5: jet type: found 'mixed'"):
            ShardReader(tmp_path / "out.h5", jet_type)


def test_a_mix_of_one_type_is_a_file_of_it(folder, tmp_path):
    generate_jets(folder, tmp_path / "out.h5", config(mix={"q": 3}))
    with ShardReader(tmp_path / "out.h5", "q") as reader, h5py.File(tmp_path / "out.h5") as file:
        assert reader.n_jets == 70
        assert "jet_type" not in file


@pytest.mark.parametrize(
    ("mix", "jet_type", "error", "message"),
    [
        ({"q": 1, "t": 1}, None, HyperVAEError, "'t': this model knows g, q"),
        ({"q": 0, "g": 0}, None, ConfigError, "mix: found shares of 0 alone, expected a share"),
        ({"q": 1}, "q", ConfigError, r"a jet type \(q\) and a mix \(q\): give one"),
        ({}, None, HyperVAEError, "a jet type or a mix is needed: this model knows g, q"),
    ],
    ids=str,
)
def test_a_mix_without_sense_leaves_no_file(folder, tmp_path, mix, jet_type, error, message):
    with pytest.raises(error, match=message):
        generate_jets(folder, tmp_path / "out.h5", config(mix=mix), jet_type=jet_type)
    assert list(tmp_path.iterdir()) == [folder]


def test_jets_drawn_again_are_counted_in_the_file(folder, tmp_path, monkeypatch):
    load = HyperVAE.load

    def loaded(*arguments):
        model = load(*arguments)
        decode = model.decoder.decode

        def broken(latent, *arguments, **options):
            decoded = decode(latent, *arguments, **options)
            decoded.log_coordinates[latent[:, 0] > 1, 0] = np.nan
            return decoded

        model.decoder.decode = broken
        return model

    monkeypatch.setattr(HyperVAE, "load", loaded)
    redrawn = generate_jets(folder, tmp_path / "out.h5", config(), jet_type="q")
    assert 2 < redrawn < 30
    with ShardReader(tmp_path / "out.h5") as reader:
        assert reader.attributes["redrawn"] == redrawn
        assert len(reader.read()) == 70  # each checked by the reader


def test_memory_does_not_grow_with_the_number_of_jets(folder, tmp_path):
    peaks = []
    for jets in (256, 256, 5120):  # the first time what is loaded once counts too
        tracemalloc.start()
        many = config(jets=jets, batch_size=128, mix={"g": 1, "q": 1})
        generate_jets(folder, tmp_path / "out.h5", many)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "out.h5").stat().st_size > 1e6
    assert peaks[2] < peaks[1] + 2e5


def test_jets_are_on_disk_as_they_come(folder, tmp_path, monkeypatch):
    """The file grows while jets are drawn."""
    draw, sizes = Sampler.draw, []

    def watched(self, size, latents=None):
        sizes.extend(path.stat().st_size for path in tmp_path.glob(".out*"))
        return draw(self, size, latents)

    monkeypatch.setattr(Sampler, "draw", watched)
    generate_jets(folder, tmp_path / "out.h5", config(jets=12_000, batch_size=2000), jet_type="q")
    assert len(sizes) == 6
    assert sizes[-1] > sizes[1] + 1e6


@pytest.mark.parametrize("place", ["file/out.h5", "folder.h5"])
def test_an_output_that_cannot_be_written_is_named(folder, tmp_path, place):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(HyperVAEError, match=f"{place}: output: found"):
        generate_jets(folder, tmp_path / place, config(), jet_type="q")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.h5", "model"]


def test_progress_is_shown(folder, tmp_path, capsys):
    generate_jets(folder, tmp_path / "out.h5", config(), jet_type="q")
    assert "generate q: 70 of 70 jets" in capsys.readouterr().err


def test_the_command(folder, tmp_path):
    output = tmp_path / "o.h5"
    arguments = ["generate", "--model", str(folder), "--output", str(output), "--threads", "1"]
    done = CliRunner().invoke(cli, [*arguments, "--jet-type", "q", "--jets", "5"])
    assert done.exit_code == 0
    assert f"{output}: 5 jets, 0 of them drawn again" in done.output
    with ShardReader(output, "q") as reader:
        assert reader.n_jets == 5
    mixed = ["--jets", "40", "--mix", "{q: 0.5, g: 0.5}", "--temperature", "0.5"]
    done = CliRunner().invoke(cli, [*arguments, *mixed])
    assert done.exit_code == 0
    with TypedReader(output) as reader:
        assert set(reader.types(0, 40)) == {JET_TYPES["g"], JET_TYPES["q"]}


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ("{q: -1}", r"mix\.q: found -1\.0 .*expected at least 0"),
        ("{top: 1}", r"mix\.top: unknown name; expected one of g, q"),
        ("q", r"--mix: found 'q', expected e\.g\. q=0\.5"),
        ("{q", r"--mix: found '\{q'"),
    ],
)
def test_a_mix_that_is_none_is_named(folder, tmp_path, mix, message):
    arguments = ["--model", str(folder), "--output", str(tmp_path / "o.h5"), "--mix", mix]
    with pytest.raises(ConfigError, match=message):
        cli.main(["generate", *arguments], standalone_mode=False)

"""The weights that come along: each loads, makes jets of its type, and says how good it is."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from hypervae import HyperVAE
from hypervae.checks.files import check_file
from hypervae.cli import cli
from hypervae.config import resolve_section
from hypervae.errors import ConfigError
from hypervae.formats.shard import ShardReader
from hypervae.generation.generate import generate_jets
from hypervae.model.pretrained import pretrained_folder, pretrained_types
from hypervae.model.sampling_config import SamplingConfig

#: Range of the median mass [GeV] of simulated jets of each type at a pT of 1 TeV.
MEDIAN_MASSES = {"g": (80, 130), "q": (40, 85), "t": (120, 185), "w": (70, 95), "z": (80, 105)}


def test_there_is_a_model_of_each_type():
    assert pretrained_types() == sorted(MEDIAN_MASSES)


@pytest.mark.parametrize("jet_type", sorted(MEDIAN_MASSES))
def test_jets_are_those_of_the_type_and_end_at_their_radius(jet_type):
    jets = HyperVAE.pretrained(jet_type).generate(400, seed=3)
    low, high = MEDIAN_MASSES[jet_type]
    assert low < np.median(jets.jet_features[:, 2]) < high
    assert 800 < np.median(jets.jet_features[:, 0]) < 1300
    particles = jets.particle_features
    far = np.hypot(particles[..., 0], particles[..., 1]) > 0.45
    assert (far & (particles[..., 3] > 0)).any(1).mean() < 0.1
    again = HyperVAE.pretrained(jet_type).generate(400, seed=3)
    np.testing.assert_array_equal(again.particle_features, particles)


@pytest.mark.parametrize("jet_type", sorted(MEDIAN_MASSES))
def test_the_card_has_the_figures(jet_type):
    folder = pretrained_folder(jet_type)
    text = (folder / "card.md").read_text(encoding="utf-8")
    steps = json.loads((folder / "config.json").read_text())["training"]["config"]["steps"]
    for word in ("W1M", "tau32", "deviation of E2C", "AUC", "Not to be used", f"{steps:,} steps"):
        assert word in text
    assert "{" not in text


def test_the_command_line_takes_a_type_in_place_of_a_folder(tmp_path):
    output = tmp_path / "jets.h5"
    arguments = ["generate", "--pretrained", "t", "--jets", "20", "--output", str(output)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    check_file(output)
    with ShardReader(output, "t") as reader:
        assert len(reader.read()) == 20


@pytest.mark.parametrize("given", [[], ["--pretrained", "t", "--model", "folder"]])
def test_one_of_model_and_pretrained_is_needed(tmp_path, given):
    output = tmp_path / "jets.h5"
    result = CliRunner().invoke(cli, ["generate", *given, "--output", str(output)])
    assert isinstance(result.exception, ConfigError)
    assert "--model" in str(result.exception)
    assert "--pretrained" in str(result.exception)
    assert not output.exists()


def test_types_without_weights_are_refused():
    with pytest.raises(ConfigError, match="found 'b', expected g or "):
        HyperVAE.pretrained("b")


def test_networks_in_bfloat16_move_jets_a_little(tmp_path):
    """The scaffold is the same: jet, multiplicity; particles are where they were, nearly."""
    made = {}
    for precision in ("32-true", "bf16-mixed"):
        settings = {"jets": 50, "device": "cpu", "flow_precision": precision}
        path = tmp_path / f"{precision}.h5"
        generate_jets(pretrained_folder("t"), path, resolve_section("generate", settings))
        with ShardReader(path) as reader:
            made[precision] = reader.read()
            assert json.loads(reader.attributes["settings"])["flow_precision"] == precision
    exact, rounded = made.values()
    np.testing.assert_allclose(rounded.jet_features, exact.jet_features, rtol=1e-5)
    np.testing.assert_array_equal(rounded.multiplicity, exact.multiplicity)
    # sorted by ptrel, which rounding may swap: widths of jets stand for where particles are
    widths = [
        np.hypot(*np.moveaxis(jets.particle_features[..., :2], -1, 0)).sum(1)
        for jets in (exact, rounded)
    ]
    away = np.abs(widths[1] / widths[0] - 1)
    assert 0 < away.mean() < 0.01
    assert np.abs(rounded.particle_features - exact.particle_features).max() > 1e-5


def test_a_precision_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"precision: found 'half', expected one of 32-true, bf"):
        SamplingConfig(precision="half")

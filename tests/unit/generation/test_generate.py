import json

import numpy as np
import pytest

from hypervae.cli import cli
from hypervae.config import resolve_section
from hypervae.correlators.stage import compute_correlators
from hypervae.data.shard import ShardReader
from hypervae.errors import HyperVAEError, InputError
from hypervae.generation.generate import generate_jets
from hypervae.validation.validate import validate_file
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
    assert json.loads(attributes["settings"])["temperature"] == 1.0
    assert "torch" in json.loads(attributes["versions"])
    expected = model.generate(70, seed=4, jet_type=jet_type)
    np.testing.assert_allclose(jets.particle_features, expected.particle_features, atol=1e-5)
    np.testing.assert_allclose(jets.jet_features, expected.jet_features, rtol=1e-5)
    assert any(f"70 jets, type {jet_type}" in line for line in validate_file(tmp_path / "out.h5"))


def test_a_generated_file_goes_through_the_next_stage(folder, tmp_path):
    generate_jets(folder, tmp_path / "out.h5", config(), jet_type="g")
    settings = resolve_section("correlators", CORRELATORS)
    compute_correlators(tmp_path / "out.h5", tmp_path / "c.h5", settings)
    assert "70 jets, type g" in validate_file(tmp_path / "c.h5")[0]


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


def test_the_command(folder, tmp_path):
    arguments = ["generate", "--model", str(folder), "--output", str(tmp_path / "o.h5")]
    cli.main([*arguments, "--jet-type", "q", "--jets", "5"], standalone_mode=False)
    with ShardReader(tmp_path / "o.h5", "q") as reader:
        assert reader.n_jets == 5

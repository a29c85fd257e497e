"""Trained models learn from further jets which draws to keep, and stay what they are otherwise."""

import json

import pytest
import torch

from benchmarks import refine
from hypervae.errors import ConfigError
from hypervae.model import HyperVAE
from hypervae.training.run import TrainingFiles, train
from tests.unit.chain import MODEL


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["refine", *map(str, arguments)])
    refine.main()


def test_only_the_acceptance_is_new(chain, train_config, tmp_path, monkeypatch, capsys):
    models = tmp_path / "models"
    section = {**MODEL, "decoder": "hierarchical", "prior": "gaussian"}
    config = train_config(epochs=1, model=section)
    files = TrainingFiles(*chain.of("g"))
    train(files, models / "g", tmp_path / "checkpoints", config, jet_types=["g"])
    (tmp_path / "jets" / "g").mkdir(parents=True)
    shards = chain.of("g")[0]
    for number, shard in enumerate(shards):
        (tmp_path / "jets" / "g" / f"{number}.h5").symlink_to(shard)
    options = ("--data", tmp_path / "jets", "--steps", 5, "--networks", 2, "--seed", 3)
    run(monkeypatch, models, "--target", tmp_path / "new", *options)
    gain = json.loads(capsys.readouterr().out)["g"]
    old, new = HyperVAE.load(models / "g"), HyperVAE.load(tmp_path / "new" / "g")
    assert old.acceptance is None
    assert len(new.acceptance.networks) == 2
    states = old.state_dict(), new.state_dict()
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, rtol=0, atol=0, equal_nan=True)
    about = json.loads((tmp_path / "new" / "g" / "config.json").read_text())["training"]
    known = json.loads((models / "g" / "config.json").read_text())["training"]
    jets = sum(refine.read(shard).particle_features.shape[0] for shard in shards)
    found = {"jets": jets, "seed": 3, "steps": 5, "gain": gain}
    assert about == {**known, "acceptance": found}
    with pytest.raises(ConfigError, match="which models reads"):
        run(monkeypatch, models, "--target", models, *options)
    with pytest.raises(SystemExit, match="found no shard"):
        run(monkeypatch, models, "--target", tmp_path / "other", "--data", tmp_path / "none")

"""A training that starts from the weights of another."""

import dataclasses
import json

import pytest
import torch

from hypervae.errors import InputError
from hypervae.model import HyperVAE
from hypervae.normalization.continuation import check_features, check_particles
from hypervae.training.run import TrainingFiles, train
from tests.unit.chain import MODEL


@pytest.fixture
def start(chain, train_config, tmp_path):
    """Train on the jets of a type, or of both."""

    def start(name, jet_type="g", init_from=None, **changes):
        files = (chain.shards, chain.correlators, chain.normalization)
        types = ["g", "q"] if jet_type == "gq" else [jet_type]
        chosen = files if jet_type == "gq" else chain.of(jet_type)
        return train(
            TrainingFiles(*chosen, init_from),
            tmp_path / name,
            tmp_path / "checkpoints",
            train_config(**{"epochs": 1, "ema": 0, **changes}),
            jet_types=types,
        )

    return start


def about(folder):
    return json.loads((folder / "config.json").read_text())


def test_weights_scales_and_tables_are_where_it_starts(start, chain, tmp_path, monkeypatch):
    fitted = []
    monkeypatch.setattr(HyperVAE, "fit_decoder", lambda model, batches: fitted.append(model))
    first = start("first")
    still = {"learning_rate": 1e-12, "weight_decay": 0.0, "seed": 5}
    start("second", "q", tmp_path / "first", **still)
    assert len(fitted) == 1  # the tables come with the weights
    second = HyperVAE.load(tmp_path / "second")
    for name, value in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, msg=name)
    assert second.jet_types == ("q",)
    assert second.normalization.momentum_scale == first.normalization.momentum_scale
    assert (second.normalization.edge.offset == first.normalization.edge.offset).all()
    # what it has seen is known
    assert second.normalization.contents == chain.merged.contents
    assert first.normalization.contents < second.normalization.contents
    assert second.normalization.digest != first.normalization.digest


def test_other_weights_make_another_run(start, tmp_path):
    start("first")
    start("other", seed=2)
    found = set()
    for name, origin in (("a", None), ("b", "first"), ("c", "other/weights.safetensors")):
        start(name, init_from=origin and tmp_path / origin, seed=3)
        found.add(about(tmp_path / name)["training"]["fingerprint"])
    assert len(found) == 3


def test_another_architecture_is_refused_with_both_values(start, tmp_path):
    start("first")
    with pytest.raises(InputError, match=r"config\.json: model\.blocks: found 1, expected 2"):
        start("second", init_from=tmp_path / "first", model={**MODEL, "blocks": 2})
    start("third", init_from=tmp_path / "first", model={**MODEL, "dropout": 0.1})


def test_an_acceptance_is_fitted_anew_whatever_the_weights_have(start, tmp_path):
    fitted = {**MODEL, "prior": "gaussian"}
    quick = {"acceptance_steps": 3}
    start("without", model=fitted, **quick)
    first = start(
        "first", init_from=tmp_path / "without", model={**fitted, "prior_acceptance": 2}, **quick
    )
    second = start(
        "second", init_from=tmp_path / "first", model={**fitted, "prior_acceptance": 3}, **quick
    )
    assert [len(model.acceptance.networks) for model in (first, second)] == [2, 3]
    third = start("third", init_from=tmp_path / "first", model=fitted, **quick)
    assert third.acceptance is None
    assert HyperVAE.load(tmp_path / "third").acceptance is None


def test_other_types_are_refused(start, tmp_path):
    start("first")
    with pytest.raises(InputError, match="jet_types: found g, expected g, q"):
        start("second", "gq", tmp_path / "first")


def test_a_folder_without_a_model_is_named(start, tmp_path):
    with pytest.raises(InputError, match=r"nothing/config\.json: model: found no such file"):
        start("second", init_from=tmp_path / "nothing")


def test_jets_that_were_split_otherwise_are_refused(normalization):
    settings = normalization.settings
    other = settings.replace(split={**settings.split.to_dict(), "seed": 7})
    here = dataclasses.replace(normalization, settings=other)
    with pytest.raises(InputError, match=r"split: .* held out here"):
        check_particles(normalization, here, "model")
    # of other jets nothing was seen
    check_particles(normalization, dataclasses.replace(here, contents=frozenset({"x"})), "model")


def test_other_particles_and_features_are_refused(normalization):
    here = dataclasses.replace(normalization, max_particles=7)
    with pytest.raises(InputError, match=r"max_particles: found 12, expected 7"):
        check_particles(normalization, here, "model")
    here = dataclasses.replace(normalization, settings=normalization.settings.replace(bins=30))
    with pytest.raises(InputError, match="bins: found 20, expected 30 as here"):
        check_features(normalization, here, "model")
    here = dataclasses.replace(normalization, method="minmax")
    with pytest.raises(InputError, match="method: found zscore, expected minmax"):
        check_features(normalization, here, "model")

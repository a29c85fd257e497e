"""A model's entry may give keys of further sections, which count for this model alone."""

import copy

import pytest

from hypervae.config import resolve_config, sections_of_model
from hypervae.errors import ConfigError

CONFIG = {
    "data": {"jet_types": {"g": {"source": "pythia"}, "q": {"source": "pythia"}}},
    "train": {"epochs": 3, "loss_weights": {"kl": 0.5}},
    "generate": {"mix": {"g": 1, "q": 1}},
    "models": {"gluons": {"jet_types": ["g"]}, "all": {"jet_types": ["g", "q"]}},
}


def resolved(**entry):
    config = copy.deepcopy(CONFIG)
    config["models"]["all"] |= entry
    return resolve_config(config)


def test_keys_of_an_entry_count_for_its_model_alone():
    config = resolved(
        model={"latent_dim": 64},
        train={"loss_weights": {"edge": 0.0}},
        generate={"mix": {"q": 1}},
        hyperedges={"max_particles": 10},
    )
    own, others = sections_of_model(config, "all"), sections_of_model(config, "gluons")
    assert own.model == config.model.replace(latent_dim=64)
    # keys within keys, and those that the whole config gives, stay
    assert own.train.loss_weights == config.train.loss_weights.replace(edge=0.0)
    assert (own.train.epochs, own.train.loss_weights.kl) == (3, 0.5)
    assert own.generate.mix == {"q": 1}  # a value, not a section
    assert own.hyperedges.max_particles == 10
    for name in ("hyperedges", "model", "train", "generate"):
        assert getattr(others, name) == getattr(config, name)


def test_an_entry_shows_only_what_it_gives():
    entry = resolved(model={"latent_dim": 64}).to_dict()["models"]
    assert entry == {
        "gluons": {"jet_types": ["g"]},
        "all": {"jet_types": ["g", "q"], "model": {"latent_dim": 64}},
    }


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"model": {"latent_dim": "many"}},
            r"config: models\.all\.model\.latent_dim: found \"many\" \(text\), expected integer$",
        ),
        (
            {"model": {"latent_dims": 3}},
            r"models\.all\.model\.latent_dims: unknown key, .*did you mean 'latent_dim'",
        ),
        ({"train": {"loss_weights": {"kl": -1}}}, r"models\.all\.train\.loss_weights\.kl: found"),
        ({"model": {"references": ["axis"]}}, r"models\.all\.model\.references: found \['axis'\]"),
        ({"model": 3}, r"models\.all\.model: found 3 \(integer\), expected object"),
        (
            {"hyperedges": {"orders": [5]}},
            r"models\.all\.hyperedges\.orders: found 5, expected orders among correlators\.orders",
        ),
        ({"evaluate": {"seed": 3}}, r"models\.all\.evaluate: unknown key"),
        (
            {"weights": "w", "train": {"epochs": 3}},
            r"models\.all\.train: found .*, expected none beside weights",
        ),
        (
            {"weights": "w", "init_from": "v"},
            r"models\.all\.init_from: found \"v\" \(text\), expected none beside weights",
        ),
    ],
)
def test_a_mistake_is_named_with_its_model(entry, message):
    with pytest.raises(ConfigError, match=message):
        resolved(**entry)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        resolved(model={"blocks": 0}, train={"epochs": -1})
    assert [line.split(":")[1].strip() for line in str(caught.value).splitlines()] == [
        "models.all.model.blocks",
        "models.all.train.epochs",
    ]

"""Sweep files: what is wrong is said when they are read; rungs, configs of trials, objectives."""

import pytest
import yaml

from hypervae.config.keys import keys_of
from hypervae.config.sweep import SweepConfig
from hypervae.errors import ConfigError
from hypervae.sweep.objective import NoObjective, objective_of
from hypervae.sweep.plan import read_sweep
from tests.unit.sweep.conftest import ROOT

WRONG = {
    "unknown key": ({"trails": 3}, r"trails: unknown key, .*did you mean 'trials'"),
    "range": ({"parallel": 0}, r"parallel: found 0 \(integer\), expected at least 1"),
    "sampler": ({"sampler": "best"}, r"sampler: found \"best\" \(text\), expected one of grid, ra"),
    "no such key of model": (
        {"parameters": {"model.latent": [1]}},
        r"parameters\.model\.latent: unknown key, .*did you mean 'model\.latent_dim'",
    ),
    "not model, train, generate": (
        {"parameters": {"correlators.bins": [1]}},
        r"parameters\.correlators\.bins: unknown key, expected one of model, train, generate",
    ),
    "a value that the key refuses": (
        {"parameters": {"model.blocks": [1, -2]}},
        r"parameters\.model\.blocks: found -2 \(integer\), expected at least",
    ),
    "an end that the key refuses": (
        {"parameters": {"train.learning_rate": {"low": -1, "high": 1}}, "sampler": "tpe"},
        r"parameters\.train\.learning_rate: found -1\.0 \(number\), expected more than 0",
    ),
    "a range of names": (
        {"parameters": {"train.schedule": {"low": 1, "high": 2}}},
        r"parameters\.train\.schedule: found a range, expected a list of values",
    ),
    "low above high": (
        {"parameters": {"model.blocks": {"low": 3, "high": 1}}},
        r"parameters\.model\.blocks: found low 3, high 1, expected low < high",
    ),
    "an unknown part of a range": (
        {"parameters": {"model.blocks": {"low": 1, "high": 3, "most": 2}}},
        r"parameters\.model\.blocks\.most: unknown key, expected one of low, high, log, step",
    ),
    "a grid without steps": (
        {"parameters": {"train.learning_rate": {"low": 0.1, "high": 1}}},
        r"parameters\.train\.learning_rate: found a range without a step",
    ),
    "metric and floors": (
        {"objective": {"metric": "w1m", "floors": ["w1p"]}},
        r"objective\.metric: found metric 'w1m' and floors \['w1p'\], expected one of the two",
    ),
    "no such metric": (
        {"objective": {"metric": "w2m"}},
        r"objective\.metric: found \"w2m\" \(text\), expected one of",
    ),
    "a metric that is not computed": (
        {"objective": {"metric": "auc"}},
        r"objective\.metric: found 'auc', expected one that evaluate\.metrics of the config",
    ),
    "no such model": ({"model": "g"}, r"model: found 'g', expected one of q, t"),
    "which model": ({"model": ""}, r"model: found '', expected one of q, t"),
    "halving that is none": (
        {"halving": {"epochs": 2}},
        r"halving\.epochs: found 2, expected fewer than train\.epochs, 2",
    ),
    "halving beside epochs": (
        {"halving": {"epochs": 1}, "parameters": {"train.epochs": [1, 2]}},
        r"parameters\.train\.epochs: found beside halving, expected none",
    ),
    "a signal before the job": (
        {"slurm": {"time": 1, "signal_seconds": 60}},
        r"slurm\.signal_seconds: found 60, expected less than slurm\.time, 60 s",
    ),
    "no config": ({"config": "no.yaml"}, r"no\.yaml: found no such file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_with_file_and_key(project, name):
    changes, expected = WRONG[name]
    with pytest.raises(ConfigError, match=expected) as error:
        read_sweep(project.write(**changes))
    assert str(error.value).startswith(str(project.folder / "sweep.yaml") + ": ")
    assert "\n" not in str(error.value)


def test_several_mistakes_are_said_at_once(project):
    parameters = {"model.latent": [1], "model.blocks": [-1]}
    with pytest.raises(ConfigError, match=r"(?s)model\.blocks: found -1.*model\.latent: unknown"):
        read_sweep(project.write(parameters=parameters))


def test_rungs(project):
    config = yaml.safe_load((project.folder / "tiny.yaml").read_text())
    config["train"] = {"epochs": 20, "steps": 7}
    (project.folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    sweep = {"sampler": "random", "trials": 10}
    assert read_sweep(project.write(**sweep)).rungs() == [(10, 0)]
    plan = read_sweep(project.write(**sweep, halving={"epochs": 2, "factor": 3}))
    assert plan.rungs() == [(10, 2), (3, 6), (1, 18), (1, 20)]
    assert plan.config_of({}, 6)["models"]["t"]["train"] == {"epochs": 6, "steps": 0}


def test_config_files_are_merged_and_the_model_keeps_its_own_keys(project):
    own = {"models": {"t": {"jet_types": ["t"], "train": {"loss_weights": {"kl": 0.5}}}}}
    (project.folder / "own.yaml").write_text(yaml.safe_dump(own))
    name = "train.loss_weights.latent_moments"
    plan = read_sweep(
        project.write(
            config=["tiny.yaml", "own.yaml"], parameters={"train.loss_weights.kl": [1, 2]}
        )
    )
    assert name not in plan.space.names
    entry = plan.config_of({"train.loss_weights.kl": 2, "generate.jets": 7})["models"]["t"]
    assert entry["train"] == {"loss_weights": {"kl": 2}}
    assert entry["generate"] == {"jets": 7}
    assert "q" in plan.base["models"]


def result(jet_type, **metrics):
    numbers = {
        name: {"value": value, "error": 0.1, "floor": floor, "floor_error": 0.01}
        for name, (value, floor) in metrics.items()
    }
    return {"jet_type": jet_type, "metrics": numbers, "unavailable": {"fpd": "too few jets"}}


def test_the_objective_is_a_distance_or_a_sum_of_floors_and_a_mean_of_types(project):
    def config(**objective):
        return read_sweep(project.write(objective=objective)).config.objective

    two = [result("q", w1m=(3.0, 1.0), w1p=(4.0, 2.0)), result("t", w1m=(5.0, 1.0), w1p=(2.0, 2.0))]
    assert objective_of(config(metric="w1m"), two) == 4.0
    assert objective_of(config(floors=["w1m", "w1p"]), two) == pytest.approx((5 + 6) / 2)
    with pytest.raises(NoObjective, match="fpd of q jets: too few jets"):
        objective_of(config(floors=["w1m", "fpd"]), two)
    overlap = [result("q", overlap_jet_mass=(0.9, 0.99))]
    overlap[0]["metrics"]["overlap_jet_mass"]["higher_is_better"] = True
    known = list(overlap[0]["metrics"])
    assert objective_of(config(metric="w1m").replace(metric=known[0]), overlap) == pytest.approx(
        0.1
    )


def test_the_example_is_right_and_the_page_has_every_key():
    page = (ROOT / "docs/how-to/sweep.md").read_text()
    for key in keys_of(SweepConfig):
        assert f"`{key.name}`" in page, key.name


def test_the_example_of_the_project_can_be_read(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = read_sweep("config/sweep.yaml")
    assert plan.rungs()[0][0] == plan.config.trials

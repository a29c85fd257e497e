"""Samplers, asked and told without jobs: by a study opened anew each time, as after kills."""

import pytest

from hypervae.sweep.plan import read_sweep
from hypervae.sweep.samplers.registry import SAMPLERS
from hypervae.sweep.store import Outcome, Store

PARAMETERS = {
    "train.learning_rate": {"low": "1e-4", "high": 1e-2, "log": True},
    "train.loss_weights.kl": {"low": 0.0, "high": 1.0},
    "model.latent_dim": [4, 8],
}
STEPS = {"model.latent_dim": [4, 8], "model.blocks": {"low": 1, "high": 5, "step": 2}}


def asked(project, trials, reopen, **sweep):
    plan = read_sweep(project.write(trials=trials, **sweep))
    store = Store(project.sweep, plan)
    for number in range(trials):
        if reopen:
            store = Store(project.sweep, plan)
        trial = store.ask()
        value = float(number % 3)
        store.tell(trial, Outcome("done", value, {}))
        store.tell(trial, Outcome("done", value, {}))
    return [trial.values for trial in Store(project.sweep, plan).trials]


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "grid"])
def test_values_lie_in_their_ranges_and_do_not_come_again(project, sampler):
    values = asked(project, 12, True, sampler=sampler, parameters=PARAMETERS)
    # the first ten are drawn; later ones of a genetic algorithm may have a parent's value
    assert len({one["train.learning_rate"] for one in values}) >= 10
    assert all(1e-4 <= one["train.learning_rate"] <= 1e-2 for one in values)
    assert {one["model.latent_dim"] for one in values} == {4, 8}


@pytest.mark.parametrize("sampler", ["random", "tpe", "qmc"])
def test_values_do_not_depend_on_restarts(project, sampler, tmp_path):
    first = asked(project, 12, True, sampler=sampler, parameters=PARAMETERS)
    project.sweep = tmp_path / "again"
    assert asked(project, 12, False, sampler=sampler, parameters=PARAMETERS) == first


def test_a_grid_has_each_point_once(project):
    plan = read_sweep(project.write(parameters=STEPS))
    assert plan.trials == 6
    values = asked(project, 6, True, parameters=STEPS)
    points = {(one["model.latent_dim"], one["model.blocks"]) for one in values}
    assert points == {(dim, blocks) for dim in (4, 8) for blocks in (1, 3, 5)}
    assert len(plan.space.points()) == 6


def test_what_was_asked_and_not_kept_is_forgotten(project):
    plan = read_sweep(project.write(sampler="random", parameters=PARAMETERS))
    store = Store(project.sweep, plan)
    store.study.ask(plan.space.distributions)  # and killed before it is written
    (project.sweep / "trials" / "0000").mkdir(parents=True)
    again = Store(project.sweep, plan)
    assert again.ask().number == 0
    assert [trial.state.name for trial in again.study.trials] == ["FAIL", "RUNNING"]

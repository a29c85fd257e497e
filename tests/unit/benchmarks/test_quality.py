"""The benchmark of the jets' quality: a joint model has a line of each type, at the size asked."""

import argparse

import pytest
import yaml

from benchmarks import budget, quality
from hypervae.formats.shard_writer import write_shard
from tests.unit.chain import small_jets

TYPES, JETS = ("g", "q"), 60
RECIPE = {
    "model": {
        "decoder": "hierarchical",
        "prior": "gaussian",
        "latent_dim": 0,
        "hidden": 8,
        "hierarchical": {"width": 8, "blocks": 1, "heads": 1},
    },
    "train": {"batch_size": 16, "monitor_every": 0, "loss_weights": {"edge": 0, "hyperedge": 0}},
}


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "SHARD", JETS)
    monkeypatch.setattr(budget, "WARM", 1)
    monkeypatch.setattr(budget, "TIMED", 1)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    found = argparse.Namespace(
        **{"pretrained": False, "models": None, "joint": True, "seed": 3, "cores": 1},
        **{"cpu_seconds": 0.1, "recipe": tmp_path / "recipe.yaml", "evaluations": 1},
        **{"shards": 6, "particles": quality.PARTICLES, "data": tmp_path},
    )
    folder = quality.data_folder(found, tmp_path)
    for number, jet_type in enumerate(TYPES):
        (folder / jet_type).mkdir(parents=True)
        for shard in range(found.shards):
            jets = small_jets(JETS, seed=10 * number + shard)
            jets.jet_type = jet_type
            write_shard(folder / jet_type / f"{shard}.h5", jets, source="test")
    return found


def test_a_joint_model_is_trained_once_and_scored_for_each_type(options, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    folder = quality.data_folder(options, tmp_path)
    models = quality.trained(TYPES, folder, work, options)
    assert list(models) == list(TYPES)
    assert models["g"].folder == models["q"].folder
    assert models["g"].cpu_seconds > 0

    scores, about = quality.measure("q", folder, models["q"].folder, options)
    assert about["generated"] == 2 * JETS
    assert {"w1m", "tau32", "deviation_e3c", "fpd", "fpd_truth", "auc"} <= set(scores)
    assert all(len(value) == 2 for value in scores.values())


def test_weights_that_saw_none_of_the_jets_are_compared_with_all_of_them(options, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    folder = quality.data_folder(options, tmp_path)
    model = quality.trained(TYPES, folder, work, options)["g"].folder
    options.pretrained = True
    assert quality.measure("g", folder, model, options)[1]["generated"] == 6 * JETS


@pytest.mark.parametrize(
    ("passes", "networks"), [(1, 1), (44, 1), (46, 2), (100, 3), (240, 8), (3000, 8)]
)
def test_what_a_network_would_learn_by_heart_goes_into_further_ones(
    options, tmp_path, passes, networks
):
    shards = [quality.data_folder(options, tmp_path) / "g" / f"{shard}.h5" for shard in range(4)]
    steps = round(passes * 0.95 * 4 * JETS / 256)
    assert budget.networks_for(steps, shards) == networks


def test_other_numbers_of_particles_have_a_folder_of_their_own(options, tmp_path):
    assert quality.data_folder(options, tmp_path).name == "3"
    options.particles = 150
    assert quality.data_folder(options, tmp_path).name == "3-150"


@pytest.mark.parametrize(
    ("of_a_step", "acceptance", "prior"), [(0.005, 500, 1400), (0.02, 225, 1000), (1.0, 4, 1100)]
)
def test_a_slow_machine_leaves_the_prior_half_of_its_time(of_a_step, acceptance, prior):
    rates = budget.Rates()
    rates.prior, rates.acceptance, rates.drawing = 0.02, of_a_step, 1.0 / budget.DRAWN
    # 40 s, of which all draws take 2: the acceptance's four networks may have 18 of the rest
    assert budget.shared(40.0, rates, 500, 4, 2.0) == (prior, acceptance)


def test_a_budget_has_a_step_of_each_at_least():
    rates = budget.Rates()
    rates.prior = rates.acceptance = 0.02
    rates.drawing = 100.0
    assert budget.shared(40.0, rates, 500, 4, 2.0) == (1, 1)
    assert budget.shared(40.0, rates, 500, 0, 0.0) == (2000, 500)


@pytest.mark.parametrize(("monitor", "every"), [("total", 0), ("w1m", 5)])
def test_jets_are_generated_amid_a_training_where_they_choose_its_epoch(
    monitor, every, options, tmp_path, monkeypatch
):
    configs, really = [], budget.train

    def recorded(files, folder, checkpoints, config, observers):
        configs.append(config)
        really(files, folder, checkpoints, config, observers=observers)

    monkeypatch.setattr(budget, "train", recorded)
    shards = [quality.data_folder(options, tmp_path) / "g" / f"{shard}.h5" for shard in range(2)]
    train = {**RECIPE["train"], "monitor": monitor, "monitor_every": 5, "monitor_jets": 50}
    model = {**RECIPE["model"], "prior_acceptance": 2}
    work = tmp_path / "fit"
    work.mkdir()
    budget.fit(shards, work, {"model": model, "train": train}, 0.1, seed=1)
    short, whole = configs
    assert short.monitor_every == 0
    assert (whole.monitor, whole.monitor_every) == (monitor, every)
    # a budget that is spent before it begins leaves one step of each
    assert (short.acceptance_steps, whole.acceptance_steps) == (budget.WARM + budget.TIMED, 1)
    assert (short.model.prior_acceptance, whole.model.prior_acceptance) == (1, 2)

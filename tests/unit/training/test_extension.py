"""More epochs of a training that has ended."""

import json
import re
import shutil

import pytest

from hypervae.training.extension import find_shorter, why_not
from tests.unit.training.test_trainer import STEPS, Steps, assert_equal_runs, history

#: Nothing depends on how far the training is.
CONSTANT = {
    "schedule": "constant",
    "warmup": 0.0,
    "kl_warmup": 0.0,
    "gumbel_temperature": [0.7, 0.7],
    "monitor_every": 1,
}


def steps_of(run, name, **changes):
    """Numbers of the steps that a run takes."""
    steps = Steps()
    run(name, "checkpoints", watch=[steps], **changes)
    return steps.taken


def test_more_epochs_at_a_constant_rate_are_those_of_one_run(run, tmp_path, caplog):
    caplog.set_level("INFO", "hypervae")
    assert steps_of(run, "first", epochs=1, **CONSTANT) == list(range(STEPS))
    assert steps_of(run, "more", epochs=2, **CONSTANT) == list(range(STEPS, 2 * STEPS))
    assert "going on from 1 epochs of the same run" in caplog.text
    run("whole", "elsewhere", epochs=2, **CONSTANT)
    assert_equal_runs("whole", "more", tmp_path)
    # again: it is finished, and not that of one epoch
    assert steps_of(run, "again", epochs=2, **CONSTANT) == []


def test_a_rate_that_came_down_starts_over_and_says_why(run, tmp_path, caplog):
    caplog.set_level("INFO", "hypervae")
    run("first", epochs=1)
    assert steps_of(run, "more", epochs=2) == list(range(2 * STEPS))
    assert "with schedule cosine its learning rate has come down to a hundredth" in caplog.text
    assert "train.extend: always" in caplog.text


def test_going_on_can_be_asked_for_and_ruled_out(run, tmp_path, caplog):
    caplog.set_level("INFO", "hypervae")
    run("first", epochs=1)
    assert steps_of(run, "more", epochs=2, extend="always") == list(range(STEPS, 2 * STEPS))
    assert "although with schedule cosine" in caplog.text
    assert [row["epoch"] for row in history(tmp_path / "more")] == [1, 2]
    never = {"extend": "never", **CONSTANT}
    run("a", epochs=1, **never)
    assert steps_of(run, "b", epochs=2, **never) == list(range(2 * STEPS))


@pytest.mark.parametrize(
    ("changes", "before", "reason"),
    [
        ({"schedule": "constant", "warmup": 0.05}, 9, ""),
        ({"schedule": "constant", "warmup": 0.0}, 1, ""),
        ({"schedule": "constant", "warmup": 0.5}, 4, "the warm-up of the longer run is 0.5"),
        ({"schedule": "cosine"}, 9, "schedule cosine its learning rate has come down"),
        ({"schedule": "linear"}, 9, "schedule linear .* down to 0"),
    ],
)
def test_which_schedules_allow_it(train_config, changes, before, reason):
    found = why_not(train_config(epochs=10, **changes), before)
    assert bool(found) == bool(reason)
    assert re.search(reason, found)


def test_only_a_run_that_differs_in_nothing_else_is_found(tmp_path):
    def name_of(config):
        return f"run-{config['epochs']}-{config['seed']}"

    def made(epochs, seed, settings=None):
        folder = tmp_path / f"run-{epochs}-{seed}"
        folder.mkdir()
        (folder / "last.ckpt").touch()
        content = json.dumps({"config": {"epochs": epochs, "seed": seed, "extend": "auto"}})
        (folder / "run.json").write_text(content if settings is None else settings)
        return folder

    decided = {"epochs": 10, "seed": 1, "extend": "always"}
    here = tmp_path / name_of(decided)
    assert find_shorter(here, decided, name_of) is None
    made(3, 2)  # another seed
    made(20, 1)  # longer
    made(7, 1, settings='{"config": ')  # killed
    made(8, 1, settings='{"config": {"epochs": "8", "extend": "auto"}}')
    assert find_shorter(here, decided, name_of) is None
    shorter = made(5, 1)
    made(4, 1)
    assert find_shorter(here, decided, name_of) == (shorter, 5)
    (shorter / "last.ckpt").unlink()
    assert find_shorter(here, decided, name_of) == (tmp_path / "run-4-1", 4)
    shutil.rmtree(tmp_path / "run-4-1")
    assert find_shorter(here, decided, name_of) is None

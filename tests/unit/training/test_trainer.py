import csv
import json
import math
import os
import random
import re
import signal
from dataclasses import replace

import psutil
import pytest
import torch

from hypervae.errors import ConfigError, InputError
from hypervae.model import HyperVAE
from hypervae.model.losses.terms import COMMON_TERMS
from hypervae.training import trainer as trainer_module
from hypervae.training.checkpoint import LAST, read_checkpoint
from hypervae.training.generation_check import GenerationCheck
from hypervae.training.interrupt import Interrupted
from hypervae.training.loader import JetLoader
from hypervae.training.observers.interface import Observer
from hypervae.training.workers import WorkerLost
from tests.unit.chain import MODEL

EPOCHS, STEPS = 3, 5  # steps an epoch: 70 training jets in batches of 16
LONG = {"epochs": EPOCHS}


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(file)]


def assert_equal_runs(one, other, tmp_path):
    first, second = history(tmp_path / one), history(tmp_path / other)
    assert len(first) == len(second)
    for row, same in zip(first, second, strict=True):
        for name in row.keys() - {"jets_per_s"}:
            assert row[name] == pytest.approx(same[name], rel=1e-6, abs=1e-9, nan_ok=True), name
    models = [HyperVAE.load(tmp_path / name).state_dict() for name in (one, other)]
    for name, value in models[0].items():
        torch.testing.assert_close(value, models[1][name], rtol=0, atol=1e-6)


class Steps(Observer):
    """Numbers of the optimizer steps that are taken."""

    def __init__(self):
        self.taken = []

    def on_step(self, report):
        self.taken.append(report.step - 1)


def test_training_lowers_the_validation_loss(run, tmp_path):
    model = run(jet_types=["q", "g"], epochs=12, learning_rate=2e-3, ema=0.8)
    rows = history(tmp_path / "model")
    assert [row["epoch"] for row in rows] == list(range(1, 13))
    # the loss of the first epoch is already a trained one; the KL term is validated in full
    assert rows[-1]["val_total"] < 0.9 * rows[0]["val_total"]
    assert rows[-1]["train_total"] < 0.9 * rows[0]["train_total"]
    empty = {"val_w1m", "val_floors", "peak_gpu_memory_mb"}
    assert all(math.isfinite(row[name]) for row in rows for name in row.keys() - empty)
    loaded = HyperVAE.load(tmp_path / "model")
    assert loaded.jet_types == model.jet_types == ("q", "g")
    about = json.loads((tmp_path / "model" / "config.json").read_text())["training"]
    best = min(rows, key=lambda row: row["val_total"])
    assert about["best_epoch"] == best["epoch"]
    assert about["validation_loss"] == pytest.approx(best["val_total"], rel=1e-6)
    assert about["training_jets"] > 0
    # each term is logged, the consistency of edges and hyperedges too
    terms = ("chamfer", *COMMON_TERMS)
    for side in ("train", "val"):
        logged = [name.removeprefix(f"{side}_") for name in rows[0] if name.startswith(side)]
        assert [name for name in logged if name not in ("w1m", "floors")] == [*terms, "total"]
        assert all(row[f"{side}_{term}"] > 0 for row in rows for term in terms)


def test_a_number_of_steps_ends_within_an_epoch(run, tmp_path):
    run("model", "a", steps=2 * STEPS + 2)
    rows = history(tmp_path / "model")
    assert [row["step"] for row in rows] == [STEPS, 2 * STEPS, 2 * STEPS + 2]
    # the schedule ends with the steps, at a hundredth of the peak
    assert rows[-1]["learning_rate"] < 0.1 * rows[0]["learning_rate"]
    assert math.isfinite(rows[-1]["val_total"])


def test_the_same_config_gives_the_same_model(run, tmp_path):
    run("one", "a")
    run("other", "b")
    assert_equal_runs("one", "other", tmp_path)


def test_loader_workers_change_nothing_and_are_gone_at_the_end(run, tmp_path):
    run("one", "a")
    before = set(psutil.Process().children(recursive=True))
    run("other", "b", execution={"workers": 1})
    assert_equal_runs("one", "other", tmp_path)
    left = set(psutil.Process().children(recursive=True)) - before
    # the servers that fork them stay, for later ones
    assert not [p for p in left if p.parent().pid != os.getpid()]


def test_another_seed_gives_another(run, tmp_path):
    run("one", "a")
    run("other", "b", seed=5)
    assert history(tmp_path / "one")[0]["val_total"] != history(tmp_path / "other")[0]["val_total"]


def test_a_run_stopped_again_and_again_equals_an_uninterrupted_one(
    run, stop_at, tmp_path, monkeypatch, caplog
):
    run("whole", "a", **LONG)
    steps = len(history(tmp_path / "whole")) * STEPS
    assert history(tmp_path / "whole")[-1]["step"] == steps
    generator, done, stops = random.Random(5), 0, []
    # after the first step, at the end of an epoch, and at random
    for number in [1, STEPS - 1, *(generator.randrange(1, 3) for _ in range(3))]:
        counted = stop_at(number)
        with pytest.raises(Interrupted, match="SIGTERM"):
            run("parts", "b", **LONG)
        done += len(counted)
        stops.append(done)
        assert not (tmp_path / "parts").exists()
    assert STEPS in stops
    assert done < steps
    monkeypatch.undo()
    run("parts", "b", **LONG)
    assert "resuming after epoch" in caplog.text
    assert_equal_runs("whole", "parts", tmp_path)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGUSR1])
def test_every_signal_saves_and_stops(run, stop_at, tmp_path, kind):
    stop_at(2, kind)
    with pytest.raises(Interrupted, match=kind.name):
        run()
    (folder,) = (tmp_path / "checkpoints").iterdir()
    state = torch.load(folder / LAST, weights_only=True)
    assert (state["epoch"], state["step_in_epoch"]) == (0, 2)


def test_a_corrupt_last_checkpoint_costs_only_the_work_since_the_one_before(
    run, stop_at, tmp_path, monkeypatch
):
    run("whole", "a", **LONG)
    stop_at(STEPS + 2)
    with pytest.raises(Interrupted):
        run("parts", "b", **LONG)
    monkeypatch.undo()
    (folder,) = (tmp_path / "b").iterdir()
    (folder / LAST).write_bytes((folder / LAST).read_bytes()[:1000])
    steps = Steps()
    run("parts", "b", **LONG, watch=[steps])
    assert len(steps.taken) == (EPOCHS - 1) * STEPS
    assert_equal_runs("whole", "parts", tmp_path)


def test_a_finished_run_is_not_trained_again(run, tmp_path, caplog):
    run("one")

    steps = Steps()
    run("other", watch=[steps])
    assert steps.taken == []
    assert "all 2 epochs were trained before" in caplog.text
    assert_equal_runs("one", "other", tmp_path)


def test_another_config_does_not_resume_by_itself_but_by_hand(run, stop_at, tmp_path, monkeypatch):
    stop_at(STEPS + 1)
    with pytest.raises(Interrupted):
        run()
    monkeypatch.undo()
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    steps = Steps()
    run("fresh", learning_rate=2e-3, watch=[steps])
    assert steps.taken == list(range(2 * STEPS))
    steps.taken.clear()
    run("by hand", learning_rate=3e-3, resume=checkpoint, watch=[steps])
    assert steps.taken == list(range(STEPS + 1, 2 * STEPS))
    assert len(history(tmp_path / "by hand")) == 2
    # how a job runs may change between attempts
    steps.taken.clear()
    run("same", execution={"checkpoint_minutes": 3}, watch=[steps])
    assert steps.taken == list(range(STEPS + 1, 2 * STEPS))


def test_a_checkpoint_of_another_model_is_refused(run, tmp_path):
    run(epochs=1)
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    with pytest.raises(InputError, match=LAST):
        run("other", model={**MODEL, "hidden": 24}, resume=checkpoint)


def validation_gives(monkeypatch, total):
    validate = trainer_module.validate

    def changed(*arguments, **options):
        validated = validate(*arguments, **options)
        validated.terms["total"] = total()
        return validated

    monkeypatch.setattr(trainer_module, "validate", changed)


def test_patience_stops_and_a_resumed_run_stops_as_well(run, tmp_path, monkeypatch):
    losses = iter([3.0, 2.0, 5.0, 4.0, 1.0])
    validation_gives(monkeypatch, lambda: next(losses))
    run("one", epochs=5, patience=2)
    assert [row["val_total"] for row in history(tmp_path / "one")] == [3.0, 2.0, 5.0, 4.0]
    about = json.loads((tmp_path / "one" / "config.json").read_text())["training"]
    assert about["best_epoch"] == 2
    run("again", epochs=5, patience=2)
    assert len(history(tmp_path / "again")) == 4


def test_a_checkpoint_holds_no_more_than_the_state(trainer):
    made = trainer()
    made.checkpoints.save(made.checkpoint())
    assert set(made.checkpoints.load()) == set(made.checkpoint()) | {"fingerprint"}


def test_by_hand_a_job_that_is_sent_again_goes_on_from_its_own_work(
    run, stop_at, tmp_path, monkeypatch
):
    stop_at(STEPS + 1)
    with pytest.raises(Interrupted):
        run()
    monkeypatch.undo()
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    stop_at(2)
    with pytest.raises(Interrupted):
        run("by hand", learning_rate=3e-3, resume=checkpoint)
    monkeypatch.undo()
    steps = Steps()
    run("by hand", learning_rate=3e-3, resume=checkpoint, watch=[steps])
    assert steps.taken == list(range(STEPS + 3, 2 * STEPS))
    # another one named takes its place
    steps.taken.clear()
    copy = tmp_path / "copy.ckpt"
    copy.write_bytes(checkpoint.read_bytes())
    run("by hand", learning_rate=3e-3, resume=copy, watch=[steps])
    assert steps.taken == list(range(STEPS + 1, 2 * STEPS))


def test_by_hand_with_other_jets_per_step_no_jet_is_left_out(run, stop_at, tmp_path, monkeypatch):
    stop_at(3)  # 48 jets
    with pytest.raises(Interrupted):
        run()
    monkeypatch.undo()
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    steps = Steps()
    run("by hand", epochs=1, batch_size=20, resume=checkpoint, watch=[steps])
    assert steps.taken == [2, 3]  # from jet 40 of 70 on


def test_by_hand_an_epoch_that_was_over_is_over_with_other_jets_per_step(
    run, stop_at, tmp_path, monkeypatch
):
    stop_at(STEPS)  # 70 jets, though five steps of 16 would have 80
    with pytest.raises(Interrupted):
        run()
    monkeypatch.undo()
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    steps = Steps()
    run("by hand", batch_size=10, resume=checkpoint, watch=[steps])
    assert steps.taken == list(range(7, 14))
    assert [row["step"] for row in history(tmp_path / "by hand")] == [7, 14]


def test_validation_is_left_at_once_and_taken_up_again(run, tmp_path, monkeypatch):
    run("whole", "a")
    calls = []
    validate = trainer_module.validate

    def with_signal(*arguments, **options):
        calls.append(1)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return validate(*arguments, **options)

    monkeypatch.setattr(trainer_module, "validate", with_signal)
    with pytest.raises(Interrupted, match=f"after epoch 0, step {STEPS}"):
        run("parts", "b")
    assert len(calls) == 1
    steps = Steps()
    run("parts", "b", watch=[steps])
    assert steps.taken == list(range(STEPS, 2 * STEPS))
    assert_equal_runs("whole", "parts", tmp_path)


def test_the_best_epoch_may_be_that_of_the_lowest_w1m(run, tmp_path, monkeypatch):
    found = iter([0.5, 0.2, 0.3])
    measure = GenerationCheck.measure

    def changed(self, model):
        return replace(measure(self, model), w1m=next(found))

    monkeypatch.setattr(GenerationCheck, "measure", changed)
    run("model", epochs=6, monitor="w1m", monitor_every=2, monitor_jets=20)
    rows = history(tmp_path / "model")
    assert [row["val_w1m"] for row in rows[1::2]] == [0.5, 0.2, 0.3]
    assert all(math.isnan(row["val_w1m"]) for row in rows[::2])
    about = json.loads((tmp_path / "model" / "config.json").read_text())["training"]
    assert about["best_epoch"] == 4
    assert about["validation_loss"] == pytest.approx(rows[3]["val_total"], rel=1e-6)
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert read_checkpoint(folder / "best.ckpt")["epoch"] == 4


@pytest.mark.parametrize("monitor", ["w1m", "floors"])
def test_a_monitor_of_samples_needs_some(run, monitor):
    with pytest.raises(ConfigError, match="monitor_every: found 0"):
        run(monitor=monitor, monitor_every=0)


def test_the_best_epoch_may_be_that_of_the_smallest_distance_in_floors(run, tmp_path):
    run("model", epochs=4, monitor="floors", monitor_every=2, monitor_jets=20)
    rows = history(tmp_path / "model")
    floors = [row["val_floors"] for row in rows]
    assert [math.isnan(value) for value in floors] == [True, False, True, False]
    about = json.loads((tmp_path / "model" / "config.json").read_text())["training"]
    assert about["best_epoch"] == (2 if floors[1] <= floors[3] else 4)


def test_without_samples_there_is_no_w1m(run, tmp_path):
    run(monitor_every=0)
    assert all(math.isnan(row["val_w1m"]) for row in history(tmp_path / "model"))


def test_every_so_many_epochs_a_checkpoint_is_kept(run, tmp_path):
    run(epochs=5, keep_every=2)
    (folder,) = (tmp_path / "checkpoints").iterdir()
    kept = {path.name: read_checkpoint(path)["epoch"] for path in folder.glob("epoch-*.ckpt")}
    assert kept == {"epoch-0002.ckpt": 2, "epoch-0004.ckpt": 4}
    run("from an earlier one", "b", epochs=5, resume=folder / "epoch-0002.ckpt")
    assert len(history(tmp_path / "from an earlier one")) == 5


def test_a_run_can_be_watched(run, stop_at, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    stop_at(7)
    with pytest.raises(Interrupted):
        run(epochs=3, monitor_every=2)
    monkeypatch.undo()
    run(epochs=3, monitor_every=2)
    (folder,) = (tmp_path / "checkpoints").iterdir()
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    tags = events.Tags()["scalars"]
    for tag in ("loss/train/total", "loss/validation/kl", "validation/w1m", "step/gradient_norm"):
        assert tag in tags, tag
    assert [event.step for event in events.Scalars("step/learning_rate")] == [5, 10, 15]
    assert [event.step for event in events.Scalars("loss/validation/total")] == [5, 10, 15]
    assert [event.step for event in events.Images("samples")] == [10, 15]
    lines = (folder / "train.log").read_text().splitlines()
    assert sum("epoch 2/3: loss" in line for line in lines) == 1
    assert any("resuming after epoch 1, step 2" in line for line in lines)
    assert re.search(r"the weights of epoch [123], the best of 3$", lines[-1])
    about = json.loads((folder / "run.json").read_text())
    assert about["config"]["precision"] == "32-true"
    assert about["config"]["model"]["hyperedge_encoder"] != "auto"


def test_a_lost_worker_after_a_signal_is_the_end_of_the_job(run, tmp_path, monkeypatch):
    steps = JetLoader.steps

    def lost(self, *arguments, **options):
        for number, step in enumerate(steps(self, *arguments, **options)):
            if number == 2:
                os.kill(os.getpid(), signal.SIGTERM)
                raise WorkerLost("killed, too")
            yield step

    monkeypatch.setattr(JetLoader, "steps", lost)
    with pytest.raises(Interrupted, match="SIGTERM after epoch 0, step 2"):
        run()
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert read_checkpoint(folder / LAST)["step_in_epoch"] == 2


def test_a_lost_worker_alone_is_an_error(run, monkeypatch):
    def lost(self, *arguments, **options):
        raise WorkerLost("killed")
        yield

    monkeypatch.setattr(JetLoader, "steps", lost)
    with pytest.raises(WorkerLost):
        run()

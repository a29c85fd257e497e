import csv
import json
import math
import random
import signal

import numpy as np
import pytest
import torch

from hypervae.data.split import SPLITS
from hypervae.errors import HyperVAEError, InputError
from hypervae.model import HyperVAE
from hypervae.model.losses import TERMS
from hypervae.normalization import Normalization
from hypervae.normalization.sources import find_sources
from hypervae.training import trainer as trainer_module
from hypervae.training.checkpoint import LAST, Checkpoints
from hypervae.training.interrupt import Interrupted
from hypervae.training.loader import JetLoader
from hypervae.training.lock import RunLock
from hypervae.training.trainer import Trainer, groups
from tests.unit.chain import MODEL, SPLIT

EPOCHS, STEPS = 3, 5  # steps an epoch: 76 training jets in batches of 16
LONG = {"epochs": EPOCHS}


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def assert_equal_runs(one, other, tmp_path):
    first, second = history(tmp_path / one), history(tmp_path / other)
    assert len(first) == len(second)
    for row, same in zip(first, second, strict=True):
        for name in row.keys() - {"jets_per_s"}:
            assert row[name] == pytest.approx(same[name], rel=1e-6, abs=1e-9), name
    models = [HyperVAE.load(tmp_path / name).state_dict() for name in (one, other)]
    for name, value in models[0].items():
        torch.testing.assert_close(value, models[1][name], rtol=0, atol=1e-6)


@pytest.fixture
def trainer(chain, train_config, tmp_path):
    """Make a trainer without running it."""

    def make(**changes):
        config = train_config(**changes)
        shards, correlators, path = chain.of("g")
        merged = Normalization.read(path)
        torch.manual_seed(1)
        model = HyperVAE(merged, ["g"], config["model"])
        sources = find_sources(shards, correlators, merged, path)
        loaders = [
            JetLoader(
                sources,
                merged,
                jet_types=["g"],
                split=split,
                split_config=SPLIT,
                batch_size=config["batch_size"],
                model=model.config,
                seed=1,
            )
            for split in ("train", "validation")
        ]
        return Trainer(model, *loaders, config, Checkpoints(tmp_path / "checkpoints", "run"))

    return make


def test_batches_are_grouped_into_steps():
    assert list(groups("abcdefg", 3)) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_training_lowers_the_validation_loss(run, tmp_path):
    model = run(jet_types=["q", "g"], epochs=12, learning_rate=2e-3, ema=0.8)
    rows = history(tmp_path / "model")
    assert [row["epoch"] for row in rows] == list(range(1, 13))
    # the loss of the first epoch is already a trained one; the KL term is validated in full
    assert rows[-1]["val_total"] < 0.9 * rows[0]["val_total"]
    assert rows[-1]["train_total"] < 0.9 * rows[0]["train_total"]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    loaded = HyperVAE.load(tmp_path / "model")
    assert loaded.jet_types == model.jet_types == ("q", "g")
    about = json.loads((tmp_path / "model" / "config.json").read_text())["training"]
    best = min(rows, key=lambda row: row["val_total"])
    assert about["best_epoch"] == best["epoch"]
    assert about["validation_loss"] == pytest.approx(best["val_total"], rel=1e-6)
    assert about["training_jets"] > 0
    # each term is logged, the consistency of edges and hyperedges too
    for side in ("train", "val"):
        logged = [name.removeprefix(f"{side}_") for name in rows[0] if name.startswith(side)]
        assert logged == [*TERMS, "total"]
        assert all(row[f"{side}_{term}"] > 0 for row in rows for term in TERMS)


def test_the_same_config_gives_the_same_model(run, tmp_path):
    run("one", "a")
    run("other", "b")
    assert_equal_runs("one", "other", tmp_path)


def test_another_seed_gives_another(run, tmp_path):
    run("one", "a")
    run("other", "b", seed=5)
    assert history(tmp_path / "one")[0]["val_total"] != history(tmp_path / "other")[0]["val_total"]


def test_a_run_stopped_again_and_again_equals_an_uninterrupted_one(
    run, stop_at, tmp_path, monkeypatch, capfd
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
    assert "resuming after epoch" in capfd.readouterr().err
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
    steps = []
    step = Trainer.optimizer_step
    monkeypatch.setattr(
        Trainer, "optimizer_step", lambda self, group: steps.append(1) or step(self, group)
    )
    run("parts", "b", **LONG)
    assert len(steps) == (EPOCHS - 1) * STEPS
    assert_equal_runs("whole", "parts", tmp_path)


def test_a_finished_run_is_not_trained_again(run, tmp_path, monkeypatch):
    run("one")

    def fail(self, group):
        raise AssertionError("trained again")

    monkeypatch.setattr(Trainer, "optimizer_step", fail)
    run("other")
    assert_equal_runs("one", "other", tmp_path)


def test_another_config_does_not_resume_by_itself_but_by_hand(run, stop_at, tmp_path, monkeypatch):
    stop_at(STEPS + 1)
    with pytest.raises(Interrupted):
        run()
    monkeypatch.undo()
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    steps = []
    step = Trainer.optimizer_step
    monkeypatch.setattr(
        Trainer, "optimizer_step", lambda self, group: steps.append(self.step) or step(self, group)
    )
    run("fresh", learning_rate=2e-3)
    assert steps == list(range(2 * STEPS))
    steps.clear()
    run("by hand", learning_rate=3e-3, resume=checkpoint)
    assert steps == list(range(STEPS + 1, 2 * STEPS))
    assert len(history(tmp_path / "by hand")) == 2
    # how a job runs may change between attempts
    steps.clear()
    run("same", execution={"checkpoint_minutes": 3})
    assert steps == list(range(STEPS + 1, 2 * STEPS))


def test_a_checkpoint_of_another_model_is_refused(run, tmp_path):
    run(epochs=1)
    (checkpoint,) = (tmp_path / "checkpoints").glob(f"*/{LAST}")
    with pytest.raises(InputError, match=LAST):
        run("other", model={**MODEL, "hidden": 24}, resume=checkpoint)


def test_patience_stops_and_a_resumed_run_stops_as_well(run, tmp_path, monkeypatch):
    losses = iter([3.0, 2.0, 5.0, 4.0, 1.0])
    validate = Trainer.validate
    monkeypatch.setattr(Trainer, "validate", lambda self: {**validate(self), "total": next(losses)})
    run("one", epochs=5, patience=2)
    assert [row["val_total"] for row in history(tmp_path / "one")] == [3.0, 2.0, 5.0, 4.0]
    about = json.loads((tmp_path / "one" / "config.json").read_text())["training"]
    assert about["best_epoch"] == 2
    run("again", epochs=5, patience=2)
    assert len(history(tmp_path / "again")) == 4


def test_a_checkpoint_holds_no_more_than_the_state(trainer):
    made = trainer()
    made.checkpoints.save(made.state())
    assert set(made.checkpoints.load()) == set(made.state()) | {"fingerprint"}


def gradients(trainer, monkeypatch, **changes):
    """The gradient of the first step, before it is clipped."""
    made = trainer(**changes)
    found = {}

    def record(model, optimizer, **_):
        for name, parameter in made.model.module.named_parameters():
            if parameter.grad is not None:
                found[name] = parameter.grad.clone()
        return torch.tensor(1.0)

    monkeypatch.setattr(made.fabric, "clip_gradients", record)
    made.model.train()
    group = next(groups(made.training.epoch(0), made.config["accumulate"]))
    assert sum(map(len, group)) == 16
    made.optimizer_step(group)
    return found


def test_accumulation_weighs_jets_not_batches(trainer, monkeypatch):
    # without noise: its stream is keyed by the batch
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    monkeypatch.setattr(torch, "rand_like", lambda t, dtype: torch.full(t.shape, 0.5, dtype=dtype))
    expected = gradients(trainer, monkeypatch, batch_size=16)
    norm = torch.sqrt(sum(g.square().sum() for g in expected.values()))
    found = gradients(trainer, monkeypatch, batch_size=8, accumulate=2)
    for name, gradient in expected.items():
        assert (gradient - found[name]).norm() < 1e-5 * norm, name


def test_a_short_last_batch_weighs_less(trainer, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    monkeypatch.setattr(torch, "rand_like", lambda t, dtype: torch.full(t.shape, 0.5, dtype=dtype))
    whole = next(trainer(batch_size=16).training.epoch(0))

    def part(rows):
        return type(whole)(*(value[rows] for value in vars(whole).values()))

    found = []
    for group in ([whole], [part(slice(0, 12)), part(slice(12, None))]):
        made = trainer(batch_size=16, accumulate=2)
        kept = {}

        def record(model, optimizer, made=made, kept=kept, **_):
            for name, parameter in made.model.module.named_parameters():
                kept[name] = parameter.grad.clone() if parameter.grad is not None else None
            return torch.tensor(1.0)

        monkeypatch.setattr(made.fabric, "clip_gradients", record)
        means = made.optimizer_step(group)
        found.append((kept, means))
    norm = torch.sqrt(sum(g.square().sum() for g in found[0][0].values() if g is not None))
    for name, gradient in found[0][0].items():
        if gradient is not None:
            assert (gradient - found[1][0][name]).norm() < 1e-5 * norm, name
    for name, value in found[0][1].items():
        assert found[1][1][name] == pytest.approx(value, rel=1e-4, abs=1e-6)


def weights(made):
    return torch.cat([p.detach().flatten() for p in made.model.module.parameters()])


def spoil_loss(monkeypatch, numbers):
    calls = []
    total = trainer_module.total_loss

    def spoiled(*arguments):
        calls.append(1)
        return total(*arguments) * (math.nan if len(calls) in numbers else 1.0)

    monkeypatch.setattr(trainer_module, "total_loss", spoiled)


def test_a_step_without_a_finite_loss_is_skipped(trainer, monkeypatch):
    made = trainer()
    spoil_loss(monkeypatch, {1})
    batches = list(made.training.epoch(0))
    before = weights(made)
    made.optimizer_step(batches[:1])
    assert torch.equal(weights(made), before)
    assert made.skipped == 1
    assert made.running.jets == 0
    made.optimizer_step(batches[1:2])
    assert not torch.equal(weights(made), before)
    assert made.skipped == 0


def test_a_bad_batch_spoils_its_whole_group(trainer, monkeypatch):
    made = trainer(batch_size=8, accumulate=2)
    spoil_loss(monkeypatch, {2})
    before = weights(made)
    made.optimizer_step(list(made.training.epoch(0))[:2])
    assert torch.equal(weights(made), before)
    assert all(p.grad is None for p in made.model.module.parameters())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_step_without_a_finite_gradient_is_skipped(trainer, value):
    made = trainer()
    parameter = next(made.model.module.parameters())
    handle = parameter.register_hook(lambda gradient: gradient * value)
    batches = list(made.training.epoch(0))
    before = weights(made)
    made.optimizer_step(batches[:1])
    assert torch.equal(weights(made), before)
    assert made.skipped == 1
    handle.remove()
    made.optimizer_step(batches[1:2])
    assert torch.isfinite(weights(made)).all()


def test_a_run_that_diverged_ends_with_advice(run, monkeypatch, capfd):
    spoil_loss(monkeypatch, set(range(1000)))
    with pytest.raises(HyperVAEError, match=r"20 steps.*learning_rate"):
        run(epochs=10)
    assert "step skipped" in capfd.readouterr().err


def test_a_validation_loss_that_is_never_finite_is_an_error(run, monkeypatch):
    validate = Trainer.validate
    monkeypatch.setattr(Trainer, "validate", lambda self: {**validate(self), "total": math.nan})
    with pytest.raises(HyperVAEError, match="validation loss"):
        run(epochs=1)


def test_gradients_are_clipped(trainer, monkeypatch):
    made = trainer(clip=1e-3)
    norms = []
    step = made.optimizer.step

    def record(*arguments):
        norms.append(
            torch.sqrt(
                sum(
                    p.grad.square().sum()
                    for p in made.model.module.parameters()
                    if p.grad is not None
                )
            )
        )
        return step(*arguments)

    monkeypatch.setattr(made.optimizer, "step", record)
    made.optimizer_step(list(made.training.epoch(0))[:1])
    assert float(norms[0]) == pytest.approx(1e-3, rel=1e-2)


def test_another_split_than_the_normalization_has_is_refused(run):
    with pytest.raises(InputError, match="split: found"):
        run(split={**SPLIT, "fractions": [0.5, 0.0, 0.5]})


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_without_jets_is_refused(run, split, monkeypatch):
    monkeypatch.setitem(SPLITS, split, 7)
    with pytest.raises(InputError, match=f"no {split} jets"):
        run()


def test_types_that_are_not_those_of_the_shards_are_refused(run):
    with pytest.raises(InputError, match="jet types"):
        run(jet_types=["g", "t"])


def test_lightning_does_not_requeue(trainer, monkeypatch):
    for name, value in (("SLURM_NTASKS", "1"), ("SLURM_JOB_NAME", "train"), ("SLURM_JOB_ID", "7")):
        monkeypatch.setenv(name, value)
    environment = trainer().fabric._connector.cluster_environment
    assert type(environment).__name__ == "LightningEnvironment"


def test_nothing_is_written_to_standard_output(run, capfd):
    run(epochs=1)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "epoch 1/1" in captured.err
    assert np.isfinite(float(captured.err.split("validation ")[1].split()[0]))


def test_one_process_trains_a_run(run, tmp_path):
    run("first")
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert not (folder / "lock.json").exists()
    with RunLock(folder), pytest.raises(HyperVAEError, match="being trained by process"):
        run("second")
    assert not (tmp_path / "second").exists()

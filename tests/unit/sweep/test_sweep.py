"""Sweeps with submitit's local executor: ranked, killed, continued, halved."""

import csv
import logging
import re
import signal
import subprocess
import time

import psutil
import pytest
import yaml

from hypervae.errors import ConfigError, HyperVAEError
from hypervae.sweep import run as run_module
from hypervae.sweep.figures import draw_sweep
from hypervae.sweep.jobs import made
from hypervae.workflow import Plan

WHOLE = ["generate", "evaluate"]


def rows(project):
    with open(project.sweep / "ranking.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_trials_are_ranked_and_the_best_is_a_config(project):
    found = project.run()
    assert rows(project)[0]["model.latent_dim"] == "4"
    assert [float(row["objective"]) for row in rows(project)] == [0.5, 1.5, 1.5, 4.5]
    assert {tuple(calls) for calls in project.calls().values()} == {("train 2", *WHOLE)}
    best = yaml.safe_load((project.sweep / "best.yaml").read_text())
    assert list(best["models"]) == ["t"]
    # what the rule would hand to the same subcommand is what the trial was handed
    plan = found.plan
    trial = Plan(plan.config_of(found.ranking[0].trial.values))
    for stage in ("train", "generate", "evaluate"):
        assert Plan(best).section(stage, "t") == trial.section(stage, "t")
    assert '"latent_dim": 4' in Plan(best).section("train", "t")


def test_figures_are_drawn(project):
    found = project.run()
    figures = draw_sweep(found.folder, found.plan, found.ranking, found.first)
    assert [figure.name for figure in figures] == ["parallel.png", "importance.png"]
    assert all(figure.stat().st_size > 5000 for figure in figures)


def test_what_is_done_is_not_done_again_and_more_trials_are_added(project):
    project.write(sampler="random", trials=2, parameters={"train.seed": {"low": 1, "high": 999}})
    before = project.run().ranking
    project.write(sampler="random", trials=3, parameters={"train.seed": {"low": 1, "high": 999}})
    after = project.run().ranking
    assert len(after) == 3
    assert {tuple(calls) for calls in project.calls().values()} == {("train 2", *WHOLE)}
    values = {one.trial.number: one.trial.values for one in after}
    assert all(values[one.trial.number] == one.trial.values for one in before)


def test_another_sweep_is_refused_in_the_same_folder(project):
    project.run()
    project.write(objective={"floors": ["w1m"]})
    with pytest.raises(ConfigError, match=r"other values of objective\.floors, objective\.metric"):
        project.run()
    assert project.run(output_dir=project.folder / "other").ranking[0].objective == pytest.approx(1)


def test_halving_lets_the_best_go_on(project):
    config = yaml.safe_load((project.folder / "tiny.yaml").read_text())
    config["train"]["epochs"] = 4
    (project.folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    project.write(halving={"epochs": 1, "factor": 2})
    found = project.run()
    trained = {number: [one for one in calls if "train" in one]
               for number, calls in project.calls().items()}  # fmt: skip
    by_dim = {one.trial.values["model.latent_dim"]: one.trial.number for one in found.ranking}
    assert trained[by_dim[4]] == ["train 1", "train 2", "train 4"]
    assert trained[by_dim[2]] == ["train 1"]
    assert sorted(map(len, trained.values())) == [1, 1, 2, 3]
    assert [row["epochs"] for row in rows(project)] == ["4", "2", "1", "1"]
    best = yaml.safe_load((project.sweep / "best.yaml").read_text())
    assert Plan(best).sections("t").train.epochs == 4


def test_a_trial_that_fails_says_why_and_is_tried_again_when_asked(project):
    project.write(parameters={"model.latent_dim": [4, 13]})
    project.run()
    failed = rows(project)[1]
    assert failed["state"] == "failed"
    assert failed["reason"] == "train: training: the loss is not finite"
    project.run()
    number = int(failed["trial"])
    assert project.calls()[number] == ["train 2"]
    project.run(retry=True)
    assert project.calls()[number] == ["train 2", "train 2"]
    assert project.calls()[1 - number] == ["train 2", *WHOLE]


def test_values_that_do_not_fit_each_other_end_their_trial_alone(project):
    references = [["axis", "time"], ["time", "beam"]]
    project.write(parameters={"model.references": references})
    good, bad = project.run().ranking
    assert good.trial.values["model.references"] == ["time", "beam"]
    assert bad.outcome.state == "failed"
    assert "references: found ['axis', 'time'], expected time and beam" in bad.outcome.reason
    assert list(project.calls()) == [good.trial.number]


def test_no_result_at_all_is_an_error(project):
    project.write(objective={"metric": "w1p"})
    with pytest.raises(
        HyperVAEError, match="none of 4 trials has a result: w1p of t jets: 10 jets"
    ):
        project.run()


@pytest.mark.parametrize("how", ["KILL", "INT"])
def test_a_killed_sweep_goes_on(project, how):
    (project.folder / "slow").touch()
    project.write(parallel=2)
    process = project.start()
    project.wait_for(lambda: sum("train 2" in calls for calls in project.calls().values()) == 2)
    process.send_signal(getattr(signal, f"SIG{how}"))
    errors = process.communicate(timeout=90)[1]
    if how == "INT":
        assert "2 trials were stopped, with checkpoints; the same command continues it" in errors
        assert all(calls == ["train 2", "stopped"] for calls in project.calls().values())
    (project.folder / "slow").unlink()
    assert len(project.run().ranking) == 4
    for calls in project.calls().values():
        # after a kill of the sweep alone its trials were found at work, and left to it
        again = ["stopped", "train 2"] if calls[1] == "stopped" else []
        assert calls == ["train 2", *again, *WHOLE]
        assert bool(again) <= (how == "INT")


def test_a_trial_whose_processes_were_killed_is_sent_again(project):
    (project.folder / "slow").touch()
    project.write(parameters={"model.latent_dim": [4]})
    process = project.start()
    project.wait_for(lambda: project.calls().get(0) == ["train 2"])
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    project.wait_for(lambda: project.calls()[0] == ["train 2", "train 2"])
    (project.folder / "slow").unlink()
    assert process.wait(60) == 0
    process.communicate()
    assert project.calls()[0] == ["train 2", "train 2", *WHOLE]


def test_what_kills_a_trial_each_time_ends_that_trial_alone(project, caplog, monkeypatch):
    """As a machine does with what needs too much memory: with a step, or with the whole job."""
    monkeypatch.setattr(logging.getLogger(run_module.__name__), "disabled", False)
    project.write(parameters={"model.latent_dim": [3, 21, 22, 4]})
    with caplog.at_level("INFO", logger="hypervae"):
        ranking = project.run().ranking
    assert [one.objective is not None for one in ranking] == [True, True, False, False]
    reasons = {one.trial.values["model.latent_dim"]: one.outcome.reason for one in ranking[2:]}
    assert reasons[21].startswith("train: killed by SIGKILL; SIGKILL is how a machine ends")
    assert reasons[22] == "its jobs ended without a word, 3 times"
    number = {one.trial.values["model.latent_dim"]: one.trial.number for one in ranking}
    again = re.findall(r"trial (\d+): job (\d+) ended without a word", caplog.text)
    assert [int(trial) for trial, _ in again] == [number[22]] * 2
    before = project.calls()
    assert before[number[22]] == ["train 2"] * 3
    project.run()
    assert project.calls() == before
    (project.folder / "enough").touch()
    assert all(one.objective is not None for one in project.run(retry=True).ranking)
    after = project.calls()
    for value in (3, 4):  # what has a result is not done again
        assert after[number[value]] == before[number[value]]


def test_two_at_once_are_refused(project):
    (project.folder / "slow").touch()
    process = project.start()
    project.wait_for(project.calls)
    with pytest.raises(HyperVAEError, match="being written by"):
        project.run()
    (project.folder / "slow").unlink()
    assert process.wait(60) == 0
    process.communicate()


def test_a_machine_without_slurm_is_told_so(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project.folder))
    with pytest.raises(HyperVAEError, match=r"found no sbatch or srun .* --executor local"):
        project.run(executor="slurm")


@pytest.mark.parametrize("change", [-86400.0, -0.4, 0.7, 3e7])
def test_a_job_lives_on_where_the_clock_is_set(change, monkeypatch):
    """The system gives dates of processes by the clock of the moment."""
    with subprocess.Popen(["sleep", "60"]) as process:
        before = made(process.pid)
        boot = psutil.boot_time()
        for module in ("psutil", "psutil._pslinux"):
            monkeypatch.setattr(f"{module}.boot_time", lambda: boot + change)
        assert abs(psutil.Process(process.pid).create_time() - time.time() - change) < 30
        assert made(process.pid) == before > 0
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert made(process.pid) == 0
    assert made(process.pid) == 0

"""The workflow on a real Slurm cluster: completion, placement, and training that is killed."""

import copy
import csv
import shutil
from collections import Counter

import pytest
import yaml

from tests.slurm.cluster import ROOT, Run, copy_project, files_in

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

TINY = yaml.safe_load((ROOT / "tests" / "data" / "tiny.yaml").read_text())


def write_config(project, config):
    path = project / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    return path.name


def long_training(epochs, seed):
    """Return the tiny config with one model that trains long enough to be caught in the act."""
    config = copy.deepcopy(TINY)
    name, model = next(iter(config["models"].items()))
    config["models"] = {name: model}
    config["data"]["jet_types"] = {
        jet_type: source
        for jet_type, source in config["data"]["jet_types"].items()
        if jet_type in model["jet_types"]
    }
    train = config.setdefault("train", {})
    train.update(epochs=epochs, seed=seed)
    train.setdefault("execution", {})["checkpoint_minutes"] = 0
    return config, name


def test_the_whole_workflow_runs_and_only_training_asks_for_a_gpu(cluster, project):
    before = cluster.last_job()
    run = Run(cluster, project, "--configfile", write_config(project, TINY))
    run.finish(run.start(), timeout=600)

    jobs = cluster.jobs(after=before)
    assert {job.state for job in jobs} == {"COMPLETED"}
    rules = Counter(job.rule for job in jobs)
    assert rules["train_model"] == len(TINY["models"])
    assert {"simulate_shard", "compute_correlators", "generate_jets", "evaluate_jets"} <= set(rules)
    placed = {(job.rule == "train_model", job.partition, job.gpus) for job in jobs}
    assert placed == {(True, "gpu-small", 1), (False, "cpu", 0)}
    # The name by which profiles/README.md tells users to cancel a run.
    assert {job.name.split("_")[0] for job in jobs} == {"hypervae"}

    for name, model in TINY["models"].items():
        assert (project / "results" / "models" / name / "weights.safetensors").stat().st_size > 0
        for jet_type in model["jet_types"]:
            assert (project / "results" / "generated" / name / f"{jet_type}.h5").exists()

    again = Run(cluster, project, "--configfile", "run.yaml", "--dry-run")
    again.finish(again.start(), timeout=120)
    assert "Nothing to be done" in again.tail()


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory):
    """A copy in which both kills happen, so that the steps before training run once."""
    return copy_project(tmp_path_factory.mktemp("killed") / "project")


@pytest.mark.parametrize(("how", "seed"), [("terminated", 11), ("requeued", 12)])
def test_killed_training_goes_on_from_its_checkpoint(cluster, shared_project, how, seed):
    project = shared_project
    config, name = long_training(epochs=40, seed=seed)
    before = cluster.last_job()
    shutil.rmtree(project / "checkpoints", ignore_errors=True)
    run = Run(
        cluster, project, "--configfile", write_config(project, config), "--until", "train_model"
    )
    process = run.start()

    def training():
        if process.poll() is not None:
            raise AssertionError(f"snakemake ended too early:\n{run.tail()}")
        jobs = [job for job in cluster.jobs(after=before) if job.rule == "train_model"]
        return next((job for job in jobs if job.state == "RUNNING"), None)

    def checkpoint():
        return any(path.suffix == ".ckpt" for path in files_in(project / "checkpoints"))

    job = run.wait_until(training, 240, "a running training job")
    run.wait_until(checkpoint, 240, "a checkpoint")
    if how == "terminated":
        # What Slurm does before the time limit (--signal=TERM@120) or when a user asks for it.
        cluster.slurm("scancel", "--signal=TERM", str(job.id))
    else:
        # What Slurm does at pre-emption or when a node fails: back into the queue, same id.
        cluster.slurm("scontrol", "requeue", str(job.id))
    run.finish(process, timeout=300)

    attempts = [job for job in cluster.jobs(after=before) if job.rule == "train_model"]
    if how == "terminated":
        assert [job.state for job in attempts] == ["FAILED", "COMPLETED"]
    else:
        assert [(job.state, job.restarts) for job in attempts] == [("COMPLETED", 1)]

    with (project / "results" / "models" / name / "history.csv").open() as file:
        epochs = [int(float(row["epoch"])) for row in csv.DictReader(file)]
    # Each epoch once, in order: what the first attempt did is neither lost nor done twice.
    assert epochs == list(range(epochs[0], epochs[0] + config["train"]["epochs"]))
    log = "".join(path.read_text() for path in (project / "logs").rglob("*") if path.is_file())
    assert "resum" in log.lower(), log

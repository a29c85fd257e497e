"""The workflow on a real Slurm cluster: completion, placement and refusals."""

import copy
from collections import Counter

import pytest
import yaml

from tests.slurm.cluster import ROOT, Run

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

TINY = yaml.safe_load((ROOT / "tests" / "data" / "tiny.yaml").read_text())


def write_config(project, config):
    path = project / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    return path.name


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


@pytest.mark.parametrize(
    ("resource", "said", "remedy", "states"),
    [
        (
            "slurm_partition=nowhere",
            "Invalid partition name specified",
            "slurm_partition: found 'nowhere', which is not here; expected one of ",
            [],
        ),
        (
            "mem_mb=99000",
            "Requested node configuration is not available",
            "mem_mb: found 99000, but partition cpu has 16000 MB at most",
            ["FAILED"],  # Slurm keeps what it refused so, as a job that never ran
        ),
    ],
    ids=["partition", "memory"],
)
def test_what_slurm_refuses_is_asked_once_and_told_with_the_remedy(
    cluster, project, resource, said, remedy, states
):
    before = cluster.last_job()
    config = copy.deepcopy(TINY)
    config["models"] = {"q": config["models"]["q"]}
    config["data"]["jet_types"] = {"q": {"source": "pythia", "shards": 1, "jets_per_shard": 60}}
    options = ("--until", "simulate_shard", "--set-resources", f"simulate_shard:{resource}")
    run = Run(cluster, project, "--configfile", write_config(project, config), *options)
    process = run.start()
    run.wait_until(lambda: process.poll() is not None, 120, "the end of the run")
    text = run.tail(10_000)
    assert process.returncode == 1, text
    refused = [line for line in text.splitlines() if "Slurm refuses the job" in line]
    assert len(refused) == 1, text
    assert "simulate_shard: Slurm refuses the job, and is not asked again: " in refused[0]
    assert said in refused[0]
    assert remedy in text
    assert text.count("(under set-resources of simulate_shard in the profile, or default-") == 1
    assert "Trying to restart" not in text
    assert [job.state for job in cluster.jobs(after=before)] == states

"""The workflow on a real Slurm cluster: completion and placement."""

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

"""The benchmark of the workflow: each figure is of a run that did what it says."""

import json
import sys

from benchmarks import workflow


def test_all_figures_of_a_few_shards(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["workflow", "--shards", "10", "--run", "10"])

    workflow.main()

    found = json.loads(capsys.readouterr().out)
    of_runs = {f"{kind}{name}" for kind in ("", "single_") for name in ("dry_run_s", "no_op_s")}
    assert set(found) == of_runs | {
        "shards_per_job",
        "dry_run_mb",
        "single_dry_run_mb",
        "job_cpu_s",
        "job_cpu_s_most",
        "grouped_job_cpu_s_per_shard",
        "forked_job_cpu_s_per_shard",
        "job_in_run_cpu_s",
    }
    assert found["shards_per_job"] == 10
    assert found["grouped_job_cpu_s_per_shard"] < found["job_in_run_cpu_s"]
    assert 0 < found["job_cpu_s"] < found["job_in_run_cpu_s"]
    assert found["dry_run_mb"] > 50
    assert found["no_op_s"] > 0

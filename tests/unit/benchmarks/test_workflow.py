"""The benchmark of the workflow: each figure is of a run that did what it says."""

import json
import sys

from benchmarks import workflow


def test_all_figures_of_a_few_shards(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["workflow", "--shards", "4", "--jobs", "8"])

    workflow.main()

    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        "dry_run_s",
        "dry_run_mb",
        "no_op_s",
        "job_cpu_s",
        "grouped_job_cpu_s_per_shard",
        "job_in_run_cpu_s",
    }
    assert 0 < found["job_cpu_s"] < found["job_in_run_cpu_s"]
    assert found["dry_run_mb"] > 50
    assert found["no_op_s"] > 0

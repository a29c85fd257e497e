"""Each config of the project plans the jobs that it says."""

from __future__ import annotations

import pytest
import yaml

from tests.workflow.running import REPOSITORY, copy_repository, job_counts, snakemake

#: Those of the workflow: a sweep file names one.
CONFIGS = sorted({path.name for path in (REPOSITORY / "config").glob("*.yaml")} - {"sweep.yaml"})
#: Rules that make the shards of a source, with the jobs of a type of so many shards.
SOURCES = {
    "pythia": {"simulate_shard": lambda shards: shards},
    "jetnet": {"download_jetnet": lambda shards: 1, "split_shard": lambda shards: shards},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_dry_run_plans_every_stage(tmp_path, name):
    folder = copy_repository(tmp_path)
    config = yaml.safe_load((folder / "config" / name).read_text())
    planned = job_counts(snakemake(folder, "-n", "--configfile", f"config/{name}").stdout)
    types, models = config["data"]["jet_types"], config["models"]
    wanted = {"compute_correlators": sum(about["shards"] for about in types.values())}
    for about in types.values():
        for rule, jobs in SOURCES[about["source"]].items():
            wanted[rule] = wanted.get(rule, 0) + jobs(about["shards"])
    for rule in ("merge_normalization", "train_model", "measure_equivariance", "reconstruct_jets"):
        wanted[rule] = len(models)
    for rule in ("generate_jets", "evaluate_jets"):
        wanted[rule] = sum(len(model["jet_types"]) for model in models.values())
    assert {rule: planned.get(rule, 0) for rule in wanted} == wanted


def test_config_files_are_merged_key_by_key(tmp_path):
    folder = copy_repository(tmp_path)
    scenario = {
        "models": {"again": {"jet_types": ["t"]}},
        "data": {"split": {"fractions": [0.6, 0.1, 0.3]}},
        "train": {"epochs": 3},
    }
    (folder / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    files = ("--configfile", "tests/data/tiny.yaml", "scenario.yaml")
    snakemake(folder, "results/config.yaml", "--cores", "1", *files)
    merged = yaml.safe_load((folder / "results/config.yaml").read_text())
    # entries come together, keys that the later file does not name stay
    assert {name: entry["jet_types"] for name, entry in merged["models"].items()} == {
        "q": ["q"], "t": ["t"], "again": ["t"],
    }  # fmt: skip
    assert (merged["train"]["epochs"], merged["train"]["batch_size"]) == (3, 16)
    # a list is replaced as a whole
    assert merged["data"]["split"] == {"seed": 1, "fractions": [0.6, 0.1, 0.3]}

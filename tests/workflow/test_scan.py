"""A scan: models that differ by an override, one run, one table; then more epochs of one."""

from __future__ import annotations

import csv

import h5py
import pytest
import yaml

from tests.unit.toys import toy_jets
from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, job_counts, snakemake

MODELS = ("wide", "slow")
#: The table at the end, without the figures that `test_report` looks at.
SUMMARY = "results/summary.csv"
#: What a model's own training reruns before the table.
TRAINED = {
    "train_model": 1,
    "generate_jets": 1,
    "evaluate_jets": 1,
    "plot_summary": 1,
}


def write_config(folder, **changes):
    """A scan over toy jets, with other overrides of some models."""
    config = yaml.safe_load((folder / TINY).read_text())
    config["data"]["jet_types"] = {"g": {"source": "files", "paths": ["gluons.h5"]}}
    overrides = {
        "wide": {"model": {"latent_dim": 5}},
        "slow": {"train": {"learning_rate": 1.0e-4, "schedule": "constant", "epochs": 1}},
    }
    for name, sections in changes.items():
        for section, keys in sections.items():
            overrides[name][section] = {**overrides[name].get(section, {}), **keys}
    config["models"] = {name: {"jet_types": ["g"], **overrides[name]} for name in MODELS}
    config["train"]["epochs"] = 1
    (folder / "scan.yaml").write_text(yaml.safe_dump(config))


def times(folder, pattern):
    """When files were changed, by name."""
    found = {str(path): path.stat().st_mtime_ns for path in folder.glob(pattern) if path.is_file()}
    assert found
    return found


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """A folder in which the scan has run."""
    folder = copy_repository(tmp_path_factory.mktemp("scan"))
    jets = toy_jets(120, 2, "g")
    with h5py.File(folder / "gluons.h5", "w") as file:
        file["particle_features"], file["jet_features"] = jets.particle_features, jets.jet_features
    write_config(folder)
    snakemake(folder, SUMMARY, "--cores", "2", "--configfile", "scan.yaml")
    return folder


def test_a_scan_shares_what_it_can_and_ends_in_one_table(scanned):
    assert [path.name for path in (scanned / "resources/shards/g").iterdir()] == ["gluons.h5"]
    assert [path.name for path in (scanned / "results/correlators/g").iterdir()] == ["gluons.h5"]
    with open(scanned / SUMMARY, newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == set(MODELS)
    found = {
        name: yaml.safe_load((scanned / f"results/models/{name}/config.json").read_text())
        for name in MODELS
    }
    assert found["wide"]["model"]["latent_dim"] == 5
    assert found["slow"]["model"]["latent_dim"] != 5
    assert found["slow"]["training"]["config"]["schedule"] == "constant"


def test_another_override_of_one_model_reruns_its_steps_alone(scanned):
    kept = {
        pattern: times(scanned, pattern)
        for pattern in (
            "resources/shards/**/*",
            "results/correlators/**/*",
            "results/models/slow/*",
            "results/evaluation/slow/*",
        )
    }
    old = times(scanned, "results/models/wide/*")
    write_config(scanned, wide={"model": {"latent_dim": 6}})
    planned = snakemake(scanned, SUMMARY, "-n", "--configfile", "scan.yaml").stdout
    assert job_counts(planned) == TRAINED
    trained = "results/models/wide/weights.safetensors"
    snakemake(scanned, trained, "--cores", "2", "--configfile", "scan.yaml")
    for pattern, before in kept.items():
        assert times(scanned, pattern) == before
    assert all(after > old[name] for name, after in times(scanned, "results/models/wide/*").items())


def test_more_epochs_of_one_model_go_on_from_its_checkpoint(scanned):
    changes = {"wide": {"model": {"latent_dim": 6}}, "slow": {"train": {"epochs": 2}}}
    write_config(scanned, **changes)
    longer = "results/models/slow/history.csv"
    snakemake(scanned, longer, "--cores", "2", "--configfile", "scan.yaml")
    assert "going on from 1 epochs of the same run" in (scanned / "logs/train/slow.log").read_text()
    with open(scanned / "results/models/slow/history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]

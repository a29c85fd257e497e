"""A scan: models that differ by an override, one run, one report; then more epochs of one."""

from __future__ import annotations

import csv

import h5py
import pytest
import yaml

from tests.unit.toys import toy_jets
from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, job_counts, snakemake

MODELS = ("narrow", "wide", "slow")
#: What a model's own training reruns.
TRAINED = {
    "train_model": 1,
    "generate_jets": 1,
    "evaluate_jets": 1,
    "measure_equivariance": 1,
    "reconstruct_jets": 1,
    "plot_history": 1,
    "plot_latent": 1,
    "plot_observables": 1,
    "plot_reconstruction": 1,
    "plot_summary": 1,
    "write_config": 1,
}


def write_config(folder, **changes):
    """A scan over toy jets, with other overrides of some models."""
    config = yaml.safe_load((folder / TINY).read_text())
    config["data"]["jet_types"] = {"g": {"source": "files", "paths": ["gluons.h5"]}}
    overrides = {
        "narrow": {"model": {"latent_dim": 2}},
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
    snakemake(folder, "--cores", "2", "--configfile", "scan.yaml")
    return folder


def test_a_scan_shares_what_it_can_and_ends_in_one_report(scanned):
    assert [path.name for path in (scanned / "resources/shards/g").iterdir()] == ["gluons.h5"]
    assert [path.name for path in (scanned / "results/correlators/g").iterdir()] == ["gluons.h5"]
    with open(scanned / "results/summary.csv", newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == set(MODELS)
    report = (scanned / "results/report.html").read_text(errors="replace")
    for model in MODELS:
        assert f"history/{model}.png" in report


def test_another_override_of_one_model_reruns_its_steps_alone(scanned):
    kept = {
        pattern: times(scanned, pattern)
        for pattern in (
            "resources/shards/**/*",
            "results/correlators/**/*",
            "results/models/narrow/*",
            "results/models/slow/*",
            "results/evaluation/narrow/*",
        )
    }
    old = times(scanned, "results/models/wide/*")
    write_config(scanned, wide={"model": {"latent_dim": 6}})
    planned = snakemake(scanned, "-n", "--configfile", "scan.yaml").stdout
    assert job_counts(planned) == TRAINED
    snakemake(scanned, "--cores", "2", "--configfile", "scan.yaml")
    for pattern, before in kept.items():
        assert times(scanned, pattern) == before
    assert all(after > old[name] for name, after in times(scanned, "results/models/wide/*").items())


def test_more_epochs_of_one_model_go_on_from_its_checkpoint(scanned):
    changes = {"wide": {"model": {"latent_dim": 6}}, "slow": {"train": {"epochs": 2}}}
    write_config(scanned, **changes)
    snakemake(
        scanned, "--cores", "2", "--configfile", "scan.yaml", "results/models/slow/history.csv"
    )
    assert "going on from 1 epochs of the same run" in (scanned / "logs/train/slow.log").read_text()
    with open(scanned / "results/models/slow/history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]

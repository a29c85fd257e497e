"""The whole chain, on a tiny config."""

from __future__ import annotations

import csv
import json
import os

import h5py
import numpy as np
import yaml

from tests.workflow.conftest import TINY
from tests.workflow.running import job_counts, snakemake


def test_every_result_is_there(finished):
    results = finished / "results"
    for model in ("q", "t"):
        for name in ("weights.safetensors", "config.json", "normalization.h5", "history.csv"):
            assert (results / "models" / model / name).stat().st_size > 0
        metrics = json.loads((results / f"evaluation/{model}/{model}.json").read_text())["metrics"]
        for name in ("w1m", "w1p_etarel", "w1p_phirel", "w1p_ptrel"):
            assert metrics[name]["value"] > 0
            assert metrics[name]["floor"] > 0
            assert np.isfinite(metrics[name]["floor_error"])
        measured = json.loads((results / f"equivariance/{model}.json").read_text())
        assert measured["broken_bounds"] == []
        assert measured["figures"]["residual_group"] == "rotations about the beam"
        for figure in ("jets", "particles", "substructure", "pairs", "correlators", "image"):
            for suffix in ("png", "pdf"):
                path = results / f"plots/observables/{model}/{model}/{figure}.{suffix}"
                assert path.stat().st_size > 1000
    with open(results / "summary.csv") as file:
        rows = list(csv.DictReader(file))
    assert {(row["model"], row["jet_type"]) for row in rows} == {("q", "q"), ("t", "t")}
    assert "measured by others" in (results / "summary.html").read_text()


def test_generated_jets_are_physical_shards(finished):
    with h5py.File(finished / "results/generated/t/t.h5") as file:
        particles, jets = file["particle_features"][()], file["jet_features"][()]
        assert file.attrs["jet_type"] == "t"
    assert particles.shape == (60, 20, 4)
    assert jets.shape == (60, 4)
    assert np.isfinite(particles).all()
    assert np.isfinite(jets).all()
    mask = particles[..., 3] > 0
    assert (particles[..., 2][mask] > 0).all()
    assert (np.diff(particles[..., 2], axis=1) <= 0).all()
    np.testing.assert_array_equal(mask.sum(1), jets[:, 3])


def test_report_is_one_file_with_figures_and_captions(finished):
    report = (finished / "results/report.html").read_text(errors="replace")
    # the overview opens the report with two figures; the others are on pages of their own
    assert report.count("data:image/png") == 2
    for page in (
        "observables/q/q/jets.html",
        "observables/t/t/image.html",
        "observables/t/t/pairs.html",
        "history/t.html",
        "correlators/q.html",
        "plots/summary.html",
        "overview.html",
    ):
        assert page in report
    assert "Demonstration: a small run of HyperVAE" in report
    assert "equivariance/t.html" in report
    assert "truth floor" in report.lower()


def test_the_resolved_config_stands_beside_the_results(finished):
    resolved = yaml.safe_load((finished / "results/config.yaml").read_text())
    tiny = yaml.safe_load((finished / TINY).read_text())
    assert resolved["train"]["epochs"] == tiny["train"]["epochs"]
    assert resolved["train"]["learning_rate"] > 0  # a default, filled in


def test_a_second_run_does_nothing(finished):
    done = snakemake(finished, "--cores", "2", "--configfile", TINY)
    assert job_counts(done.stdout) == {}


def test_a_dry_run_writes_nothing(finished):
    def files():
        return {
            os.path.join(folder, name)
            for folder, _, names in os.walk(finished)
            for name in names
            if ".snakemake" not in folder and "__pycache__" not in folder
        }

    before = files()
    snakemake(finished, "-n", "--forceall", "--configfile", TINY)
    assert files() == before


def test_a_wrong_config_names_the_key(finished):
    done = snakemake(
        finished, "-n", "--configfile", TINY, "--config", "train={learning_rat: 1}", check=False
    )
    assert done.returncode != 0
    assert "train.learning_rat: unknown key" in done.stdout
    assert "did you mean 'learning_rate'" in done.stdout
    assert "Traceback" not in done.stdout


def test_rules_are_documented(finished):
    listed = snakemake(finished, "--list-rules", "--configfile", TINY).stdout
    for rule in ("simulate_shard", "compute_correlators", "train_model", "evaluate_jets"):
        assert rule in listed

"""A change reruns what depends on it and nothing else: dry runs after a complete run."""

from __future__ import annotations

import copy
import subprocess
import sys
from contextlib import contextmanager

import pytest
import yaml

from tests.workflow.conftest import TINY
from tests.workflow.running import job_counts, snakemake

# What runs when a stage is stale, for the two models of the tiny config.
FIGURES = {"plot_latent": 2, "plot_reconstruction": 2}
PLOTS = {
    "plot_observables": 2,
    "plot_history": 2,
    "plot_correlators": 2,
    "plot_summary": 1,
    "plot_overview": 1,
    **FIGURES,
}
EVALUATE = {"evaluate_jets": 2, "plot_observables": 2, "plot_summary": 1, "plot_overview": 1}
GENERATE = {"generate_jets": 2, **EVALUATE}
EQUIVARIANCE = {"measure_equivariance": 2, "plot_overview": 1}
RECONSTRUCT = {"reconstruct_jets": 2, **FIGURES}
TRAIN = {"train_model": 2, "plot_history": 2, **GENERATE, **EQUIVARIANCE, **RECONSTRUCT}
NORMALIZE = {"merge_normalization": 2, "plot_correlators": 2, **TRAIN}
CORRELATORS = {"compute_correlators": 4, **NORMALIZE}
# The resolved config is rewritten whenever a key changes, and the overview holds it.
CONFIG = {"write_config": 1, "plot_overview": 1}
SIMULATE = {"simulate_shard": 4, **CORRELATORS}
# With 20 particles of 60 jets before.
SWAPPED = {name: {"source": "pythia", "shards": 2, "jets_per_shard": 20} for name in "qt"}
T_ONLY = {
    "simulate_shard": 2,
    "compute_correlators": 2,
    "merge_normalization": 1,
    "train_model": 1,
    "generate_jets": 1,
    "evaluate_jets": 1,
    "measure_equivariance": 1,
    "reconstruct_jets": 1,
    "plot_observables": 1,
    "plot_history": 1,
    "plot_correlators": 1,
    "plot_latent": 1,
    "plot_reconstruction": 1,
    "plot_summary": 1,
    "plot_overview": 1,
}


def dry_run(folder, changes=None):
    config = yaml.safe_load((folder / TINY).read_text())
    for path, value in (changes or {}).items():
        *sections, key = path.split(".")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = copy.deepcopy(value)
    changed = folder / "changed.yaml"
    changed.write_text(yaml.safe_dump(config))
    return job_counts(snakemake(folder, "-n", "--configfile", "changed.yaml").stdout)


@contextmanager
def edited(path, edit):
    """Edit a module for a while."""
    text = path.read_text()
    path.write_text(edit(text))
    try:
        yield
    finally:
        path.write_text(text)


def commented(text):
    """With one comment more."""
    return text + "# a comment\n"


def documented(text):
    """With another first word of its docstring."""
    return text.replace('"""', '"""Still: ', 1)


def extended(text):
    """With one statement more."""
    return text + "CHANGED = 1\n"


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({}, {}),
        ({"train.learning_rate": 0.002}, {**TRAIN, **CONFIG}),
        ({"model.latent_dim": 5}, {**TRAIN, **CONFIG}),
        ({"train.execution": {"checkpoint_minutes": 3}}, CONFIG),
        ({"correlators.bins": 60}, {**CORRELATORS, **CONFIG}),
        ({"hyperedges.max_particles": 10}, {**CORRELATORS, **CONFIG}),
        ({"normalization": {"method": "minmax"}}, {**NORMALIZE, **CONFIG}),
        ({"generate.seed": 7}, {**GENERATE, **CONFIG}),
        ({"evaluate": {"seed": 7}}, {**EVALUATE, **CONFIG}),
        ({"equivariance": {"seed": 7}}, {**EQUIVARIANCE, **CONFIG}),
        ({"reconstruction": {"seed": 7}}, {**RECONSTRUCT, **CONFIG}),
        ({"plot.bins": 30}, {**PLOTS, **CONFIG}),
        ({"data.simulation": {"pt_hat": {"t": [980, 1020]}}}, {**T_ONLY, **CONFIG}),
        ({"generate.batch_size": 7}, CONFIG),
        ({"model.sparse_gp": True}, CONFIG),
        ({"correlators.orders": [4, 2, 3]}, {}),
        ({"data.max_particles": 60, "data.jet_types": SWAPPED}, {**SIMULATE, **CONFIG}),
    ],
    ids=lambda value: ",".join(value) or "nothing",
)
def test_a_config_key_reruns_its_stage_onward(finished, changes, stale):
    assert dry_run(finished, changes) == stale


def test_another_shard_leaves_the_old_ones(finished):
    source = {"source": "pythia", "shards": 3, "jets_per_shard": 60}
    stale = dry_run(finished, {"data.jet_types.q": source})
    assert stale["simulate_shard"] == 1
    assert stale["compute_correlators"] == 1
    assert stale["merge_normalization"] == stale["train_model"] == 1


@pytest.mark.parametrize(
    ("module", "edit", "stale"),
    [
        ("evaluation/metrics.py", commented, {}),
        ("model/losses/sums.py", documented, {}),
        ("evaluation/metrics.py", extended, EVALUATE),
        ("model/losses/sums.py", extended, TRAIN),
        ("reconstruction/reconstruct.py", extended, RECONSTRUCT),
        ("correlators/kernel.py", extended, CORRELATORS),
        ("plotting/style.py", extended, PLOTS),
        ("errors.py", extended, {}),
        ("io/provenance.py", extended, {}),
        ("io/lock.py", extended, {}),
    ],
)
def test_a_code_change_reruns_its_stage_onward(finished, module, edit, stale):
    with edited(finished / "hypervae" / module, edit):
        found = dry_run(finished)
    if module.startswith("correlators"):
        assert found.items() >= stale.items()
        assert "simulate_shard" not in found
    else:
        assert found == stale


def test_a_blank_in_a_shell_line_reruns_nothing(finished):
    with edited(
        finished / "workflow/rules/correlators.smk",
        lambda text: text.replace(" correlators --input", "  correlators   --input"),
    ):
        assert dry_run(finished) == {}


def test_why_names_the_key_and_the_module(finished):
    def why(*arguments):
        command = [sys.executable, "-m", "hypervae.workflow.why", *arguments]
        return subprocess.run(
            command, cwd=finished, capture_output=True, text=True, check=True
        ).stdout

    dry_run(finished, {"train.learning_rate": 0.002})
    said = why("--configfile", "changed.yaml").splitlines()
    assert "train_model (2 jobs): train.learning_rate: 0.001 -> 0.002" in said
    with edited(finished / "hypervae/evaluation/metrics.py", extended):
        said = why("--configfile", TINY).splitlines()
    assert said[0] == "evaluate_jets (2 jobs): code: hypervae.evaluation.metrics"
    assert said[1].startswith("after these: plot_")
    assert why("--configfile", TINY) == "Nothing would run.\n"

"""A model's own keys and weights: what they make stale, by dry runs over touched files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, snakemake
from tests.workflow.test_staleness import T_ONLY, dry_run

TRAIN = {
    rule: jobs
    for rule, jobs in T_ONLY.items()
    if rule
    not in ("simulate_shard", "compute_correlators", "merge_normalization", "plot_correlators")
}
#: What there is of a model that was trained here alone.
TRAINED = ("train_model", "plot_history")
GENERATE = ("generate_jets", "evaluate_jets", "plot_observables", "plot_summary")
#: Of a model whose list of files is new or another.
NORMALIZE = {"list_model_files": 1, "merge_normalization": 1, "plot_correlators": 1}
# The resolved config is rewritten whenever a key changes, and the overview holds it.
CONFIG = {"write_config": 1, "plot_overview": 1}


@pytest.fixture(scope="module")
def touched(tmp_path_factory) -> Path:
    """A folder in which Snakemake takes the tiny workflow for done."""
    folder = copy_repository(tmp_path_factory.mktemp("touched"))
    planned = snakemake(folder, "-n", "--configfile", TINY).stdout
    for outputs in re.findall(r"^    output: (.*)$", planned, flags=re.MULTILINE):
        for file in outputs.split(", "):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
    # the report of empty files fails
    (folder / "results" / "report.html").touch()
    snakemake(folder, "--touch", "--forceall", "--cores", "1", "--configfile", TINY, check=False)
    return folder


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({}, {}),
        ({"models.t.model": {"latent_dim": 5}}, {**TRAIN, **CONFIG}),
        ({"models.t.train": {"execution": {"devices": 2}}}, CONFIG),
        ({"models.t.generate": {"seed": 7}}, {**dict.fromkeys(GENERATE, 1), **CONFIG}),
        (
            {"models.t.hyperedges": {"max_particles": 10}},
            {"compute_model_correlators": 2, **NORMALIZE, **TRAIN, **CONFIG},
        ),
        # one more model, which starts from that of this run, or is it
        (
            {"models.more": {"jet_types": ["t"], "init_from": "results/models/t"}},
            {**NORMALIZE, **TRAIN, **CONFIG},
        ),
        (
            {"models.same": {"jet_types": ["t"], "weights": "results/models/t"}},
            {
                "adopt_model": 1,
                **NORMALIZE,
                **{rule: TRAIN[rule] for rule in TRAIN if rule not in TRAINED},
                **CONFIG,
            },
        ),
    ],
    ids=lambda value: ",".join(value) or "nothing",
)  # fmt: skip
def test_what_a_model_has_of_its_own_reruns_its_steps_alone(touched, changes, stale):
    assert dry_run(touched, changes) == stale

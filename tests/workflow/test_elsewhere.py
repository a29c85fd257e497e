"""The workflow in another directory, with the embedded default, out of a read-only checkout."""

from __future__ import annotations

import os
import re

import pytest

from tests.workflow.running import copy_repository, job_counts, snakemake

# Of the default, with few jets.
FEW = "data={jet_types: {q: {source: pythia, shards: 1, jets_per_shard: 100}}}"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout into which nobody may write (root may all the same)."""
    folder = copy_repository(tmp_path_factory.mktemp("checkout"))
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for place in places:
        place.chmod(0o555)
    yield folder
    for place in places:
        place.chmod(0o755)


def state(folder):
    """Names and times of all but compiled modules, which root would write."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def test_the_embedded_default_runs_elsewhere(checkout, tmp_path):
    before = state(checkout)
    whole = job_counts(snakemake(checkout, "-n", "--directory", str(tmp_path / "a")).stdout)
    assert whole["train_model"] == 3
    target = "results/correlators/q/00000.h5"
    place = tmp_path / "b"
    arguments = ("--cores", "1", "--directory", str(place), "--config", FEW, "--", target)
    snakemake(checkout, *arguments)
    assert (place / target).is_file()
    assert job_counts(snakemake(checkout, "-n", *arguments).stdout) == {}
    assert state(checkout) == before


def test_a_config_of_the_directory_comes_first(checkout, tmp_path):
    (tmp_path / "config").mkdir()
    tiny = (checkout / "tests/data/tiny.yaml").read_text()
    (tmp_path / "config" / "config.yaml").write_text(tiny)
    done = snakemake(
        checkout, "-n", "-s", os.path.join("workflow", "Snakefile"), "--directory", str(tmp_path)
    )
    assert job_counts(done.stdout)["train_model"] == 2


def test_jobs_run_in_snakemakes_python_and_not_in_what_a_shell_has_set_up(checkout, tmp_path):
    """As in the shell of an experiment's release: no environment is active, another Python is."""
    other = tmp_path / "bin"
    other.mkdir()
    for name in ("python", "python3"):
        (other / name).write_text("#!/bin/sh\necho another Python >&2\nexit 3\n")
        (other / name).chmod(0o755)
    variables = {
        "PATH": f"{other}:/usr/bin:/bin",
        "PYTHIA8DATA": str(other),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "HOME": "/dev/null",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "VIRTUAL_ENV": str(other),
        "CONDA_PREFIX": str(other),
        "SLURM_JOB_ID": "7",
        "RANK": "3",
        "WORLD_SIZE": "4",
        "CDPATH": f"/:{tmp_path}",
        "IFS": "-/o",
        "MAKEFLAGS": "-n",
        "LD_LIBRARY_PATH": str(other),
        "BASH_ENV": str(tmp_path / "bash_env"),
        "PIP_USER": "1",
    }
    # of each bash: what it does is its user's
    (tmp_path / "bash_env").write_text(f": > {tmp_path}/honoured\n")
    target = "resources/shards/q/00000.h5"
    place = tmp_path / "run"
    arguments = ("--cores", "1", "--directory", str(place), "--config", FEW, "--", target)
    snakemake(checkout, *arguments, variables=variables)
    assert (place / target).is_file()
    assert (tmp_path / "honoured").exists()


@pytest.mark.parametrize(
    ("profile", "content", "said"),
    [
        ("/nowhere", None, r"profile directory given \(/nowhere\)"),
        ("site", "rerun-triggers: nonsense", "--rerun-triggers: invalid choice: 'nonsense'"),
        ("site", "- a list", ""),
    ],
)
def test_a_profile_of_the_user_is_snakemakes_to_read(checkout, tmp_path, profile, content, said):
    """It counts beside that of the repository; a broken one ends before anything is done."""
    folder = tmp_path / ".config" / "snakemake" / "site"
    folder.mkdir(parents=True)
    if content:
        (folder / "config.yaml").write_text(content)
    place = tmp_path / "run"
    variables = {"HOME": str(tmp_path), "SNAKEMAKE_PROFILE": profile, "XDG_CONFIG_HOME": ""}
    arguments = ("-n", "--cores", "1", "--directory", str(place))
    done = snakemake(checkout, *arguments, check=False, variables=variables)
    assert done.returncode
    assert re.search(said, done.stdout)
    assert not place.exists()

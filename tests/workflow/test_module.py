"""The workflow as a module of another one, where no HyperVAE is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.workflow.running import copy_repository, job_counts, snakemake

CONFIG = {
    "data": {
        "max_particles": 10,
        "jet_types": {"q": {"source": "pythia", "shards": 1, "jets_per_shard": 40}},
    },
    "correlators": {"bins": 20},
    "models": {"q": {"jet_types": ["q"]}},
}
MODULE = """
configfile: "config.yaml"

# Another HyperVAE, which lies in this folder.
import hypervae as another
assert not hasattr(another, "__version__")

module hv:
    snakefile: {snakefile}
    config: config
    {prefix}

use rule * from hv{names}

import hypervae
assert hypervae.__version__

with open("environments.txt", "w") as file:
    rules_with = [rule for rule in workflow.rules if rule.conda_env]
    for path in sorted({{str(rule.basedir.join(rule.conda_env)) for rule in rules_with}}):
        print(path, file=file)

rule own:
    output: "own.txt"
    shell: "echo PYTHONPATH=${{{{PYTHONPATH-}}}} > {{output}}"
"""
IN_A_FOLDER = '"../checkout/workflow/Snakefile"'
ON_A_HOST = 'github("someone/hypervae", path="workflow/Snakefile", tag="v1")'


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """An interpreter with everything that this one has, but HyperVAE."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "hypervae" not in entry.name and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    (folder / "share").symlink_to(Path(sys.prefix) / "share")  # Pythia's settings
    python = folder / "bin" / "python"
    command = [python, "-c", "import snakemake, hypervae"]
    failed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "No module named 'hypervae'" in failed.stderr
    return python


def importer(folder: Path, snakefile: str = IN_A_FOLDER, prefix: str = "", names: str = "") -> Path:
    """A workflow that takes this one as a module, in a folder with a package of the same name."""
    place = folder / "importer"
    (place / "hypervae").mkdir(parents=True, exist_ok=True)
    (place / "hypervae" / "__init__.py").touch()
    (place / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (place / "Snakefile").write_text(
        MODULE.format(snakefile=snakefile, prefix=prefix and f'prefix: "{prefix}"', names=names)
    )
    return place


SHARD = "resources/shards/q/00000.h5"


def test_jobs_run_with_a_prefix_and_survive_a_move(tmp_path, python):
    copy_repository(tmp_path / "checkout")
    place = importer(tmp_path, prefix="jets", names=" as hv_*")
    listed = "jets/results/lists/shards/q.txt"
    wanted = (f"jets/{SHARD}", listed, "own.txt")
    snakemake(place, "--cores", "1", *wanted, python=python)
    assert (place / listed).read_text() == f"jets/{SHARD}\n"
    assert (place / "jets" / SHARD).is_file()
    assert (place / "own.txt").read_text() == "PYTHONPATH=\n"
    assert {path.name for path in place.iterdir() if path.is_dir()} == {
        "hypervae", "jets", ".snakemake",
    }  # fmt: skip

    (tmp_path / "checkout").rename(tmp_path / "moved")
    importer(tmp_path, '"../moved/workflow/Snakefile"', prefix="jets", names=" as hv_*")
    again = snakemake(place, "-n", *wanted, python=python).stdout
    assert job_counts(again) == {}


def test_all_rules_plan_without_a_prefix(tmp_path, python):
    copy_repository(tmp_path / "checkout")
    place = importer(tmp_path)
    planned = job_counts(snakemake(place, "-n", python=python).stdout)
    assert {"simulate_shard", "train_model", "evaluate_jets", "plot_summary"} <= set(planned)
    environments = (place / "environments.txt").read_text().split()
    envs = tmp_path / "checkout" / "envs"
    assert {Path(path).resolve() for path in environments} == set(envs.glob("*.yaml"))


def test_a_module_from_a_git_host_brings_its_library(tmp_path, python, monkeypatch):
    # Snakemake keeps bare clones in its cache, and asks the host only for what is not in them.
    repository = copy_repository(tmp_path / "checkout")
    clones = tmp_path / "cache/snakemake/snakemake/source-cache/snakemake-git-cache"
    clone = clones / "github.com/someone/hypervae"
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
    for command in (
        ("init", "--quiet"),
        ("add", "."),
        (*identity, "commit", "--quiet", "--message", "all"),
        ("tag", "v1"),
        ("clone", "--quiet", "--bare", ".", str(clone)),
    ):
        subprocess.run(["git", *command], cwd=repository, check=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = importer(tmp_path, ON_A_HOST)
    repository.rename(tmp_path / "away")
    snakemake(place, "--cores", "1", SHARD, python=python)
    assert (place / SHARD).is_file()


def test_the_snakefile_plans_in_another_directory(tmp_path, python):
    copy_repository(tmp_path / "checkout")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    arguments = ("-s", "checkout/workflow/Snakefile", "--directory", "elsewhere", "-n")
    config = ("--configfile", "elsewhere/config.yaml")
    planned = job_counts(snakemake(tmp_path, SHARD, *arguments, *config, python=python).stdout)
    assert planned == {"simulate_shard": 1}


@pytest.mark.skipif(shutil.which("conda") is None, reason="conda is not installed")
def test_environments_of_rules_are_found(tmp_path, python):
    copy_repository(tmp_path / "checkout")
    place = importer(tmp_path)
    found = snakemake(place, "--sdm", "conda", "--list-conda-envs", python=python).stdout
    for name in ("simulation", "correlators", "training", "evaluation", "plotting"):
        assert f"checkout/envs/{name}.yaml" in found

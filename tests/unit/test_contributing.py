"""What a contributor is told, and what runs on a contribution, exists."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(
    re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)
MADE = r"\bmake ([a-z][a-z-]*)"


def commands(workflow):
    """The shell commands of the jobs of a workflow, by job."""
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return {
        name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()
    }


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_are_whole(workflow):
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert content[True]  # YAML 1.1 reads `on` as a truth value
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 360
        assert job["steps"][0]["uses"].startswith("actions/checkout@v")
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"[\w/-]+@v\d+", step.get("uses", "a/b@v1"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_make_what_there_is(workflow):
    made = set(re.findall(MADE, "\n".join(commands(workflow).values())))
    assert made
    assert made <= TARGETS


def test_every_step_of_ci_runs_on_a_contribution():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    steps = set(re.findall(r"^make ([a-z][a-z-]*)", script, re.MULTILINE)) | {"run"}
    jobs = commands(ROOT / ".github/workflows/ci.yml")
    assert steps <= {name for text in jobs.values() for name in re.findall(MADE, text)}
    assert {"lint", "test", "run", "slurm", "install"} <= set(jobs)
    packages = " ".join(re.findall(r'"([^"]*)"', re.search(r"for packages in (.*);", script)[1]))
    assert {"slurmctld", "slurmd", "munge", "mariadb-server"} <= set(packages.split())
    assert set(packages.split()) <= set(jobs["slurm"].split())


def test_the_tests_run_on_every_python_that_is_supported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = "Programming Language :: Python :: 3."
    supported = [line.rpartition(" ")[2] for line in project["classifiers"] if named in line]
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert sorted(jobs["test"]["strategy"]["matrix"]["python"]) == sorted(supported)
    # the interpreter is named: otherwise the best tested one of the machine is taken
    assert "make setup PYTHON=python${{ matrix.python }}" in str(jobs["test"]["steps"])


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_issue_forms_are_what_github_takes(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.stem == "config":
        assert all({"name", "url", "about"} == set(link) for link in content["contact_links"])
        return
    assert content["name"]
    assert content["description"]
    fields = [field["id"] for field in content["body"] if field["type"] != "markdown"]
    assert len(fields) == len(set(fields)) > 0
    assert all(field["attributes"]["label"] for field in content["body"])


@pytest.mark.parametrize(
    "page",
    [
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CODE_OF_CONDUCT.md",
        "docs/releasing.md",
        ".github/pull_request_template.md",
    ],
)
def test_pages_for_contributors_name_what_there_is(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(rf"`{MADE}", text)) <= TARGETS
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("http"):
            assert (ROOT / page).parent.joinpath(link).exists(), link
    for script in re.findall(r"python -m (benchmarks\.\w+|hypervae\.[\w.]+)", text):
        assert (ROOT / script.replace(".", "/")).with_suffix(".py").exists(), script

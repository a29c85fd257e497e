"""The recipe of the container image, as far as it can be checked without building it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: (instruction, arguments) of each, continued lines joined.
INSTRUCTIONS = [
    tuple(line.split(None, 1))
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]
COPIED = {
    source: target
    for name, arguments in INSTRUCTIONS
    if name == "COPY"
    for *sources, target in [arguments.split()]
    for source in sources
}


def arguments_of(name):
    return [arguments for instruction, arguments in INSTRUCTIONS if instruction == name]


def test_what_is_copied_is_there_and_not_ignored():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    for source in COPIED:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in lines, source


def test_all_that_the_package_is_built_from_is_copied():
    build = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    readme = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]
    needed = {"pyproject.toml", *PROJECT["project"]["license-files"], *build}
    assert needed | {part["path"] for part in readme} <= set(COPIED)


def test_what_the_workflow_reads_is_copied_beside_it():
    for name in ("workflow", "hypervae", "config", "envs", "profiles"):
        assert COPIED[name] == f"/opt/hypervae/{name}"


def test_the_python_is_one_that_the_package_allows():
    (line,) = [line for line in arguments_of("ARG") if line.startswith("PYTHON=")]
    version = line.partition("=")[2]
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(version)
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]
    (base,) = arguments_of("FROM")
    assert base == "python:${PYTHON}-slim"


@pytest.mark.parametrize("command", arguments_of("RUN"))
def test_each_command_is_right_by_its_syntax(command):
    subprocess.run(["sh", "-n", "-c", command], check=True)


def test_the_build_of_torch_is_chosen_by_what_make_setup_knows():
    (install,) = [command for command in arguments_of("RUN") if "install.py" in command]
    assert re.fullmatch(r'python (\S+) /opt/venv --torch "\$TORCH"', install.strip())
    assert "TORCH=cpu" in arguments_of("ARG")
    script = ROOT / Path(install.split()[1]).relative_to("/opt/hypervae")
    help_text = subprocess.run(
        [sys.executable, script, "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert "--torch {cpu,cuda}" in help_text

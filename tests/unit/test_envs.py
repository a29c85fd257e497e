"""Every conda environment is pinned, and agrees with the lock."""

import re
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

ROOT = Path(__file__).resolve().parents[2]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))
#: What every command of hypervae imports.
COMMAND_LINE = {"click", "h5py", "numpy", "pydantic", "pyyaml", "tqdm"}
#: conda-forge's names that differ from PyPI's.
PYPI_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}
CONDA_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*) =(?P<version>\d+(\.\d+)*)")
PIP_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>\S+)")


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def lock():
    """Return {name: the versions that cpu.lock has for some Python}."""
    versions = {}
    for line in (ROOT / "requirements" / "cpu.lock").read_text().splitlines():
        if match := PIP_PIN.match(line):
            versions.setdefault(match["name"], set()).add(match["version"])
    return versions


def dependencies(path):
    """Return the conda specs and the pip specs of an environment file."""
    conda, pip = [], []
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        if isinstance(entry, dict):
            pip += entry["pip"]
        else:
            conda.append(entry)
    return conda, pip


def post_deploy_specs(path):
    script = path.with_suffix(".post-deploy.sh")
    return PIP_PIN.findall(script.read_text()) if script.exists() else []


@pytest.fixture(params=ENVS, ids=lambda path: path.stem)
def env(request):
    return request.param


def test_there_is_one_environment_per_kind_of_rule():
    expected = {"simulation", "correlators", "training", "evaluation", "plotting"}
    assert {path.stem for path in ENVS} == expected


def test_channels_are_conda_forge_alone(env):
    assert yaml.safe_load(env.read_text())["channels"] == ["conda-forge", "nodefaults"]


def test_every_conda_package_is_pinned_as_in_the_lock(env):
    locked = lock()
    for spec in dependencies(env)[0]:
        match = CONDA_PIN.fullmatch(spec)
        assert match, f"{spec!r} is not 'name =version'"
        name = PYPI_NAMES.get(match["name"], match["name"])
        if name not in {"python", "pip"}:
            prefix = match["version"]
            assert any(f"{v}.".startswith(f"{prefix}.") for v in locked[name]), spec


def test_conda_specs_are_valid(env):
    for spec in dependencies(env)[0]:
        assert MatchSpec(spec).version is not None


def test_pip_packages_have_the_versions_of_the_lock(env):
    locked = lock()
    for spec in dependencies(env)[1]:
        match = PIP_PIN.fullmatch(spec)
        assert match, f"{spec!r} is not 'name==version'"
        assert match["version"] in locked[normalized(match["name"])], spec
    for name, version in post_deploy_specs(env):
        assert version in locked[normalized(name)], name


def test_pip_itself_is_there_where_it_is_needed(env):
    conda, pip = dependencies(env)
    if pip:
        assert any(spec.startswith("pip ") for spec in conda)


def test_the_command_line_can_start(env):
    names = {spec.split()[0] for spec in dependencies(env)[0]}
    assert names >= COMMAND_LINE


def test_every_env_named_by_a_rule_exists():
    rules = [ROOT / "workflow" / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    text = "\n".join(path.read_text() for path in rules)
    assert set(re.findall(r"envs/([\w-]+)\.yaml", text)) <= {path.stem for path in ENVS}

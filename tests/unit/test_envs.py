"""Every conda environment is pinned, and agrees with the lock."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

ROOT = Path(__file__).resolve().parents[2]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))
#: What every command of hypervae imports.
COMMAND_LINE = {"click", "h5py", "numpy", "pydantic", "pyyaml", "tqdm"}
#: The extra of pyproject.toml that the commands of each environment's rules need.
EXTRAS = {
    "simulation": "simulate",
    "training": "train",
    "evaluation": "evaluate",
    "plotting": "plot",
}
#: conda-forge's names that differ from PyPI's.
PYPI_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}
CONDA_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*) =(?P<version>\d+(\.\d+)*)")
PIP_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>\S+)")


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def lock():
    """Return {name: the versions that the locks have for some Python}."""
    versions = {}
    for name in ("torch.lock", "cpu.lock"):
        for line in (ROOT / "requirements" / name).read_text().splitlines():
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


def extra_packages(name):
    """Return the names of an extra's packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = set()
    for requirement in project["optional-dependencies"][name]:
        package = re.match(r"hypervae\[(\w+)\]|[\w.-]+", requirement)
        found |= extra_packages(package[1]) if package[1] else {normalized(package[0])}
    return found


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


def test_the_extra_of_its_commands_is_there(env):
    conda, pip = dependencies(env)
    names = {PYPI_NAMES.get(spec.split()[0], spec.split()[0]) for spec in conda}
    names |= {normalized(PIP_PIN.match(spec)["name"]) for spec in pip}
    if env.stem in EXTRAS:
        assert extra_packages(EXTRAS[env.stem]) <= names


def test_every_env_named_by_a_rule_exists():
    rules = [ROOT / "workflow" / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    text = "\n".join(path.read_text() for path in rules)
    assert set(re.findall(r"envs/([\w-]+)\.yaml", text)) <= {path.stem for path in ENVS}
